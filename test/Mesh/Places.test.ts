import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { peerIds, startNaming, startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const second = new PeerAddress({ host: "10.0.0.2", port: 4444 })
const ours = ["zlib", "effect-p2p:1:7"]

/** A peer that claims the second node's address, though it is at another host. */
const liar = Effect.fnUntraced(function*(node: TestNode, id = "liar") {
  const peer = yield* whileTimePasses(
    RawPeer.dial(node, { host: "10.66.6.6", id, address: second, methods: ours })
  )
  yield* peer.handshake
  yield* TestClock.adjust("100 millis")
  return peer
})

const goodbye = (peer: Effect.Success<ReturnType<typeof liar>>, reason: string) =>
  peer.tell({
    _tag: "Custom",
    subFlag: RawPeer.bytes("goodbye"),
    packets: [RawPeer.bytes(reason), RawPeer.bytes("so it says")]
  })

/** Keeps a scripted peer from being given up as silent. */
const chatter = (peer: Effect.Success<ReturnType<typeof liar>>, seconds: number) =>
  Effect.gen(function*() {
    for (let passed = 0; passed < seconds; passed += 5) {
      yield* peer.tell({ _tag: "RequestPeers" }, passed)
      yield* TestClock.adjust("5 seconds")
    }
  })

describe("an address that a peer only claims", () => {
  it.effect("does not keep the node from dialing the bootstrap node that is there", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { bootstrap: [second] })
      const peer = yield* liar(node)
      const bootstrap = yield* startNode(2)

      yield* chatter(peer, 40)

      assert.deepStrictEqual(yield* peerIds(node), [bootstrap.mesh.id, "liar"].sort())
    }).pipe(Effect.provide(network), Random.withSeed("claimed")))

  it.effect("in a list of peers does not either, under the id of a linked node", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { bootstrap: [second] })
      const peer = yield* liar(node)
      yield* peer.tell({ _tag: "Peers", peers: [{ address: second, id: "liar" }] })
      const bootstrap = yield* startNode(2)

      yield* chatter(peer, 40)

      assert.include(yield* peerIds(node), bootstrap.mesh.id)
    }).pipe(Effect.provide(network), Random.withSeed("listed")))

  it.effect("in a list of peers does not keep it from dialing any node under the id of a linked one", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.66.6.6", id: "liar", methods: ours }))
      yield* peer.handshake
      yield* TestClock.adjust("100 millis")
      const honest = yield* startNode(2, { maxOutboundLinks: 0 })
      const entry = { address: second, id: honest.mesh.id }

      yield* peer.tell({ _tag: "Peers", peers: [{ address: second, id: "liar" }] })
      yield* peer.tell({ _tag: "Peers", peers: [entry] }, 1)
      yield* chatter(peer, 40)

      assert.include(yield* peerIds(node), honest.mesh.id)
    }).pipe(Effect.provide(network), Random.withSeed("any node")))

  it.effect("is not what `connect` takes for a link to it", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxOutboundLinks: 0 })
      yield* liar(node)
      const real = yield* startNode(2, { maxOutboundLinks: 0 })

      const peer = yield* whileTimePasses(node.mesh.connect(second))

      assert.strictEqual(peer.id, real.mesh.id)
    }).pipe(Effect.provide(network), Random.withSeed("asked for")))

  it.effect("is not forgotten or left alone because that peer says that it stops", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxOutboundLinks: 0, bootstrap: [second] })
      const source = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1", id: "source" }))
      yield* source.handshake
      yield* TestClock.adjust("100 millis")
      const third = new PeerAddress({ host: "10.0.0.3", port: 4444 })
      yield* source.tell({ _tag: "Peers", peers: [{ address: third, id: "third" }] })
      yield* TestClock.adjust("100 millis")
      const before = (yield* node.mesh.stats).knownAddresses

      const peer = yield* whileTimePasses(
        RawPeer.dial(node, { host: "10.66.6.6", id: "third", address: third, methods: ours })
      )
      yield* peer.handshake
      yield* TestClock.adjust("100 millis")
      yield* goodbye(peer, "Stopped")
      yield* TestClock.adjust("100 millis")

      assert.strictEqual((yield* node.mesh.stats).knownAddresses, before)
    }).pipe(Effect.provide(network), Random.withSeed("stopped")))

  it.effect("of a bootstrap node is dialed again though that peer says that it does not want it", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { bootstrap: [second], maxOutboundLinks: 0 })
      yield* goodbye(yield* liar(node), "Disconnected")
      yield* TestClock.adjust("100 millis")
      const bootstrap = yield* startNode(2)
      yield* TestClock.adjust("40 seconds")

      assert.deepStrictEqual(yield* peerIds(node), [bootstrap.mesh.id])
    }).pipe(Effect.provide(network), Random.withSeed("unwanted")))
})

describe("a bootstrap node that sends this one away", () => {
  it.effect("is dialed again after the longest wait, and not sooner", () =>
    Effect.gen(function*() {
      const bootstrap = yield* startNode(2, { maxOutboundLinks: 0 })
      const node = yield* startNode(1, { bootstrap: [second], maxOutboundLinks: 0 })
      yield* TestClock.adjust("1 second")

      assert.isTrue(yield* bootstrap.mesh.disconnect(node.mesh.id))
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual(yield* peerIds(node), [])
      yield* TestClock.adjust("10 seconds")

      assert.deepStrictEqual(yield* peerIds(node), [bootstrap.mesh.id])
    }).pipe(Effect.provide(network), Random.withSeed("sent away")))
})

describe("a bootstrap node that this one sends away", () => {
  it.effect("is not kept to either when there was a second link to that id", () =>
    Effect.gen(function*() {
      const bootstrap = yield* startNode(2, { maxOutboundLinks: 0 })
      const node = yield* startNode(1, { bootstrap: [second], maxOutboundLinks: 0 })
      yield* TestClock.adjust("1 second")
      const contender = yield* whileTimePasses(
        RawPeer.dial(node, { host: "10.66.6.6", id: bootstrap.mesh.id, methods: ours })
      )
      yield* contender.handshake
      yield* TestClock.adjust("15 millis")

      assert.isTrue(yield* node.mesh.disconnect(bootstrap.mesh.id))
      yield* TestClock.adjust("20 seconds")

      assert.deepStrictEqual(yield* peerIds(node), [])
    }).pipe(Effect.provide(network), Random.withSeed("two links")))

  it.effect("is not kept to any more", () =>
    Effect.gen(function*() {
      const bootstrap = yield* startNode(2, { maxOutboundLinks: 0 })
      const node = yield* startNode(1, { bootstrap: [second], maxOutboundLinks: 0 })
      yield* TestClock.adjust("1 second")

      assert.isTrue(yield* node.mesh.disconnect(bootstrap.mesh.id))
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual(yield* peerIds(node), [])
    }).pipe(Effect.provide(network), Random.withSeed("send away")))

  it.effect("is not dialed at its address either when it was dialed by a name", () =>
    Effect.gen(function*() {
      const bootstrap = yield* startNode(2, { maxOutboundLinks: 0 })
      const mesh = yield* startNaming("example.org", second)
      yield* whileTimePasses(mesh.connect("example.org:4444"))

      assert.isTrue(yield* mesh.disconnect(bootstrap.mesh.id))
      yield* TestClock.adjust("20 seconds")

      assert.deepStrictEqual(yield* mesh.peers, [])
    }).pipe(Effect.provide(network), Random.withSeed("name")))
})
