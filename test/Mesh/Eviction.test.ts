import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import type { MeshOptions } from "../../src/Mesh/MeshConfig.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { peerIds, startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const methods = ["zlib", "effect-p2p:1:7"]

const ipv4 = (index: number) => `10.0.1.${index}`

const join = Effect.fnUntraced(
  function*(node: TestNode, id: string, index: number, hostOf: (index: number) => string = ipv4) {
    const peer = yield* whileTimePasses(RawPeer.dial(node, { host: hostOf(index), id, methods }))
    yield* peer.handshake
    yield* TestClock.adjust("100 millis")
    return peer
  }
)

type Peer = Effect.Success<ReturnType<typeof join>>

/** A node with eight slots, all taken by idle peers, `"0"` to `"7"`, and a link of its own to an author. */
const startFull = Effect.fnUntraced(
  function*(options: Partial<MeshOptions> = {}, hostOf: (index: number) => string = ipv4) {
    const author = yield* startNode(2, { maxOutboundLinks: 0 })
    const node = yield* startNode(1, {
      maxInboundLinks: 8,
      maxOutboundLinks: 0,
      pingInterval: "1 hour",
      evictAfter: options.evictAfter ?? "20 seconds"
    })
    yield* whileTimePasses(node.mesh.connect(author.address))
    const idle: Array<Peer> = []
    for (let index = 0; index < 8; index++) idle.push(yield* join(node, `${index}`, index, hostOf))
    return { node, author, idle }
  }
)

/** So many broadcasts, one a second. */
const broadcasts = (author: TestNode, count: number) =>
  Effect.gen(function*() {
    for (let number = 0; number < count; number++) {
      yield* author.mesh.broadcast(`number ${number}`)
      yield* TestClock.adjust("1 second")
    }
  })

const ended = (peers: ReadonlyArray<Peer>) => peers.filter((peer) => peer.ended()._tag === "Some").map(({ id }) => id)
const says = (peer: Peer) => peer.payloads().map((payload) => payload._tag)

describe("a node whose inbound slots are all taken", () => {
  it.effect("gives a newcomer the slot of a peer that passes on nothing, and tells that one where to go", () =>
    Effect.gen(function*() {
      const { author, idle, node } = yield* startFull()
      yield* broadcasts(author, 25)

      const newcomer = yield* join(node, "newcomer", 100)
      yield* TestClock.adjust("2 seconds")

      assert.include(yield* peerIds(node), "newcomer")
      assert.deepStrictEqual([ended(idle), ended([newcomer])], [["2"], []])
      assert.strictEqual((yield* node.mesh.stats).evicted, 1)
      const left = node.events.filter((event) => event._tag === "PeerLeft")
      assert.deepStrictEqual(left.map(({ id, reason }) => [id, reason]), [["2", { _tag: "Full", limit: 8 }]])
      assert.strictEqual((yield* node.mesh.peers).length, 9)
      assert.deepStrictEqual(says(idle[2]!).slice(-2), ["Peers", "Custom"])
    }).pipe(Effect.provide(network), Random.withSeed("newcomer")))

  it.effect("keeps those that pass on broadcasts, be they copies, those that are there longest, and its own", () =>
    Effect.gen(function*() {
      const { author, idle, node } = yield* startFull()
      yield* broadcasts(author, 20)
      for (const index of [2, 3, 5]) {
        const copy = idle[index]!.make("broadcast", [RawPeer.bytes("broadcast"), RawPeer.bytes("news")], 20, "somebody")
        yield* idle[index]!.say(copy)
      }
      yield* broadcasts(author, 10)

      for (let index = 0; index < 10; index++) yield* join(node, `newcomer ${index}`, 100 + index)
      yield* TestClock.adjust("2 seconds")

      const stayed = ["0", "1", "2", "3", "5"]
      const ids = yield* peerIds(node)
      assert.deepStrictEqual(ids.filter((id) => id.length === 1), stayed)
      assert.deepStrictEqual(ended(idle), ["4", "6", "7"])
      assert.include(ids, author.mesh.id)
      // Newcomers have their time as well.
      assert.deepStrictEqual(ids.filter((id) => id.startsWith("newcomer")), ["newcomer 0", "newcomer 1", "newcomer 2"])
      assert.strictEqual((yield* node.mesh.stats).evicted, 3)
    }).pipe(Effect.provide(network), Random.withSeed("useful")))

  it.effect("does not let one back in the same way that made room for another", () =>
    Effect.gen(function*() {
      const { author, idle, node } = yield* startFull()
      yield* broadcasts(author, 25)
      yield* join(node, "newcomer", 100)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(ended(idle), ["2"])

      const again = yield* join(node, "again", 2)
      const other = yield* join(node, "other", 101)
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(ended([again, other]), ["again"])
      yield* TestClock.adjust("10 minutes")
      yield* broadcasts(author, 10)
      const later = yield* join(node, "later", 2)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(ended([later]), [])
    }).pipe(Effect.provide(network), Random.withSeed("again")))

  it.effect("does not let one back from another address of its network either", () =>
    Effect.gen(function*() {
      const { author, idle, node } = yield* startFull({}, (index) => `2001:db8:0:${index}::1`)
      yield* broadcasts(author, 25)
      yield* join(node, "newcomer", 100)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(ended(idle), ["2"])

      const again = yield* join(node, "again", 2, (index) => `2001:db8:0:${index}::2`)
      const other = yield* join(node, "other", 9, (index) => `2001:db8:0:${index}::1`)
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(ended([again, other]), ["again"])
    }).pipe(Effect.provide(network), Random.withSeed("network")))

  it.effect("still takes what the peer said before it knew that it has to go", () =>
    Effect.gen(function*() {
      const { author, idle, node } = yield* startFull()
      yield* broadcasts(author, 25)
      const newcomer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.100", id: "newcomer", methods }))
      yield* newcomer.handshake
      yield* TestClock.adjust("5 millis")
      yield* idle[2]!.say(idle[2]!.make("broadcast", [Uint8Array.of(0), RawPeer.bytes("on its way")], 25))
      yield* TestClock.adjust("1 second")

      assert.strictEqual((yield* node.mesh.stats).evicted, 1)
      assert.deepStrictEqual(node.received.at(-1)?.text, "on its way")
      assert.strictEqual(author.received.length, 1)
    }).pipe(Effect.provide(network), Random.withSeed("on its way")))

  for (
    const [what, options, count, seconds] of [
      ["in a network where little is said", {}, 7, 60],
      ["to a peer that came just now", {}, 15, 0],
      ["when `evictAfter` is infinite", { evictAfter: Duration.infinity }, 40, 0]
    ] as const
  ) {
    it.effect(`does no harm ${what}`, () =>
      Effect.gen(function*() {
        const { author, idle, node } = yield* startFull(options)
        yield* broadcasts(author, count)
        yield* TestClock.adjust(seconds * 1000)

        const newcomer = yield* join(node, "newcomer", 100)
        yield* TestClock.adjust("2 seconds")

        assert.deepStrictEqual(ended(idle), [])
        assert.deepStrictEqual(ended([newcomer]), ["newcomer"])
        assert.strictEqual((yield* node.mesh.stats).evicted, 0)
      }).pipe(Effect.provide(network), Random.withSeed("quiet")))
  }
})
