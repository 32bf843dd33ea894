import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as CallCodec from "../../src/Chord/internal/CallCodec.ts"
import type { PeersEvent, PeersOptions } from "../../src/Chord/internal/PeersOptions.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { ask, at, begin, call, failure, goodbye, heard, meet, type Node, say, start, test } from "../utils/CallNodes.ts"
import { dialAs } from "../utils/InteropNode.ts"

/** A node with what it tells. */
const startTelling = Effect.fnUntraced(function*(options: Partial<PeersOptions> = {}) {
  const events: Array<PeersEvent> = []
  const node = yield* start("a", { ...options, onEvent: (event) => void events.push(event) })
  const reasons = () => events.flatMap((event) => event._tag === "Rejected" ? [event.reason._tag] : [])
  return { node, events, reasons }
})

/** Connections without a word, all from one host. */
const crowd = (node: Node, count: number, host = "evil") =>
  Effect.forEach(Array.from({ length: count }), () => dialAs(host, node.address, host))

const openCount = (peers: Effect.Success<ReturnType<typeof crowd>>) =>
  Effect.map(
    Effect.forEach(peers, (peer) => peer.isEnded),
    (ended) => ended.filter((isEnded) => !isEnded).length
  )

const assertServes = Effect.fnUntraced(function*(node: Node) {
  assert.deepStrictEqual(yield* ask(yield* start("honest"), node, "echo", "fine"), ["fine"])
})

describe("Peers: what one host may have", () => {
  test(
    "connects that come too fast are closed unread, and cost nobody else anything",
    Effect.gen(function*() {
      const { node, reasons } = yield* startTelling({ maxConnectsPerSource: 5 })

      const peers = yield* crowd(node, 60)

      // Four seconds' worth at once, and 10 ms for each dial of this test.
      assert.strictEqual(yield* openCount(peers), 22)
      assert.deepStrictEqual(new Set(reasons()), new Set(["TooManyConnects"]))
      assert.deepStrictEqual(yield* node.banning.bans, [])
      yield* assertServes(node)
    })
  )

  test(
    "half handshakes take its share of the places, and not those of others",
    Effect.gen(function*() {
      const limits = { maxPendingHandshakes: 8, maxPendingPerSource: 5 }
      const { node, reasons } = yield* startTelling(limits)

      const peers = yield* crowd(node, 20)
      yield* crowd(node, 5, "worse")

      assert.strictEqual(node.stats().pendingHandshakes, 8)
      assert.strictEqual(yield* openCount(peers), 4)
      assert.deepStrictEqual(new Set(reasons()), new Set(["SourceFull", "Full"]))
      yield* assertServes(node)
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(node.stats(), { pendingHandshakes: 0, inboundLinks: 1 })
    })
  )

  test(
    "of its links the idle one used longest ago makes room, and when all are busy the newcomer is refused",
    Effect.gen(function*() {
      const { node, reasons } = yield* startTelling({ maxLinksPerSource: 2 })
      const join = Effect.fnUntraced(function*(id: string) {
        const peer = yield* dialAs(id, node.address, "evil")
        yield* peer.handshake("net", ["effect-p2p:1:2"], at("evil"))
        yield* TestClock.adjust("10 millis")
        return peer
      })
      const [first, second, third] = [yield* join("1"), yield* join("2"), yield* join("3")]
      assert.strictEqual(goodbye(first), "Disconnected")
      for (const peer of [second, third]) yield* say(peer, CallCodec.encodeCall(1, "never", []))
      yield* TestClock.adjust("10 millis")

      const fourth = yield* join("4")

      assert.strictEqual(goodbye(fourth), "SourceFull")
      assert.deepStrictEqual(reasons(), ["SourceFull"])
      assert.strictEqual(node.stats().inboundLinks, 2)
      yield* assertServes(node)
    })
  )

  test(
    "a flood over several links: what comes behind it is read later, and others are answered meanwhile",
    Effect.gen(function*() {
      const { events, node } = yield* startTelling({ maxMessagesPerSecond: 100 })
      const peers = [yield* meet(node, "evil"), yield* meet(node, "evil")]
      const flood = Effect.fnUntraced(function*(first: number) {
        for (let number = first; number < first + 300; number++) {
          for (const peer of peers) yield* say(peer, CallCodec.encodeCall(number, "echo", []))
        }
        yield* TestClock.adjust("1 second")
      })
      yield* flood(1)
      yield* flood(301)

      // What was read at once of each link: five seconds' worth in debt.
      assert.strictEqual(node.stats().served, 600)
      yield* assertServes(node)
      assert.deepInclude(events.find(({ _tag }) => _tag === "PeerThrottled"), { id: "evil", count: 1 })
      yield* TestClock.adjust("10 seconds")
      // None is lost.
      assert.strictEqual(peers.flatMap(heard).length, 1200)
      assert.isAtLeast(node.stats().throttled, 2)
    })
  )

  test(
    "messages that never end are bounded in bytes and in time",
    Effect.gen(function*() {
      const limits = { maxUnfinishedBytes: 3000, frameTimeout: "8 seconds" as const, banScore: 1000 }
      const { node } = yield* startTelling(limits)
      const part = frame(new Uint8Array(100_000)).subarray(0, 2000)
      const peers = [yield* meet(node, "evil"), yield* meet(node, "worse")]
      for (const peer of peers) {
        yield* peer.write(part)
        yield* TestClock.adjust("10 millis")
      }
      assert.deepStrictEqual(peers.map(goodbye), ["OverBudget", undefined])
      assert.strictEqual(node.stats().unfinishedBytes, 2000)

      yield* TestClock.adjust("10 seconds")

      assert.deepStrictEqual(peers.map(goodbye), ["OverBudget", "FrameTimeout"])
      assert.deepInclude(node.stats(), { unfinishedBytes: 0, inboundLinks: 0 })
      yield* assertServes(node)
    })
  )
})

