import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Exit, FileSystem, Layer, Option, Scope } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import { ChordConfig } from "../../src/Chord/ChordConfig.ts"
import * as Invariant from "../../src/Chord/Invariant.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeChordStorage from "../../src/Layers/NodeChordStorage.ts"
import { eventually, until } from "../utils/eventually.ts"

/** Repairs come quickly, so that no test waits long for one. */
const quick = {
  stabilizeInterval: "200 millis",
  fingerInterval: "200 millis",
  repairInterval: "500 millis",
  probeInterval: "1 second"
} as const

const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)

const start = Effect.fnUntraced(function*<E>(layer: Layer.Layer<Chord, E>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const chord = Context.get(yield* Layer.buildWithScope(Layer.fresh(layer), scope), Chord)
  return { chord, stop: Scope.close(scope, Exit.void) }
})

type TcpNode = Effect.Success<ReturnType<typeof start>>

/** Nodes that joined the first one, once each knows exactly what it should. */
const startRing = Effect.fnUntraced(function*(count: number, options: NodeChord.NodeChordWithStorage = {}) {
  const nodes: Array<TcpNode> = []
  for (let index = 0; index < count; index++) {
    const bootstrap = nodes.slice(0, 1).map((node) => String(node.chord.address))
    nodes.push(yield* start(NodeChord.layer({ ...quick, ...options, bootstrap })))
  }
  yield* isIdeal(nodes)
  return nodes
})

const isIdeal = (nodes: ReadonlyArray<TcpNode>) =>
  until(
    "the ring is ideal",
    Effect.map(Effect.forEach(nodes, ({ chord }) => chord.ring), (rings) =>
      rings.every((members) =>
        members.length > 0
      ) &&
      Invariant.isIdeal({ members: rings.flat().map(({ membership }) => membership) }))
  )

const setAll = (node: TcpNode) => node.chord.update(keys.map((key) => [key, `value of ${key}`]))

/** The keys that a node does not read as they were set. */
const lost = ({ chord }: TcpNode) =>
  Effect.filter(keys, (key) => Effect.map(chord.get(key), (value) => Option.getOrNull(value) !== `value of ${key}`))

/** A directory that is removed in the end. */
const directory = Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeFileSystem.layer)
)

const configured = (env: Readonly<Record<string, string>>) =>
  NodeChord.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...env } }))))

describe("NodeChord", () => {
  it.live("reads at each of five nodes what one of them wrote, also when two have left in order", () =>
    Effect.gen(function*() {
      const nodes = yield* startRing(5)
      yield* setAll(nodes[1]!)

      const before = yield* Effect.forEach(nodes, lost)
      yield* nodes[1]!.stop
      yield* nodes[0]!.stop
      const left = nodes.slice(2)
      const after = yield* Effect.forEach(left, lost)

      assert.deepStrictEqual(before, [[], [], [], [], []])
      assert.deepStrictEqual(after, [[], [], []])
      yield* isIdeal(left)
    }))

  it.live("holds several positions when it is told to", () =>
    Effect.gen(function*() {
      const nodes = yield* startRing(2, { virtualNodes: 3, bits: 32 })
      yield* setAll(nodes[0]!)

      assert.deepStrictEqual(yield* lost(nodes[1]!), [])
      assert.lengthOf(yield* nodes[1]!.chord.ring, 3)
      assert.strictEqual(nodes[1]!.chord.bits, 32)
    }))

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
      assert.notStrictEqual(again.chord.id, first.chord.id)
    }))

  it.live("has everything again when all nodes of a ring stop and start", () =>
    Effect.gen(function*() {
      const files = yield* directory
      const restart = Effect.fnUntraced(function*() {
        const nodes: Array<TcpNode> = []
        for (const name of ["a", "b", "c"]) {
          const bootstrap = nodes.slice(0, 1).map((node) => String(node.chord.address))
          nodes.push(yield* start(NodeChord.layer({ ...quick, bootstrap, data: `${files}/${name}` })))
        }
        yield* isIdeal(nodes)
        return nodes
      })
      const nodes = yield* restart()
      yield* setAll(nodes[0]!)
      for (const node of nodes) yield* node.stop

      const again = yield* restart()

      assert.deepStrictEqual(yield* Effect.forEach(again, lost), [[], [], []])
    }))

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

  it.live("says which port is taken, and which text is no address", () =>
    Effect.gen(function*() {
      const node = yield* start(NodeChord.layer())

      const taken = yield* Effect.flip(start(NodeChord.layer({ port: node.chord.address.port })))
      const texts = yield* Effect.forEach(
        [{ bootstrap: ["nowhere"] }, { announce: "nowhere" }, { host: "no where" }],
        (options) => Effect.flip(start(NodeChord.layer(options)))
      )

      assert.strictEqual(taken._tag, "ListenError")
      assert.include(taken.message, "another program uses that port")
      assert.deepStrictEqual(texts.map(({ _tag }) => _tag), ["InvalidAddress", "InvalidAddress", "InvalidAddress"])
    }))

  it.live("leaves no socket behind when its scope closes, however often", () =>
    Effect.gen(function*() {
      const sockets = Effect.sync(() =>
        process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
      )
      const none = eventually(Effect.map(sockets, (count) => assert.strictEqual(count, 0)))
      yield* none

      for (let round = 0; round < 3; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const nodes = yield* startRing(3)
          yield* nodes[0]!.chord.set("round", String(round))
          assert.isAbove(yield* sockets, 0)
        }))
      }

      yield* none
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
