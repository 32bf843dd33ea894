/** Addresses by other transports: told to ours, and never to original nodes, which cannot dial them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const webSocket = new PeerAddress({ host: "ws://10.0.0.1", port: 8080 })
const here = new PeerAddress({ host: "10.0.0.1", port: 4444 })
const page = ["zlib", "effect-p2p:1:7", "effect-p2p:at:ws://10.0.1.1:8080"]

type Peer = Effect.Success<ReturnType<typeof RawPeer.dial>>

/** The addresses in all lists of peers that a peer was sent, in order of the alphabet. */
const listed = (peer: Peer) =>
  peer.payloads().flatMap((says) => says._tag === "Peers" ? says.peers.map((entry) => String(entry.address)) : [])
    .sort()

const answers = (peer: Peer) =>
  peer.payloads().flatMap((says) => says._tag === "Response" ? [String(says.address)] : [])

const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Scope.Scope>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()), Random.withSeed(name)))

/** A node with a WebSocket, one of ours that has one as well, and an original that comes last. */
const scene = Effect.gen(function*() {
  const node = yield* startNode(1, { maxOutboundLinks: 0, announceFurther: [webSocket] })
  const ours = yield* RawPeer.dial(node, { host: "10.0.1.1", id: "ours", methods: page })
  yield* ours.handshake
  yield* TestClock.adjust("1 second")
  const other = yield* RawPeer.dial(node, { host: "10.0.1.2", id: "other", methods: ["effect-p2p:1:8"] })
  const original = yield* RawPeer.dial(node, { host: "10.0.1.3", id: "original" })
  yield* other.handshake
  yield* original.handshake
  yield* TestClock.adjust("1 second")
  return { node, ours, other, original }
})

describe("addresses by other transports", () => {
  test(
    "are told in the handshake where the originals do not look, beside one that they can dial",
    Effect.gen(function*() {
      const { node, original } = yield* scene

      const [handshake] = original.payloads()

      assert.deepInclude(handshake, { _tag: "Handshake", address: node.mesh.address })
      assert.include(handshake?._tag === "Handshake" ? handshake.methods : [], "effect-p2p:at:ws://10.0.0.1:8080")
      assert.deepStrictEqual(node.mesh.addresses.map(String), ["10.0.0.1:4444", "ws://10.0.0.1:8080"])
    })
  )

  test(
    "are in the lists for ours, and not in those for originals",
    Effect.gen(function*() {
      const { original, other } = yield* scene

      assert.deepStrictEqual(listed(other), ["10.0.1.1:4444", "ws://10.0.1.1:8080"])
      assert.deepStrictEqual(listed(original).filter((address) => address.includes("://")), [])
      assert.include(listed(original), "10.0.1.1:4444")
    })
  )

  test(
    "answer a search that says that it can dial them, and no other",
    Effect.gen(function*() {
      const { node, original, other } = yield* scene
      const search = (peer: Peer, requestId: string, nodeId: string) =>
        peer.say(peer.make("broadcast", peer.protocol.encodePayload({ _tag: "Request", requestId, nodeId }), 2))

      yield* search(original, "4vJ9", "ours")
      yield* search(other, "ws+wss~a.b", "ours")
      yield* search(other, "+ws~c.d", node.mesh.id)
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(answers(original), ["10.0.1.1:4444"])
      assert.deepStrictEqual(answers(other), ["ws://10.0.1.1:8080", "10.0.0.1:4444", "ws://10.0.0.1:8080"])
    })
  )

  test(
    "leave port 0 for originals where a node has no other; nobody is told that one, nor null",
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxOutboundLinks: 0, announce: webSocket })
      const ours = yield* RawPeer.dial(node, {
        host: "10.0.1.1",
        at: here,
        id: "page",
        methods: page,
        address: new PeerAddress({ host: "0.0.0.0", port: 0 })
      })
      yield* ours.handshake
      yield* TestClock.adjust("1 second")
      const original = yield* RawPeer.dial(node, { host: "10.0.1.3", at: here, id: "original" })
      yield* original.handshake
      yield* TestClock.adjust("1 second")

      const [handshake] = original.payloads()

      assert.strictEqual(handshake?._tag === "Handshake" ? String(handshake.address) : "", "0.0.0.0:0")
      assert.deepStrictEqual(listed(original), [])
      assert.strictEqual(String((yield* node.mesh.peers)[0]?.address), "ws://10.0.1.1:8080")
    })
  )

  test(
    "are not learned by a node that cannot dial them",
    Effect.gen(function*() {
      const { node, other } = yield* scene
      const before = (yield* node.mesh.stats).knownAddresses
      const entry = (text: string) => ({ address: new PeerAddress({ host: text, port: 80 }), id: text })

      yield* other.tell({ _tag: "Peers", peers: ["ws://a", "wss://b", "tls://c", "d"].map(entry) }, 2)
      yield* TestClock.adjust("1 second")

      assert.strictEqual((yield* node.mesh.stats).knownAddresses, before + 1)
    })
  )
})
