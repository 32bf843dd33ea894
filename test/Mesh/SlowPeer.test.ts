import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const options = { maxOutboundLinks: 0, maxOutboxBytes: 100_000, drainTimeout: 0 }

/** A node with two healthy peers and one that never reads. */
const withStuckPeer = Effect.fnUntraced(function*() {
  const node = yield* startNode(1, options)
  const healthy = [yield* startNode(2, options), yield* startNode(3, options)]
  for (const peer of healthy) yield* peer.mesh.connect(node.address)
  const stuck = yield* RawPeer.dial(node, { host: "10.0.1.1", id: "stuck", reads: false })
  yield* stuck.handshake
  yield* TestClock.adjust("1 second")
  return { node, healthy, stuck }
})

const large = (index: number) => Uint8Array.from({ length: 10_000 }, (_, i) => (i * index) & 255)

describe("a peer that does not read", () => {
  it.effect("delays nobody for longer than the patience, and only once", () =>
    Effect.gen(function*() {
      const { healthy, node } = yield* withStuckPeer()

      const publisher = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }, (_, i) => i), (i) => node.mesh.broadcast(large(i + 1))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")
      const sent = yield* Fiber.join(publisher)

      assert.strictEqual(sent.length, 100)
      for (const peer of healthy) assert.strictEqual(peer.received.length, 100)
      assert.isTrue(node.events.some((event) => event._tag === "PeerSlow" && event.id === "stuck"))
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("stuck")))

  for (const leaves of [false, true]) {
    it.effect(`is waited for three times a minute, under whatever id it comes${leaves ? ", and leaves in time" : ""}`, () =>
      Effect.gen(function*() {
        const { node } = yield* withStuckPeer()
        const network = yield* MemoryNetwork
        let count = 0
        const flood = Effect.forEach(
          Array.from({ length: 40 }),
          () => Effect.suspend(() => node.mesh.broadcast(large(++count)))
        )
        const waited: Array<boolean> = []
        for (const round of [1, 2, 3, 4, 5]) {
          const sending = yield* Effect.forkChild(flood, { startImmediately: true })
          yield* TestClock.adjust("0 millis")
          waited.push(sending.pollUnsafe() === undefined)
          yield* TestClock.adjust(leaves ? "900 millis" : "1 second")
          if (leaves) yield* network.reset("10.0.1.1", node.host)
          yield* Fiber.join(sending)
          // A wait is forgiven after 20 seconds.
          if (round === 4) yield* TestClock.adjust("20 seconds")
          yield* (yield* RawPeer.dial(node, { host: "10.0.1.1", id: `again ${round}`, reads: false })).handshake
          yield* TestClock.adjust("1 second")
        }

        assert.deepStrictEqual(waited, [true, true, true, false, true])
      }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("again")))
  }

  it.effect("costs none of its source anything that was there for minutes and never behind", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, options)
      const neighbor = yield* startNode(2, options)
      yield* whileTimePasses(neighbor.mesh.connect(node.address))
      yield* TestClock.adjust("5 minutes")
      let count = 0
      const flood = Effect.forEach(
        Array.from({ length: 40 }),
        () => Effect.suspend(() => node.mesh.broadcast(large(++count)))
      )
      for (const visit of [1, 2, 3, 4]) {
        const visitor = { host: neighbor.host, id: `stuck ${visit}`, reads: false }
        yield* (yield* whileTimePasses(RawPeer.dial(node, visitor))).handshake
        yield* TestClock.adjust("1 second")
        yield* Effect.forkChild(flood, { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
      }

      assert.strictEqual(neighbor.received.length, count)
      assert.strictEqual(count, 160)
    }).pipe(
      Effect.provide(MemoryNetwork.layer({ latency: "5 millis", windowBytes: 65_536 })),
      Random.withSeed("neighbor")
    ))

  it.effect("holds no more bytes than its queue may, and its link ends after the slow timeout", () =>
    Effect.gen(function*() {
      const { node } = yield* withStuckPeer()
      yield* whileTimePasses(
        Effect.forEach(Array.from({ length: 100 }, (_, i) => i), (i) => node.mesh.broadcast(large(i + 1)))
      )

      const stuck = (yield* node.mesh.peers).find((peer) => peer.id === "stuck")
      assert.isAtMost(stuck!.queuedBytes, 100_000)
      assert.isTrue(stuck!.isSlow)
      assert.isAbove((yield* node.mesh.stats).droppedOutbound, 0)
      yield* TestClock.adjust("11 seconds")

      const left = node.events.find((event) => event._tag === "PeerLeft")
      assert.deepInclude(left, { id: "stuck" })
      assert.deepInclude(left?.reason, { _tag: "TooSlow", afterMillis: 10_000 })
      assert.strictEqual((yield* node.mesh.peers).length, 2)
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("bounded")))

  it.effect("loses its link also where many of its kind have used up what all queues may hold", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { ...options, maxQueuedBytes: 1_000_000, pingInterval: "1 hour" })
      for (let index = 0; index < 16; index++) {
        const id = `stuck ${index}`
        yield* (yield* RawPeer.dial(node, { host: `10.0.2.${index}`, id, reads: false })).handshake
      }
      yield* TestClock.adjust("1 second")

      const flood = Effect.forEach(
        Array.from({ length: 600 }, (_, i) => i),
        (i) => Effect.andThen(node.mesh.broadcast(large(i + 1)), Effect.sleep("50 millis"))
      )
      yield* Effect.forkChild(flood, { startImmediately: true })
      yield* TestClock.adjust("30 seconds")

      const left = node.events.flatMap((event) => event._tag === "PeerLeft" ? [event.reason._tag] : [])
      assert.deepStrictEqual(left, Array.from({ length: 16 }, () => "TooSlow"))
      assert.isFalse(node.events.some((event) => event._tag === "PeerRecovered"))
    }).pipe(Effect.provide(MemoryNetwork.layer({ windowBytes: 1000 })), Random.withSeed("budget")))

  it.effect("makes a whisper to it wait, and fail when its queue stays full", () =>
    Effect.gen(function*() {
      const { node } = yield* withStuckPeer()

      const error = yield* whileTimePasses(Effect.flip(Effect.forever(node.mesh.whisper("stuck", large(3)))))

      assert.strictEqual(error._tag, "PeerUnavailable")
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("whisper")))

  it.effect("keeps its link while it takes what the line carries, however much more is sent", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { ...options, maxInboundLinks: 4 })
      const slow = yield* startNode(2, options)
      yield* whileTimePasses(slow.mesh.connect(node.address))

      // Twice what the line carries, for 40 seconds.
      for (let second = 0; second < 40; second++) {
        for (let i = 0; i < 4; i++) yield* Effect.forkChild(node.mesh.broadcast(large(4 * second + i + 1)))
        yield* TestClock.adjust("1 second")
      }

      assert.isTrue((yield* node.mesh.peers)[0]?.isSlow)
      assert.isAbove((yield* node.mesh.stats).droppedOutbound, 0)
      assert.isAbove(slow.received.length, 60)
      assert.isFalse(node.events.some((event) => event._tag === "PeerLeft"))
    }).pipe(Effect.provide(MemoryNetwork.layer({ bandwidth: 20_000 })), Random.withSeed("narrow")))

  it.effect("is told of as recovered when it catches up in time, with the number of messages it missed", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { ...options, slowPatience: "100 millis" })
      const slow = yield* startNode(2, options)
      yield* whileTimePasses(slow.mesh.connect(node.address))
      yield* TestClock.adjust("2 seconds")

      yield* whileTimePasses(
        Effect.forEach(Array.from({ length: 30 }, (_, i) => i), (i) => node.mesh.broadcast(large(i + 1)))
      )
      yield* TestClock.adjust("20 seconds")

      const recovered = node.events.find((event) => event._tag === "PeerRecovered")
      assert.strictEqual(recovered?.id, slow.mesh.id)
      assert.isAbove(recovered?.droppedCount ?? 0, 0)
      assert.strictEqual(slow.received.length, 30 - (recovered?.droppedCount ?? 0))
      assert.isFalse((yield* node.mesh.peers)[0]?.isSlow)
      assert.isFalse(node.events.some((event) => event._tag === "PeerLeft"))
    }).pipe(
      // 20 kB may be under way at once and take 400 ms: some 50 kB a second.
      Effect.provide(MemoryNetwork.layer({ windowBytes: 20_000, latency: "400 millis" })),
      Random.withSeed("recovered")
    ))
})
