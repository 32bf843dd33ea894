import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNetwork, startNode, whileTimePasses } from "../utils/MeshNetwork.ts"

const network = MemoryNetwork.layer({ latency: "20 millis" })

describe("a mesh that loses nodes", () => {
  it.effect("reaches all survivors within five seconds after a third of 48 nodes died at once", () =>
    Effect.gen(function*() {
      const nodes = yield* startNetwork(48)
      const dead = new Set((yield* Random.shuffle(nodes)).slice(0, 16))

      yield* Effect.forEach(dead, (node) => node.crash)
      yield* TestClock.adjust("5 seconds")
      const survivors = nodes.filter((node) => !dead.has(node))
      const ids: Array<string> = []
      for (const node of survivors) ids.push(yield* node.mesh.broadcast(`still here: ${node.host}`))
      yield* TestClock.adjust("2 seconds")

      for (const [index, node] of survivors.entries()) {
        const expected = ids.filter((_, author) => author !== index).sort()
        assert.deepStrictEqual(node.received.map((message) => message.id).sort(), expected, node.host)
      }
    }).pipe(Effect.provide(network), Random.withSeed("a third")))

  it.effect("has its share of links again after it lost them", () =>
    Effect.gen(function*() {
      const nodes = yield* startNetwork(20, { maxOutboundLinks: 3 })
      const node = nodes[10]!
      const before = (yield* node.mesh.peers).filter((peer) => peer.direction === "outbound")
      assert.isAtLeast(before.length, 3)
      const ids = new Set(before.map((peer) => peer.id))

      yield* Effect.forEach(nodes.filter((other) => ids.has(other.mesh.id)), (other) => other.crash)
      yield* TestClock.adjust("5 seconds")

      const after = (yield* node.mesh.peers).filter((peer) => peer.direction === "outbound")
      assert.isAtLeast(after.length, 3)
      assert.isTrue(after.every((peer) => !ids.has(peer.id)))
    }).pipe(Effect.provide(network), Random.withSeed("links")))

  it.effect("dials no more than its share of its own accord", () =>
    Effect.gen(function*() {
      const nodes = yield* startNetwork(30, { maxOutboundLinks: 2 })

      for (const node of nodes) {
        const outbound = (yield* node.mesh.peers).filter((peer) => peer.direction === "outbound")
        assert.isAtMost(outbound.length, 2, node.host)
      }
    }).pipe(Effect.provide(network), Random.withSeed("share")))

  it.effect("dials a node that the user named again and again until it is back", () =>
    Effect.gen(function*() {
      const first = yield* startNode(1)
      const second = yield* startNode(2, { bootstrap: [first.mesh.address] })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* second.mesh.peers).length, 1)

      yield* first.stop
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* second.mesh.peers).length, 0)
      const again = yield* startNode(1)
      yield* TestClock.adjust("40 seconds")

      assert.deepStrictEqual((yield* second.mesh.peers).map((peer) => peer.id), [again.mesh.id])
      assert.isTrue(second.events.some((event) => event._tag === "DialFailed" && event.error.kind === "Refused"))
    }).pipe(Effect.provide(network), Random.withSeed("named")))

  it.effect("does not dial a peer again that was sent away, for a while", () =>
    Effect.gen(function*() {
      const a = yield* startNode(1)
      const b = yield* startNode(2)
      yield* whileTimePasses(b.mesh.connect(a.address))
      yield* TestClock.adjust("1 second")

      assert.isTrue(yield* a.mesh.disconnect(b.mesh.id))
      yield* TestClock.adjust("20 seconds")

      assert.strictEqual((yield* a.mesh.peers).length, 0)
      assert.strictEqual((yield* b.mesh.peers).length, 0)
      const left = b.events.find((event) => event._tag === "PeerLeft")
      assert.deepInclude(left?.reason, { _tag: "Goodbye", reason: "Disconnected" })
      assert.isFalse(yield* a.mesh.disconnect("nobody"))
    }).pipe(Effect.provide(network), Random.withSeed("away")))
})
