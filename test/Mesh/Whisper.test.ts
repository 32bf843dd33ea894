import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import { maxPackets } from "../../src/Protocol/Message.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { peerIds, startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })

/** Nodes that dial nobody of their own accord, each linked to the one before it. */
const startLine = Effect.fnUntraced(function*(count: number) {
  const line = []
  for (let index = 1; index <= count; index++) {
    const node = yield* startNode(index, { maxOutboundLinks: 0 })
    if (index > 1) yield* whileTimePasses(node.mesh.connect(line[index - 2]!.address))
    line.push(node)
  }
  yield* TestClock.adjust("1 second")
  return line
})

describe("whisper", () => {
  it.effect("reaches one neighbor alone", () =>
    Effect.gen(function*() {
      const [a, b, c] = yield* startLine(3)

      const id = yield* b!.mesh.whisper(a!.mesh.id, ["psst", Uint8Array.of(0, 255)])
      yield* TestClock.adjust("1 second")

      assert.strictEqual(c!.received.length, 0)
      assert.strictEqual(a!.received.length, 1)
      const message = a!.received[0]!
      assert.deepStrictEqual([message.id, message.kind, message.sender, message.text], [
        id,
        "whisper",
        b!.mesh.id,
        "psst"
      ])
      assert.deepStrictEqual([...message.packets[1]!], [0, 255])
    }).pipe(Effect.provide(network), Random.withSeed("whisper")))

  it.effect("finds and dials a node four links away", () =>
    Effect.gen(function*() {
      const line = yield* startLine(5)

      yield* whileTimePasses(line[0]!.mesh.whisper(line[4]!.mesh.id, "found you"))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(line[4]!.received.map((message) => message.text), ["found you"])
      assert.include(yield* peerIds(line[0]!), line[4]!.mesh.id)
    }).pipe(Effect.provide(network), Random.withSeed("far")))

  it.effect("answers the author of a broadcast that came over others", () =>
    Effect.gen(function*() {
      const line = yield* startLine(4)
      yield* line[0]!.mesh.broadcast("who is there?")
      yield* TestClock.adjust("1 second")

      yield* whileTimePasses(line[3]!.mesh.reply(line[3]!.received[0]!, "me"))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(line[0]!.received.map((message) => [message.kind, message.text]), [["whisper", "me"]])
    }).pipe(Effect.provide(network), Random.withSeed("reply")))

  it.effect("fails when nobody knows the node, within the request timeout", () =>
    Effect.gen(function*() {
      const [a] = yield* startLine(2)

      const error = yield* whileTimePasses(Effect.flip(a!.mesh.whisper("nobody", "hello?")))

      assert.strictEqual(error._tag, "PeerNotFound")
      assert.include(error.message, "5000 ms")
    }).pipe(Effect.provide(network), Random.withSeed("nobody")))

  it.effect("refuses a message over the limit before anything is sent", () =>
    Effect.gen(function*() {
      const a = yield* startNode(1, { maxMessageBytes: 10_000 })
      const b = yield* startNode(2, { maxMessageBytes: 10_000 })
      yield* whileTimePasses(a.mesh.connect(b.address))

      for (
        const send of [a.mesh.broadcast(new Uint8Array(10_000)), a.mesh.whisper(b.mesh.id, new Uint8Array(10_000))]
      ) {
        assert.strictEqual((yield* Effect.flip(send))._tag, "MessageTooLarge")
      }
      yield* a.mesh.broadcast(new Uint8Array(9000))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(b.received.map((message) => message.packets[0]!.length), [9000])
      assert.strictEqual((yield* a.mesh.stats).sent, 1)
    }).pipe(Effect.provide(network), Random.withSeed("large")))

  it.effect("refuses a message of more packets than any may have, and says what to do", () =>
    Effect.gen(function*() {
      const a = yield* startNode(1)
      const b = yield* startNode(2)
      yield* whileTimePasses(a.mesh.connect(b.address))
      // The sub-flag is one, too.
      const most = Array.from({ length: maxPackets - 1 }, () => "")

      for (const send of [a.mesh.broadcast([...most, ""]), a.mesh.whisper(b.mesh.id, [...most, ""])]) {
        const error = yield* Effect.flip(send)
        assert.strictEqual(error._tag, "MessageTooLarge")
        assert.include(error.message, "4097 packets, the limit is 4096: put several values into one packet")
      }
      yield* a.mesh.broadcast(most)
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(b.received.map((message) => message.packets.length), [maxPackets - 1])
      assert.strictEqual((yield* a.mesh.stats).sent, 1)
    }).pipe(Effect.provide(network), Random.withSeed("many")))

  it.effect("fails within that time, too, where a node that says nothing is at the address that it knows", () =>
    Effect.gen(function*() {
      const hole = new PeerAddress({ host: "10.6.6.6", port: 4444 })
      const a = yield* startNode(1, { maxPendingRequests: 1, maxOutboundLinks: 0 })
      yield* RawPeer.silence(hole)
      const liar = yield* whileTimePasses(RawPeer.dial(a, { host: "10.0.1.1" }))
      yield* liar.handshake
      yield* TestClock.adjust("1 second")
      yield* liar.tell({ _tag: "Peers", peers: [{ address: hole, id: "hole" }] })
      yield* TestClock.adjust("1 second")

      const whispers = yield* Effect.forkScoped(
        Effect.all([Effect.flip(a.mesh.whisper("hole", "")), Effect.flip(a.mesh.whisper("hole", ""))], {
          concurrency: "unbounded"
        }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")

      const exit = whispers.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.deepStrictEqual((yield* Fiber.join(whispers)).map(({ _tag }) => _tag), ["PeerNotFound", "TooManyRequests"])
    }).pipe(Effect.provide(network), Random.withSeed("hole")))

  it.effect("fails when as many searches are under way as are allowed", () =>
    Effect.gen(function*() {
      const a = yield* startNode(1, { maxPendingRequests: 2 })
      const b = yield* startNode(2)
      yield* whileTimePasses(a.mesh.connect(b.address))
      yield* Effect.forkScoped(Effect.ignore(a.mesh.whisper("x", "")), { startImmediately: true })
      yield* Effect.forkScoped(Effect.ignore(a.mesh.whisper("y", "")), { startImmediately: true })

      const error = yield* Effect.flip(a.mesh.whisper("z", ""))
      yield* TestClock.adjust("6 seconds")

      assert.strictEqual(error._tag, "TooManyRequests")
      assert.strictEqual((yield* whileTimePasses(Effect.flip(a.mesh.whisper("z", ""))))._tag, "PeerNotFound")
    }).pipe(Effect.provide(network), Random.withSeed("many")))
})
