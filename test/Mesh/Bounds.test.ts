import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import type { MeshMessage } from "../../src/Mesh/MeshMessage.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })

const rejections = (node: Effect.Success<ReturnType<typeof startNode>>) =>
  node.events.flatMap((event) => event._tag === "Rejected" ? [event.reason._tag] : [])

describe("a node's bounds", () => {
  it.effect("closes a connection that shows no handshake in time, however it trickles", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      const silent = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      const slow = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.2" }))

      for (let second = 0; second < 9; second++) {
        yield* slow.write(Uint8Array.of(second === 2 ? 1 : 0))
        yield* TestClock.adjust("1 second")
      }
      assert.isTrue(Option.isNone(silent.ended()))
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(rejections(node), ["HandshakeTimeout", "HandshakeTimeout"])
      assert.isTrue(Option.isSome(silent.ended()) && Option.isSome(slow.ended()))
    }).pipe(Effect.provide(network), Random.withSeed("silent")))

  it.effect("closes further connections at once while as many as allowed show no handshake", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxPendingHandshakes: 3 })
      const waiting = []
      for (let i = 1; i <= 3; i++) {
        waiting.push(yield* whileTimePasses(RawPeer.dial(node, { host: `10.0.1.${i}` })))
      }
      const fourth = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.4" }))
      yield* TestClock.adjust("1 second")

      assert.isTrue(Option.isSome(fourth.ended()))
      assert.deepStrictEqual(rejections(node), ["Full"])
      yield* waiting[0]!.handshake
      yield* TestClock.adjust("1 second")
      const fifth = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.5", id: "fifth" }))
      yield* fifth.handshake
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* node.mesh.peers).some((peer) => peer.id === "fifth"))
    }).pipe(Effect.provide(network), Random.withSeed("pending")))

  it.effect("closes a connection whose first message is no handshake", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))

      yield* peer.say(peer.make("broadcast", [Uint8Array.of(0), RawPeer.bytes("hello")], 0))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(rejections(node), ["HandshakeInvalid"])
      assert.deepStrictEqual(node.received, [])
    }).pipe(Effect.provide(network), Random.withSeed("first")))

  it.effect("takes no more entries of a list of peers than it may, and dials no more than its share", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxPeersPerList: 10, maxOutboundLinks: 2 })
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      yield* peer.handshake
      const peers = Array.from({ length: 1000 }, (_, i) => ({
        address: new PeerAddress({ host: `10.7.${i >> 8}.${i & 255}`, port: 4444 }),
        id: `node ${i}`
      }))

      yield* peer.tell({ _tag: "Peers", peers })
      yield* TestClock.adjust("1 second")

      // The ten of the list, and the peer itself.
      assert.strictEqual((yield* node.mesh.stats).knownAddresses, 11)
    }).pipe(Effect.provide(network), Random.withSeed("list")))

  it.effect("remembers no more addresses than it may", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxKnownAddresses: 20, maxOutboundLinks: 0 })
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      yield* peer.handshake

      for (let list = 0; list < 10; list++) {
        const peers = Array.from({ length: 50 }, (_, i) => ({
          address: new PeerAddress({ host: `10.7.${list}.${i}`, port: 4444 }),
          id: `node ${list} ${i}`
        }))
        yield* peer.tell({ _tag: "Peers", peers })
      }
      yield* TestClock.adjust("1 second")

      assert.strictEqual((yield* node.mesh.stats).knownAddresses, 20)
    }).pipe(Effect.provide(network), Random.withSeed("addresses")))

  it.effect("refuses a frame over the limit at its header", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxMessageBytes: 1000 })
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      yield* peer.handshake
      yield* TestClock.adjust("1 second")

      yield* peer.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
      yield* TestClock.adjust("1 second")

      const left = node.events.find((event) => event._tag === "PeerLeft")
      assert.deepInclude(left?.reason, { _tag: "Malformed", reason: "FrameTooLarge" })
    }).pipe(Effect.provide(network), Random.withSeed("frame")))

  it.effect("answers a peer that asks for peers again and again once a second", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { upkeepInterval: "1 minute" })
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      yield* peer.handshake
      yield* TestClock.adjust("1 second")
      const before = peer.received.length

      for (let i = 0; i < 500; i++) {
        yield* peer.tell({ _tag: "RequestPeers" }, i)
        yield* TestClock.adjust("5 millis")
      }
      yield* TestClock.adjust("1 second")

      assert.strictEqual(peer.received.length - before, 3)
    }).pipe(Effect.provide(network), Random.withSeed("storm")))

  it.effect("reads a message of many packets like many small ones: what comes behind it later", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxMessagesPerSecond: 100 })
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      yield* peer.handshake
      yield* TestClock.adjust("1 second")
      const packets = Array.from({ length: 4000 }, (_, index) => Uint8Array.of(index === 0 ? 2 : 1))

      // Each counts as 63.
      for (let time = 0; time < 6; time++) yield* peer.say(peer.make("whisper", packets, time))
      yield* TestClock.adjust("100 millis")
      const early = node.received.length
      yield* TestClock.adjust("10 seconds")

      assert.isAtMost(early, 4)
      assert.strictEqual(node.received.length, 6)
      assert.isTrue(node.events.some((event) => event._tag === "PeerThrottled" && event.what === "messages"))
    }).pipe(Effect.provide(network), Random.withSeed("heavy")))

  it.effect("loses the oldest messages of a reader that is too slow, and says so", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { inboxCapacity: 10 })
      const other = yield* startNode(2)
      yield* whileTimePasses(node.mesh.connect(other.address))
      const slow = yield* node.mesh.messages.pipe(
        Stream.mapEffect((message) => Effect.as(Effect.sleep("1 second"), message.text)),
        Stream.take(11),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )

      yield* other.mesh.broadcast("first")
      yield* TestClock.adjust("100 millis")
      for (let i = 1; i <= 30; i++) yield* other.mesh.broadcast(`number ${i}`)
      yield* TestClock.adjust("1 minute")

      const texts = yield* Fiber.join(slow)
      assert.deepStrictEqual(texts, ["first", ...Array.from({ length: 10 }, (_, i) => `number ${i + 21}`)])
      const lagged = node.events.filter((event) => event._tag === "ReaderLagged")
      assert.deepStrictEqual(lagged.slice(0, 5).map((event) => event.lostCount), [1, 2, 4, 8, 16])
      assert.isAtLeast((yield* node.mesh.stats).lostByReaders, 20)
    }).pipe(Effect.provide(network), Random.withSeed("reader")))

  it.effect("holds no more for a reader that hangs than it may: packets count, and what stands around messages", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxInboxBytes: 800_000 })
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      yield* peer.handshake
      const goOn = yield* Deferred.make<void>()
      const taken: Array<MeshMessage> = []
      yield* node.mesh.messages.pipe(
        Stream.runForEach((message) => Effect.andThen(Deferred.await(goOn), Effect.sync(() => taken.push(message)))),
        Effect.forkScoped({ startImmediately: true })
      )
      const filler = frame(peer.protocol.encode(peer.make("pong", [Uint8Array.of(5), new Uint8Array(50_000)], 0)))
      const small = [Uint8Array.of(2), RawPeer.bytes("small")]
      const many = Array.from({ length: 1001 }, (_, index) => Uint8Array.of(index === 0 ? 2 : 1))
      const say = Effect.fnUntraced(function*(payload: ReadonlyArray<Uint8Array>, time: number) {
        const said = frame(peer.protocol.encode(peer.make("whisper", payload, time)))
        yield* peer.write(new Uint8Array(Buffer.concat([said, filler])))
        yield* TestClock.adjust("20 millis")
      })

      for (let time = 0; time < 200; time++) yield* say(small, time)
      for (let time = 200; time < 220; time++) yield* say(many, time)
      yield* Deferred.succeed(goOn, undefined)
      yield* TestClock.adjust("1 second")

      // Each thousand packets count for 170 kB, whatever they take on the wire.
      assert.deepStrictEqual(taken.slice(1).map(({ packets }) => packets.length), [1000, 1000, 1000, 1000])
      const memory = new Set(taken.map((message) => message.packets[0]!.buffer))
      const bytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)
      assert.isAtMost(bytes, 800_000 / 8 + 60_000 + 4 * 6000)
      assert.deepStrictEqual(taken.at(-1)!.texts.slice(0, 2), ["\u0001", "\u0001"])
    }).pipe(Effect.provide(network), Random.withSeed("chunks")))

  it.effect("gives up a peer of ours that falls silent, and keeps an original one that never answers pings", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      const ours = yield* whileTimePasses(
        RawPeer.dial(node, { host: "10.0.1.1", id: "ours", methods: ["zlib", "effect-p2p:1:7"] })
      )
      const original = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.2", id: "original" }))
      yield* ours.handshake
      yield* original.handshake
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual((yield* node.mesh.peers).map((peer) => peer.id), ["original"])
      const left = node.events.find((event) => event._tag === "PeerLeft")
      assert.strictEqual(left?.reason._tag, "Unresponsive")
      assert.isTrue(ours.received.some((message) => message.type === "ping"))
      assert.isFalse(original.received.some((message) => message.type === "ping"))
    }).pipe(Effect.provide(network), Random.withSeed("silent peer")))

  it.effect("sleeps while as many dials as it may have are under way", () =>
    Effect.gen(function*() {
      const random = yield* Random.Random
      let drawn = 0
      const counted: typeof random = {
        nextIntUnsafe: () => random.nextIntUnsafe(),
        nextDoubleUnsafe: () => {
          drawn++
          return random.nextDoubleUnsafe()
        }
      }
      const bootstrap = Array.from(
        { length: 20 },
        (_, index) => new PeerAddress({ host: `10.0.2.${index}`, port: 4444 })
      )
      const node = MemoryMesh.layer({ host: "10.0.1.1", bootstrap, maxConcurrentDials: 2 })
      yield* Effect.provideService(Layer.build(node), Random.Random, counted)
      yield* TestClock.adjust("100 millis")
      const before = drawn

      // No dial comes to an end in this time.
      yield* TestClock.adjust("2 seconds")

      assert.isAbove(before, 0)
      assert.isAtMost(drawn - before, 2)
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "1 hour" })), Random.withSeed("dials")))
})
