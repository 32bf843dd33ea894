/** Nodes of the dictionary whose ids, and so places, are those of their keys. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Stream } from "effect"
import type { ChordEvent } from "../../src/Chord/ChordEvent.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import * as NodeTls from "../../src/Transport/NodeTls.ts"
import { Transport } from "../../src/Transport/Transport.ts"
import { directory, isIdeal, lost, quick, setAll, start } from "../compliance/chord.ts"
import { until } from "../utils/eventually.ts"

const wire = Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, Compression.layerNone]))

describe("a chord node with an identity", () => {
  it.live("has its id and its share again when it starts again, at another address, in a ring that lives on", () =>
    Effect.gen(function*() {
      const folder = yield* directory
      const options = { ...quick, identity: `${folder}/own`, data: `${folder}/share` }
      const host = yield* start(NodeChord.layerTls(quick))
      const bootstrap = [String(host.chord.address)]
      const first = yield* start(NodeChord.layerTls({ ...options, bootstrap }))
      yield* isIdeal([host, first])
      yield* setAll(first)
      yield* first.stop

      const again = yield* start(NodeChord.layerTls({ ...options, bootstrap }))
      yield* isIdeal([host, again])

      assert.strictEqual(again.chord.id, first.chord.id)
      assert.deepStrictEqual(yield* lost(again), [])
      assert.deepStrictEqual(yield* lost(host), [])
    }))

  it.live("lets nobody in who claims the id of another, and tells of it", () =>
    Effect.gen(function*() {
      const host = yield* start(NodeChord.layerTls(quick))
      const victim = yield* start(NodeChord.layerTls({ ...quick, bootstrap: [String(host.chord.address)] }))
      yield* isIdeal([host, victim])
      const events: Array<ChordEvent> = []
      yield* Stream.runForEach(host.chord.events, (event) => Effect.sync(() => void events.push(event))).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      const context = yield* Layer.build(Layer.merge(wire, NodeTls.layer()))
      const protocol = Context.get(context, Protocol)
      const networkId = protocol.chordNetworkId(protocol.networkId("chord", NodeTls.encryptionOf("pinned")), 160)
      const payload = protocol.encodePayload({
        _tag: "Handshake",
        nodeId: victim.chord.id,
        networkId,
        address: victim.chord.address,
        methods: ["effect-p2p:1:7"]
      })

      const connection = yield* Context.get(context, Transport).dial(host.chord.address)
      yield* connection.send([frame(protocol.encode(protocol.make("whisper", victim.chord.id, payload, 1)))])
      yield* until("told", Effect.sync(() => events.some((event) => event._tag === "Rejected")))
      yield* victim.chord.set("color", "blue")

      const [rejected] = events.flatMap((event) => event._tag === "Rejected" ? [event.reason] : [])
      assert.deepInclude(rejected, { _tag: "IdentityMismatch", claimed: victim.chord.id })
      assert.deepStrictEqual(yield* host.chord.get("color"), Option.some("blue"))
    }))
})
