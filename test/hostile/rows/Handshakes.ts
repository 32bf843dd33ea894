/** Rows of connections that do not become what they claim to be. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as NodeMesh from "../../../src/Layers/NodeMesh.ts"
import { peerCount, start } from "../../compliance/mesh.ts"
import { until } from "../../utils/eventually.ts"
import { peerIds, startNode, whileTimePasses } from "../../utils/MeshNetwork.ts"
import * as RawPeer from "../../utils/RawPeer.ts"
import * as Attacker from "../Attacker.ts"
import { assertServes, dial, hasReason, join, live, ours, reasons, type Row, startField, virtual } from "../Row.ts"

export const handshakes: ReadonlyArray<Row> = [
  virtual(
    1,
    "connects, never sends: 100 sockets of ten hosts",
    Effect.gen(function*() {
      const field = yield* startField()
      for (let i = 0; i < 100; i++) yield* dial(field.node, `10.0.1.${i % 10}`)
      assert.isAtMost((yield* field.node.mesh.stats).pendingHandshakes, 64)
      // Somebody else gets in all the same: who has most of the places makes room.
      const newcomer = yield* startNode(3, { maxOutboundLinks: 0 })
      yield* whileTimePasses(newcomer.mesh.connect(field.node.address))
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* field.node.mesh.stats).pendingHandshakes, 0)
      hasReason(field.node, "HandshakeTimeout")
      hasReason(field.node, "Full")
      yield* assertServes(field)
      return { limit: "handshakeTimeout, maxPendingHandshakes", millis: 10_000 }
    })
  ),
  virtual(
    2,
    "slowloris: a byte each second in the handshake",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* dial(field.node, "10.0.1.1")
      yield* peer.write(Uint8Array.of(0, 0, 0, 200))
      for (let second = 0; second < 11; second++) {
        yield* peer.write(Uint8Array.of(0))
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(reasons(field.node), ["HandshakeTimeout"])
      yield* assertServes(field)
      return { limit: "handshakeTimeout", millis: 10_000 }
    })
  ),
  virtual(
    18,
    "handshake claims the id of a connected peer",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1", { id: field.honest.mesh.id, methods: ours })
      yield* peer.tell({ _tag: "UserWhisper", packets: [RawPeer.bytes("it is me")] })
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(peer.ended()._tag, "Some")
      assert.deepStrictEqual(yield* peerIds(field.node), [field.honest.mesh.id])
      yield* assertServes(field)
      return { limit: "the older link answers", millis: 30_000 }
    })
  ),
  live(19, "self-dial, by a proxy", () =>
    Effect.gen(function*() {
      const node = yield* start(NodeMesh.layer({ maxOutboundLinks: 0 }))
      const proxy = yield* Attacker.proxyTo(node.mesh.address.port)
      const begun = performance.now()
      const error = yield* Effect.flip(node.mesh.connect(`127.0.0.1:${proxy}`))
      assert.isTrue(error._tag === "ConnectError" && error.reason._tag === "SelfConnection")
      const honest = yield* start(NodeMesh.layer({ maxOutboundLinks: 0 }))
      yield* honest.mesh.connect(node.mesh.address)
      yield* until("linked", Effect.map(peerCount(node), (count) => count === 1))
      return { limit: "SelfConnection", millis: performance.now() - begun }
    })),
  virtual(
    20,
    "second handshake on a live link",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1", { id: "first" })
      const payload = { nodeId: "second", networkId: field.node.mesh.networkId, address: null, methods: [] }
      yield* peer.tell({ _tag: "Handshake", ...payload }, 1)
      yield* TestClock.adjust("1 second")
      assert.include(yield* peerIds(field.node), "first")
      assert.notInclude(yield* peerIds(field.node), "second")
      assert.isAbove((yield* field.node.mesh.stats).ignored, 0)
      yield* assertServes(field)
      return { limit: "ignored, counted", millis: 0 }
    })
  ),
  virtual(
    21,
    "a message before the handshake",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* dial(field.node, "10.0.1.1")
      yield* peer.say(peer.make("broadcast", [Uint8Array.of(0), RawPeer.bytes("hi")], 0))
      yield* TestClock.adjust("20 millis")
      assert.deepStrictEqual(reasons(field.node), ["HandshakeInvalid"])
      assert.deepStrictEqual(field.node.received, [])
      yield* assertServes(field)
      return { limit: "HandshakeInvalid", millis: 20 }
    })
  ),
  virtual(
    22,
    "another subnet or protocol version",
    Effect.gen(function*() {
      const field = yield* startField()
      const stranger = yield* startNode(7, { subnet: "elsewhere", maxOutboundLinks: 0 })
      const error = yield* whileTimePasses(Effect.flip(stranger.mesh.connect(field.node.address)))
      assert.include(error.message, "another network")
      hasReason(field.node, "NetworkMismatch")
      yield* assertServes(field)
      return { limit: "NetworkMismatch", millis: 20 }
    })
  ),
  virtual(
    23,
    "both dial at once, again and again",
    Effect.gen(function*() {
      const field = yield* startField()
      const other = yield* startNode(3, { maxOutboundLinks: 0 })
      for (let round = 0; round < 5; round++) {
        yield* whileTimePasses(Effect.all([
          other.mesh.connect(field.node.address),
          field.node.mesh.connect(other.address)
        ], { concurrency: 2 }))
        yield* TestClock.adjust("40 seconds")
        assert.strictEqual((yield* peerIds(field.node)).filter((id) => id === other.mesh.id).length, 1)
        assert.deepStrictEqual(yield* peerIds(other), [field.node.mesh.id])
        const [atOther] = yield* other.mesh.peers
        const atNode = (yield* field.node.mesh.peers).find(({ id }) => id === other.mesh.id)
        assert.notStrictEqual(atOther?.direction, atNode?.direction)
        yield* other.mesh.disconnect(field.node.mesh.id)
        yield* TestClock.adjust("1 second")
      }
      yield* assertServes(field)
      return { limit: "the higher id decides", millis: 5000 }
    })
  ),
  live(42, "plaintext, noise and foreign certificates to a TLS port", () =>
    Effect.gen(function*() {
      const node = yield* start(NodeMesh.layerTls({ tls: { mode: "pinned" }, maxOutboundLinks: 0 }))
      const { port } = node.mesh.address
      const begun = performance.now()
      const plain = yield* Attacker.connect(port)
      yield* plain.write(Attacker.handshake("plain", node.mesh.networkId))
      const noise = yield* Attacker.connect(port)
      yield* noise.write(Uint8Array.of(0x16, 3, 1, 0, 50, ...Array.from({ length: 50 }, (_, i) => (i * 37) & 255)))
      const reset = yield* Attacker.connect(port)
      yield* reset.write(Uint8Array.of(0x16, 3))
      yield* reset.reset
      const other = yield* start(NodeMesh.layerTls({ tls: { mode: "compatible" }, maxOutboundLinks: 0 }))
      const refusal = yield* Effect.flip(other.mesh.connect(node.mesh.address))
      assert.include(refusal._tag, "ConnectError")
      const faults = () =>
        node.events.flatMap((event) =>
          event._tag === "Rejected" && event.reason._tag === "TlsRefused" ? [event.reason.fault] : []
        )
      yield* until("told of all", Effect.sync(() => faults().length >= 4))
      assert.includeMembers(faults(), ["PlaintextPeer", "TlsFailed"])
      const honest = yield* start(NodeMesh.layerTls({ tls: { mode: "pinned" }, maxOutboundLinks: 0 }))
      yield* honest.mesh.connect(node.mesh.address)
      yield* until("linked", Effect.map(peerCount(node), (count) => count === 1))
      return { limit: "TlsRefused", millis: performance.now() - begun }
    }))
]
