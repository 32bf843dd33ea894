import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import * as HostileMesh from "../../src/Layers/Simulation/Attack/HostileMesh.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })

/** A node that goes by the id of another, and numbers its links so that they would count as the newest. */
const impostorOf = Effect.fnUntraced(function*(owner: TestNode, host = "10.66.6.6") {
  const layer = HostileMesh.layerTransport({ host, id: owner.mesh.id, firstLinkNumber: 1_000_000_000 })
  const context = yield* Layer.build(Layer.provide(layer, MemoryNetwork.transport(host)))
  return Context.get(context, HostileMesh.HostileMesh)
})

const isHigher = (a: TestNode, b: TestNode) =>
  a.mesh.id.length === b.mesh.id.length ? a.mesh.id > b.mesh.id : a.mesh.id.length > b.mesh.id.length

/** Two nodes that dial nobody of their own accord, the one with the lower id first. */
const startTwo = Effect.gen(function*() {
  const [a, b] = [yield* startNode(1, { maxOutboundLinks: 0 }), yield* startNode(2, { maxOutboundLinks: 0 })]
  return isHigher(a, b) ? [b, a] as const : [a, b] as const
})

const textsOf = (node: TestNode) => node.received.map((message) => message.text)
const left = (node: TestNode) => node.events.filter((event) => event._tag === "PeerLeft")

describe("a node that borrows the id of a linked peer", () => {
  for (const victim of ["lower", "higher"] as const) {
    for (const dialer of ["victim", "owner"] as const) {
      it.effect(`does not get its link, dialed by the ${dialer}, the victim's id being the ${victim}`, () =>
        Effect.gen(function*() {
          const [low, high] = yield* startTwo
          const [node, owner] = victim === "lower" ? [low, high] : [high, low]
          const [from, to] = dialer === "victim" ? [node, owner] : [owner, node]
          yield* whileTimePasses(from.mesh.connect(to.address))
          const impostor = yield* impostorOf(owner)

          // At once, while the link is young, and again when it is old.
          for (let attempt = 0; attempt < 2; attempt++) {
            yield* impostor.connect(node.mesh.address)
            yield* TestClock.adjust("1 second")
            yield* node.mesh.whisper(owner.mesh.id, `attempt ${attempt}`)
            yield* TestClock.adjust("1 minute")
            assert.deepStrictEqual(yield* impostor.peers, [])
          }
          yield* node.mesh.broadcast("to all")
          yield* TestClock.adjust("1 second")

          assert.deepStrictEqual(textsOf(owner), ["attempt 0", "attempt 1", "to all"])
          assert.deepStrictEqual([left(node), left(owner)], [[], []])
          const rejected = node.events.filter((event) => event._tag === "Rejected").map((event) => event.reason)
          assert.deepStrictEqual(rejected.at(-1), { _tag: "Duplicate", id: owner.mesh.id })
          assert.isAtLeast((yield* node.mesh.stats).rejected, 1)
        }).pipe(Effect.provide(network), Random.withSeed("impostor")))
    }

    it.effect(`does not get it by being dialed either, the victim's id being the ${victim}`, () =>
      Effect.gen(function*() {
        const [low, high] = yield* startTwo
        const [node, owner] = victim === "lower" ? [low, high] : [high, low]
        yield* whileTimePasses(node.mesh.connect(owner.address))
        const impostor = yield* impostorOf(owner)

        yield* whileTimePasses(node.mesh.connect(impostor.address))
        yield* TestClock.adjust("1 minute")
        yield* node.mesh.whisper(owner.mesh.id, "for the owner")
        yield* TestClock.adjust("1 second")

        assert.deepStrictEqual(textsOf(owner), ["for the owner"])
        assert.deepStrictEqual([left(node), left(owner)], [[], []])
      }).pipe(Effect.provide(network), Random.withSeed("dialed impostor")))

    it.effect(`does not keep its owner out where the user named that one, the victim's id being the ${victim}`, () =>
      Effect.gen(function*() {
        const [low, high] = yield* startTwo
        const [node, owner] = victim === "lower" ? [low, high] : [high, low]
        const impostor = yield* impostorOf(owner)
        yield* impostor.connect(node.mesh.address)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* impostor.peers, [node.mesh.id])

        yield* whileTimePasses(node.mesh.connect(owner.address))
        yield* TestClock.adjust("1 minute")
        yield* node.mesh.whisper(owner.mesh.id, "for the owner")
        yield* TestClock.adjust("1 second")

        assert.deepStrictEqual(yield* impostor.peers, [])
        assert.deepStrictEqual(textsOf(owner), ["for the owner"])
        assert.deepStrictEqual((yield* node.mesh.peers).map((peer) => String(peer.address)), [owner.address])
      }).pipe(Effect.provide(network), Random.withSeed("named")))
  }

  it.effect("cannot keep broadcasts from the owner by passing them on first", () =>
    Effect.gen(function*() {
      const [node, owner] = yield* startTwo
      const author = yield* startNode(3, { maxOutboundLinks: 0 })
      yield* whileTimePasses(node.mesh.connect(owner.address))
      const impostor = yield* impostorOf(owner)
      yield* whileTimePasses(author.mesh.connect(impostor.address))
      yield* impostor.connect(node.mesh.address)
      yield* TestClock.adjust("100 millis")

      yield* author.mesh.broadcast("by way of the impostor")
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(textsOf(node), ["by way of the impostor"])
      assert.deepStrictEqual(textsOf(owner), ["by way of the impostor"])
    }).pipe(Effect.provide(network), Random.withSeed("swallowed")))

  it.effect("uses up nothing of what its owner may send", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxMessagesPerSecond: 100, maxOutboundLinks: 0 })
      const owner = yield* startNode(2, { maxOutboundLinks: 0 })
      yield* whileTimePasses(owner.mesh.connect(node.address))
      const methods = ["effect-p2p:1:7"]
      const impostor = yield* whileTimePasses(RawPeer.dial(node, { host: "10.66.6.6", id: owner.mesh.id, methods }))
      yield* impostor.handshake
      yield* TestClock.adjust("100 millis")
      const one = impostor.make("whisper", impostor.protocol.encodePayload({ _tag: "Notify", packets: [] }), 0)
      const many = Array.from({ length: 1000 }, () => frame(impostor.protocol.encode(one)))
      yield* impostor.write(new Uint8Array(Buffer.concat(many)))
      yield* TestClock.adjust("100 millis")
      assert.isAbove((yield* node.mesh.stats).throttled, 0)

      const texts = ["first", "second", "third"]
      for (const text of texts) {
        yield* owner.mesh.broadcast(text)
        yield* TestClock.adjust("100 millis")
      }
      assert.deepStrictEqual(textsOf(node), texts)
    }).pipe(Effect.provide(network), Random.withSeed("used up")))
})
