import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Logger, Random } from "effect"
import { TestClock } from "effect/testing"
import { BanList, targetText } from "../../src/Transport/Admission/BanList.ts"
import { Reputation } from "../../src/Transport/Admission/Reputation.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { peerIds, startNaming, startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = Layer.merge(MemoryNetwork.layer({ latency: "10 millis" }), Logger.layer([]))
const idle = { maxOutboundLinks: 0 }

const join = Effect.fnUntraced(function*(node: TestNode, host: string, id = host) {
  const peer = yield* whileTimePasses(RawPeer.dial(node, { host, id }))
  yield* peer.handshake
  yield* TestClock.adjust("100 millis")
  return peer
})

const reasons = (node: TestNode) =>
  node.events.flatMap((event) => event._tag === "Rejected" || event._tag === "PeerLeft" ? [event.reason._tag] : [])

describe("a ban by hand", () => {
  it.effect("of a host ends its links, keeps it out at every port, and is over in time", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, idle)
      const peer = yield* join(node, "10.0.1.1")

      yield* node.mesh.ban({ host: "10.0.1.1" }, { for: "1 minute", why: "spam" })
      yield* TestClock.adjust("1 second")
      const again = yield* join(node, "10.0.1.1", "another id")

      assert.isTrue(peer.ended()._tag === "Some" && again.ended()._tag === "Some")
      assert.deepStrictEqual(reasons(node), ["Banned", "Banned"])
      const [ban] = yield* node.mesh.bans
      assert.deepInclude(ban, { why: "spam", isAutomatic: false, target: { _tag: "Source", source: "10.0.1.1" } })
      const refused = yield* Effect.flip(node.mesh.connect("10.0.1.1:4444"))
      assert.include(refused.message, "10.0.1.1 is banned: spam")
      assert.strictEqual((yield* node.mesh.stats).bans, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* node.mesh.stats).bans, 0)
      assert.deepStrictEqual(yield* node.mesh.bans, [])
      yield* join(node, "10.0.1.1")
      assert.deepStrictEqual(yield* peerIds(node), ["10.0.1.1"])
    }).pipe(Effect.provide(network), Random.withSeed("host")))

  it.effect("of a host holds for a node there that was dialed by a name", () =>
    Effect.gen(function*() {
      const peer = yield* startNode(2, idle)
      const mesh = yield* startNaming("example.org", peer.mesh.address)
      yield* whileTimePasses(mesh.connect("example.org:4444"))

      yield* mesh.ban({ host: peer.host })
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(yield* mesh.peers, [])
      const refused = yield* whileTimePasses(Effect.flip(mesh.connect("example.org:4444")))
      yield* TestClock.adjust("100 millis")
      assert.include(refused.message, "10.0.0.2 is banned")
      assert.deepStrictEqual(yield* peerIds(peer), [])
    }).pipe(Effect.provide(network), Random.withSeed("name")))

  it.effect("of an id keeps out whoever goes by it, from anywhere, until it is taken back", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, idle)
      yield* node.mesh.ban({ id: "evil" }, { for: Duration.infinity })

      yield* join(node, "10.0.1.1", "evil")
      yield* join(node, "10.0.1.1", "good")
      assert.deepStrictEqual(yield* peerIds(node), ["good"])
      assert.isTrue(yield* node.mesh.unban({ id: "evil" }))
      assert.isFalse(yield* node.mesh.unban({ id: "evil" }))
      yield* join(node, "10.0.1.2", "evil")

      assert.deepStrictEqual(yield* peerIds(node), ["evil", "good"])
      assert.deepStrictEqual(
        node.events.flatMap((event) =>
          event._tag === "PeerBanned" || event._tag === "PeerUnbanned" ? [event._tag] : []
        ),
        ["PeerBanned", "PeerUnbanned"]
      )
    }).pipe(Effect.provide(network), Random.withSeed("id")))
})

describe("a ban for misconduct", () => {
  it.effect("comes with the third message that is none, is logged once, and lasts longer the next time", () =>
    Effect.gen(function*() {
      const logs: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => logs.push(message))])
      const node = yield* Effect.provide(startNode(1, idle), logger)
      const misbehave = Effect.gen(function*() {
        for (let time = 0; time < 3; time++) {
          const peer = yield* join(node, "10.0.1.1")
          yield* peer.write(Uint8Array.of(0, 0, 0, 0))
          yield* TestClock.adjust("1 second")
        }
        return (yield* node.mesh.bans)[0]?.leftMillis ?? 0
      })

      const first = yield* misbehave
      yield* TestClock.adjust("11 minutes")
      const second = yield* misbehave

      assert.isAbove(first, 590_000)
      assert.isAbove(second, 2 * 590_000)
      assert.strictEqual((yield* node.mesh.stats).banned, 2)
      assert.deepStrictEqual(logs.flat(), ["banned a peer", "banned a peer"])
    }).pipe(Effect.provide(network), Random.withSeed("misconduct")))

  it.effect("is not for what original nodes do: storms of requests, second links, repeated connections", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, idle)
      const peer = yield* join(node, "10.0.1.1", "python")
      for (let i = 0; i < 3000; i++) {
        yield* peer.tell({ _tag: "RequestPeers" }, i)
        if (i % 100 === 0) yield* TestClock.adjust("300 millis")
      }
      // A chord's storm: many connections at once, most of them for the same node.
      for (let i = 0; i < 8; i++) yield* join(node, "10.0.1.1", "python")

      assert.deepStrictEqual(yield* node.mesh.bans, [])
      assert.deepStrictEqual(yield* peerIds(node), ["python"])
      assert.isFalse(node.events.some((event) => event._tag === "PeerThrottled"))
    }).pipe(Effect.provide(network), Random.withSeed("originals")))
})

describe("BanList", () => {
  it("makes room for a new ban at the cost of the automatic one that ends first", () => {
    const bans = new BanList(2)
    bans.add({ _tag: "Id", id: "a" }, "", false, 10, 0)
    bans.add({ _tag: "Id", id: "b" }, "", true, 1000, 0)
    bans.add({ _tag: "Id", id: "c" }, "", true, 500, 0)

    assert.deepStrictEqual(bans.list(0).map(({ target }) => targetText(target)), ["a", "c"])
    assert.deepStrictEqual(bans.list(10).map(({ target }) => targetText(target)), ["c"])
  })
})

describe("Reputation", () => {
  it("halves in ten minutes, and forgets whoever offended longest ago", () => {
    const reputation = new Reputation()
    reputation.offend("x", 80, 0)
    assert.strictEqual(reputation.scoreOf("x", 600_000), 40)
    assert.strictEqual(reputation.offend("x", 10, 600_000), 50)

    for (let i = 0; i < 4096; i++) reputation.offend(`${i}`, 1, 600_000)

    assert.deepStrictEqual([reputation.count, reputation.scoreOf("x", 600_000)], [4096, 0])
  })
})
