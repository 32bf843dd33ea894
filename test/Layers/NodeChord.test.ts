import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Layer, Option } from "effect"
import { ChordConfig } from "../../src/Chord/ChordConfig.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeChordStorage from "../../src/Layers/NodeChordStorage.ts"
import { chordSuite, directory, isIdeal, lost, quick, setAll, start } from "../compliance/chord.ts"
import { whileTaken } from "../utils/ports.ts"

const configured = (env: Readonly<Record<string, string>>) =>
  NodeChord.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...env } }))))

describe("NodeChord", () => {
  chordSuite({ layer: NodeChord.layer })

  it.live("has what it held again when it starts with the same directory, and keeps others out of it", () =>
    Effect.gen(function*() {
      const data = yield* directory
      const first = yield* start(NodeChord.layer({ data }))
      yield* setAll(first)

      const error = yield* Effect.flip(start(NodeChord.layer({ data })))
      yield* first.stop
      const again = yield* start(NodeChord.layer({ data }))

      assert.strictEqual(error._tag === "StorageError" ? error.reason._tag : error._tag, "StorageInUse")
      assert.deepStrictEqual(yield* lost(again), [])
    }))

  it.live("is in its place again when it starts with the same directory at the same address", () =>
    whileTaken(Effect.gen(function*() {
      const data = yield* directory
      const host = yield* start(NodeChord.layer(quick))
      const bootstrap = [String(host.chord.address)]
      const first = yield* start(NodeChord.layer({ ...quick, bootstrap, data }))
      const { address, id } = first.chord
      yield* isIdeal([host, first])
      yield* first.stop

      const again = yield* start(NodeChord.layer({ ...quick, bootstrap, data, port: address.port }))
      yield* isIdeal([host, again])
      yield* again.stop
      const elsewhere = yield* start(NodeChord.layer({ ...quick, bootstrap, data }))

      assert.strictEqual(again.chord.id, id)
      assert.notStrictEqual(elsewhere.chord.id, id)
    })))

  it.live("names one of this machine's addresses where it listens on all of them", () =>
    Effect.gen(function*() {
      const host = yield* start(NodeChord.layer({ ...quick, host: "0.0.0.0" }))
      const guest = yield* start(NodeChord.layer({ ...quick, bootstrap: [`127.0.0.1:${host.chord.address.port}`] }))

      yield* isIdeal([host, guest])

      const [member] = yield* guest.chord.ring
      const known = member!.membership.successors.map(({ address }) => String(address))
      assert.deepStrictEqual(known, [String(host.chord.address)])
      assert.notStrictEqual(host.chord.address.host, "0.0.0.0")
    }))

  it.live("does not start with a salt that is none, and says what to do", () =>
    Effect.gen(function*() {
      const data = yield* directory
      const first = yield* start(NodeChord.layer({ data }))
      yield* first.stop
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFileString(`${data}/salt`, "\n")

      const error = yield* Effect.flip(start(NodeChord.layer({ data })))

      assert.match(error.message, /salt cannot be read as the share of a node: .*without that file.*another place/)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.live("keeps its share where it is told to", () =>
    Effect.gen(function*() {
      const layer = NodeChord.layerStorage({ host: "127.0.0.1" }).pipe(
        Layer.provide(NodeChordStorage.layerSqlite(`${yield* directory}/share.sqlite`))
      )
      const first = yield* start(layer)
      yield* setAll(first)
      yield* first.stop

      assert.deepStrictEqual(yield* lost(yield* start(layer)), [])
    }))

  it.live("takes its settings from Config", () =>
    Effect.gen(function*() {
      const env = { P2P_CHORD_SUBNET: "configured", P2P_CHORD_BITS: "64" }
      const one = yield* start(
        configured({ ...env, P2P_CHORD_MAX_VALUE_BYTES: "10", P2P_CHORD_DATA: yield* directory })
      )
      const two = yield* start(configured({
        ...env,
        P2P_CHORD_BOOTSTRAP: String(one.chord.address),
        P2P_CHORD_ANNOUNCE: "127.0.0.1:1",
        P2P_CHORD_STABILIZE_INTERVAL: "200 millis"
      }))
      const stranger = yield* start(NodeChord.layer({ bits: 64 }))

      yield* two.chord.set("color", "blue")

      assert.deepStrictEqual(yield* one.chord.get("color"), Option.some("blue"))
      assert.deepStrictEqual([one.chord.bits, String(two.chord.address)], [64, "127.0.0.1:1"])
      const long = yield* Effect.flip(one.chord.set("color", "x".repeat(11)))
      assert.strictEqual(long._tag === "RecordError" ? long.reason._tag : long._tag, "ValueTooLarge")
      const refused = yield* Effect.flip(stranger.chord.join(one.chord.address))
      assert.include(refused.message, "another network")
    }))

  it.live.each([
    ...Object.keys(ChordConfig.defaults).filter((name) => !["listen", "subnet"].includes(name)),
    "port",
    "maxRecords",
    "maxBytes",
    "tombstoneTtl"
  ])("names %s by its capitals when Config has no good value for it", (setting) =>
    Effect.gen(function*() {
      const name = setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

      const error = yield* Effect.flip(start(configured({ [`P2P_CHORD_${name}`]: "-1 rubbish" })))

      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, name)
    }))
})
