import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import { frame, headerBytes } from "../../src/Protocol/Frame.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const now = 1_000_000
const text = (value: string) => [Uint8Array.of(0), RawPeer.bytes(value)]

/** A node between two peers that the test plays: one that gives, one that takes. */
const between = Effect.fnUntraced(function*(options: Parameters<typeof startNode>[1] = {}) {
  yield* TestClock.setTime(now * 1000)
  const node = yield* startNode(1, { maxOutboundLinks: 0, ...options })
  const giver = yield* RawPeer.dial(node, { host: "10.0.1.1", id: "giver" })
  const taker = yield* RawPeer.dial(node, { host: "10.0.1.2", id: "taker" })
  yield* giver.handshake
  yield* taker.handshake
  yield* TestClock.adjust("1 second")
  return { node, giver, taker }
})

/** The broadcasts that a peer was sent. */
const relayed = (peer: Effect.Success<ReturnType<typeof RawPeer.dial>>) =>
  peer.received.filter((message) => message.type === "waterfall" || message.type === "broadcast")

describe("the relay", () => {
  it.effect("passes a broadcast on once, as waterfall, and not back to where it came from", () =>
    Effect.gen(function*() {
      const { giver, node, taker } = yield* between()
      const message = giver.make("broadcast", text("hello"), now, "author")

      yield* giver.say(message)
      yield* giver.say(message)
      yield* taker.say(giver.make("waterfall", message.payload, now, "author"))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(
        relayed(taker).map((copy) => [copy.type, copy.sender, copy.id, copy.time, ...copy.payload]),
        [["waterfall", "author", message.id, now, ...message.payload]]
      )
      assert.deepStrictEqual(relayed(giver), [])
      assert.strictEqual(node.received.length, 1)
      assert.strictEqual((yield* node.mesh.stats).duplicates, 2)
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("once")))

  it.effect("does not pass a broadcast on to its author", () =>
    Effect.gen(function*() {
      const { giver, node, taker } = yield* between()

      yield* giver.say(giver.make("waterfall", text("yours"), now, "taker"))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(relayed(taker), [])
      assert.strictEqual(node.received.length, 1)
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("author")))

  it.effect("takes a broadcast of exactly the window's age and skew, and none beyond, to the second", () =>
    Effect.gen(function*() {
      const { giver, node, taker } = yield* between()
      const second = now + 1

      for (const time of [second - 61, second - 60, second, second + 60, second + 61]) {
        yield* giver.say(giver.make("broadcast", text(`at ${time}`), time))
      }
      yield* TestClock.adjust("500 millis")

      const taken = [second - 60, second, second + 60].map((time) => `at ${time}`)
      assert.deepStrictEqual(node.received.map((message) => message.text), taken)
      assert.strictEqual(relayed(taker).length, 3)
      const stats = yield* node.mesh.stats
      assert.deepStrictEqual([stats.expired, stats.fromFuture], [1, 1])
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("window")))

  it.effect("takes a broadcast once in all the time that it could be taken", () =>
    Effect.gen(function*() {
      const { giver, node } = yield* between()
      const message = giver.make("broadcast", text("from ahead"), now + 61)

      for (let second = 0; second < 130; second++) {
        yield* giver.say(message)
        yield* TestClock.adjust("1 second")
      }

      assert.strictEqual(node.received.length, 1)
      const stats = yield* node.mesh.stats
      assert.deepStrictEqual([stats.duplicates, stats.expired], [120, 9])
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("once only")))

  it.effect("remembers no more ids than it may", () =>
    Effect.gen(function*() {
      const { giver, node } = yield* between({ maxSeenIds: 50 })

      for (let i = 0; i < 200; i++) yield* giver.say(giver.make("broadcast", text(`number ${i}`), now))
      yield* TestClock.adjust("1 second")

      assert.strictEqual(node.received.length, 200)
      assert.strictEqual((yield* node.mesh.stats).seenIds, 50)
      yield* TestClock.adjust("121 seconds")
      yield* giver.say(giver.make("broadcast", text("later"), now + 122))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* node.mesh.stats).seenIds, 1)
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("bound")))

  it.effect("passes on what it does not know, and drops what would end an original node", () =>
    Effect.gen(function*() {
      const { giver, node, taker } = yield* between()

      yield* giver.say(giver.make("broadcast", [RawPeer.bytes("something new"), RawPeer.bytes("x")], now))
      yield* giver.say(giver.make("broadcast", [], now))
      yield* giver.say(giver.make("0x20", text("unknown main flag"), now))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(relayed(taker).map((copy) => copy.payload[0]), [RawPeer.bytes("something new")])
      assert.deepStrictEqual(node.received, [])
      assert.isTrue(Option.isNone(giver.ended()))
      assert.strictEqual((yield* node.mesh.stats).ignored, 3)
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("unknown")))

  it.effect("counts pings that it does not answer, while the link lasts and after it", () =>
    Effect.gen(function*() {
      const { giver, node } = yield* between()
      const long = [RawPeer.bytes("ping"), new Uint8Array(300)]

      yield* giver.say(giver.make("ping", text("short"), now))
      yield* giver.say(giver.make("ping", long, now))
      yield* TestClock.adjust("1 second")
      const linked = (yield* node.mesh.stats).ignored
      assert.isTrue(yield* node.mesh.disconnect("giver"))
      yield* TestClock.adjust("1 second")

      assert.strictEqual(linked, 1)
      assert.strictEqual((yield* node.mesh.stats).ignored, 1)
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("pings")))

  it.effect("takes what claims a known id for a copy, and checks it where it is no broadcast", () =>
    Effect.gen(function*() {
      const { giver, node, taker } = yield* between()
      const message = giver.make("broadcast", text("true"), now)
      /** The same id over another payload. */
      const tampered = (flag: number) => {
        const bytes = frame(message.body!)
        bytes.set(RawPeer.bytes("lies"), bytes.length - 4)
        bytes[headerBytes + 6 * 4] = flag
        return bytes
      }
      yield* giver.say(message)

      yield* giver.write(tampered(0))
      yield* giver.write(tampered(1))
      yield* giver.write(tampered(2))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(node.received.map((one) => one.text), ["true"])
      assert.strictEqual(relayed(taker).length, 1)
      assert.strictEqual((yield* node.mesh.stats).duplicates, 2)
      assert.isTrue(Option.isNone(giver.ended()))
      yield* giver.write(tampered(2))
      yield* giver.write(tampered(2))
      yield* TestClock.adjust("1 second")
      const left = node.events.find((event) => event._tag === "PeerLeft")
      assert.deepInclude(left?.reason, { _tag: "Malformed", reason: "ChecksumMismatch" })
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("claims")))

  it.effect("ends the link of a peer that sends a malformed frame, and no other", () =>
    Effect.gen(function*() {
      const { giver, node, taker } = yield* between()

      yield* giver.write(Uint8Array.of(0, 0, 0, 3, 1, 2, 3))
      yield* TestClock.adjust("1 second")

      const left = node.events.find((event) => event._tag === "PeerLeft")
      assert.deepInclude(left?.reason, { _tag: "Malformed", reason: "TruncatedLength" })
      assert.isTrue(Option.isSome(giver.ended()))
      assert.deepStrictEqual((yield* node.mesh.peers).map((peer) => peer.id), [taker.id])
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("malformed")))

  it.effect("stamps a payload that is sent twice within a second with the next one, so that both arrive", () =>
    Effect.gen(function*() {
      const { node, taker } = yield* between()

      const ids = [yield* node.mesh.broadcast("again"), yield* node.mesh.broadcast("again")]
      yield* TestClock.adjust("1 second")

      assert.notStrictEqual(ids[0], ids[1])
      assert.deepStrictEqual(relayed(taker).map((copy) => copy.time), [now + 1, now + 2])
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("twice")))
})