describe("Peers: bans", () => {
  test(
    "come with the third message that is none, end all links with that host, and end in time",
    Effect.gen(function*() {
      const { events, node, reasons } = yield* startTelling()
      const quiet = yield* meet(node, "evil")
      for (let time = 0; time < 3; time++) {
        const peer = yield* meet(node, "evil")
        yield* peer.write(frame(Uint8Array.of(1, 2, 3)))
        yield* TestClock.adjust("10 millis")
      }

      assert.strictEqual(goodbye(quiet), "Banned")
      assert.deepInclude(events.find(({ _tag }) => _tag === "PeerBanned"), { target: "evil", isAutomatic: true })
      assert.deepInclude(node.stats(), { banned: 1, bans: 1, inboundLinks: 0 })
      assert.strictEqual(yield* openCount(yield* crowd(node, 1)), 0)
      assert.deepStrictEqual(reasons(), ["Banned"])
      yield* assertServes(node)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* openCount(yield* crowd(node, 1)), 1)
    })
  )

  test(
    "by hand keep a host, or an id from anywhere, out and from being called, until they are taken back",
    Effect.gen(function*() {
      const { events, node } = yield* startTelling()
      const [host, id] = [yield* start("b"), yield* start("c")]
      yield* ask(host, node, "echo")

      yield* node.banning.ban({ host: "b" }, { why: "spam" })
      yield* node.banning.ban({ id: "c" })
      yield* TestClock.adjust("10 millis")

      const { reason } = yield* failure(call(node, host, "echo"))
      assert.deepInclude(reason._tag === "Unreachable" ? reason.cause : reason, { _tag: "Banned", why: "spam" })
      assert.strictEqual((yield* failure(call(host, node, "echo"))).reason._tag, "Unreachable")
      assert.strictEqual((yield* failure(call(id, node, "echo"))).reason._tag, "Unreachable")
      assert.isTrue(yield* node.banning.unban({ host: "b" }))
      assert.isTrue(yield* node.banning.unban({ id: "c" }))
      assert.isFalse(yield* node.banning.unban({ id: "c" }))
      assert.deepStrictEqual(yield* ask(host, node, "echo", "back"), ["back"])
      assert.deepStrictEqual(
        events.flatMap(({ _tag }) => _tag === "Rejected" ? [] : [_tag]),
        ["PeerBanned", "PeerBanned", "PeerUnbanned", "PeerUnbanned"]
      )
    })
  )

  test(
    "do not come over this machine, through which a proxy's clients come",
    Effect.gen(function*() {
      const { node } = yield* startTelling({ maxConnectsPerSource: 1, maxPendingPerSource: 1 })

      assert.strictEqual(yield* openCount(yield* crowd(node, 20, "127.0.0.1")), 20)

      const waiting = yield* begin(call(yield* start("honest"), node, "echo", "fine"))
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* Effect.fromNullishOr(waiting.pollUnsafe()).pipe(Effect.flatten), ["fine"])
    })
  )
})
