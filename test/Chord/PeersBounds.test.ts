import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import * as CallCodec from "../../src/Chord/internal/CallCodec.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import type { Packet } from "../../src/Protocol/Packet.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { ask, at, begin, call, failure, goodbye, start, test } from "../utils/CallNodes.ts"
import { dialAs, listenAs } from "../utils/InteropNode.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"
import { ours } from "../utils/ScriptedPeer.ts"

describe("Peers: bounds", () => {
  test(
    "keep a request that is too large here",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a", { maxMessageBytes: 10_000 }), yield* start("b")]

      const error = yield* failure(a.call({ address: b.address }, "echo", [new Uint8Array(10_000)]))

      assert.deepStrictEqual(error.reason, { _tag: "TooLarge", bytes: 10_516, maxBytes: 10_000 })
      assert.strictEqual(a.stats().dials, 0)
    })
  )

  test(
    "have an answer that is too large refused",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      const error = yield* failure(call(a, b, "large"))

      assert.deepInclude(error.reason, { _tag: "Refused", tag: "TooLarge" })
      assert.deepStrictEqual(yield* ask(a, b, "echo", "fine"), ["fine"])
    })
  )

  test(
    "hold for calls that wait for answers and for links alike",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a", { maxPendingCalls: 3 }), yield* start("b")]
      const first = yield* Effect.forEach([1, 2, 3], () => begin(call(a, b, "later")))
      const whileDialing = yield* failure(call(a, b, "echo"))
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.forEach([1, 2, 3], () => begin(call(a, b, "later")))
      const whileAnswering = yield* failure(call(a, b, "echo"))

      for (const error of [whileDialing, whileAnswering]) {
        assert.deepStrictEqual(error.reason, { _tag: "TooManyCalls", limit: 3 })
      }
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll([...first, ...second])
      assert.deepStrictEqual(yield* ask(a, b, "echo", "room"), ["room"])
    })
  )

  test(
    "hold for the work of one link, not for what can be answered at once",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b", { handlerConcurrency: 2 })]
      const c = yield* start("c")
      yield* ask(a, b, "echo")
      for (let i = 0; i < 2; i++) yield* begin(a.call({ address: b.address }, "never", [], { timeout: "1 minute" }))

      const error = yield* failure(call(a, b, "later"))

      assert.deepInclude(error.reason, { _tag: "Refused", tag: "Busy" })
      assert.deepStrictEqual(yield* ask(a, b, "echo", "at once"), ["at once"])
      assert.deepStrictEqual(yield* ask(c, b, "later", "others"), ["others"])
    })
  )

  test(
    "hold for connections that do not say who they are",
    Effect.gen(function*() {
      const b = yield* start("b", { maxPendingHandshakes: 3, handshakeTimeout: "5 seconds" })
      const silent = yield* Effect.forEach([1, 2, 3, 4, 5], (number) => dialAs(`raw${number}`, b.address))
      yield* TestClock.adjust("10 millis")

      assert.deepStrictEqual(yield* Effect.forEach(silent, (peer) => peer.isEnded), [false, false, false, true, true])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Effect.forEach(silent, (peer) => peer.isEnded), [true, true, true, true, true])
      assert.strictEqual(b.stats().rejected, 5)
      assert.deepStrictEqual(yield* ask(yield* start("a"), b, "echo", "honest"), ["honest"])
    })
  )

  test(
    "have calls wait for room, and none is lost",
    Effect.gen(function*() {
      const options = { maxOutboxBytes: 40_000, compressFromBytes: 1_000_000 }
      const [a, b] = [yield* start("a", options), yield* start("b", options)]
      const text = "x".repeat(1000)

      const answers = yield* whileTimePasses(
        Effect.forEach(
          Array.from({ length: 500 }, (_, index) => index),
          (index) => call(a, b, "echo", `${index}`, text),
          { concurrency: "unbounded" }
        )
      )

      assert.deepStrictEqual(answers.map(([index]) => Number(index)), Array.from({ length: 500 }, (_, index) => index))
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "5 millis", windowBytes: 20_000 })))
  )

  test(
    "end the link of a peer that asks and does not read",
    Effect.gen(function*() {
      const b = yield* start("b", { maxOutboxBytes: 50_000, slowTimeout: "2 seconds" })
      const net = yield* MemoryNetwork
      const connection = yield* whileTimePasses(net.transport("raw").dial(b.address))
      const protocol = yield* Protocol
      const write = (packets: ReadonlyArray<Packet>) =>
        whileTimePasses(connection.send([frame(protocol.encode(protocol.make("whisper", "raw", packets, 0)))]))
      const methods = ["effect-p2p:1:1"]
      yield* write(
        protocol.encodePayload({ _tag: "Handshake", nodeId: "raw", networkId: "net", address: null, methods })
      )
      yield* TestClock.adjust("10 millis")
      for (let number = 0; number < 40; number++) {
        yield* write(CallCodec.encodeCall(number, "echo", [new Uint8Array(10_000)]))
      }
      yield* TestClock.adjust("1 second")
      assert.deepInclude(b.stats(), { inboundLinks: 1 })
      assert.isAbove(b.stats().droppedAnswers, 0)

      yield* TestClock.adjust("2 seconds")

      assert.strictEqual(b.stats().inboundLinks, 0)
      assert.deepStrictEqual(yield* ask(yield* start("a"), b, "echo", "honest"), ["honest"])
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "1 millis", windowBytes: 20_000 })))
  )

  test(
    "keep the link of a peer that takes what the line carries, however much more it asks for",
    Effect.gen(function*() {
      const a = yield* start("a")
      const handler = () => [new Uint8Array(5000)]
      const b = yield* start("b", {
        handler,
        maxOutboxBytes: 50_000,
        slowTimeout: "2 seconds",
        compressFromBytes: 1_000_000
      })
      let answered = 0
      const one = Effect.tap(
        a.call({ address: b.address }, "large", [], { timeout: "1 hour" }),
        () => Effect.sync(() => answered++)
      )

      // Twice what the line carries, for 40 seconds.
      for (let second = 0; second < 40; second++) {
        for (let i = 0; i < 8; i++) yield* begin(Effect.ignore(one))
        yield* TestClock.adjust("1 second")
      }

      const { dials, droppedAnswers, inboundLinks } = { ...b.stats(), dials: a.stats().dials }
      assert.deepStrictEqual({ dials, inboundLinks }, { dials: 1, inboundLinks: 1 })
      assert.isAbove(droppedAnswers, 0)
      assert.isAbove(answered, 100)
    }).pipe(Effect.provide(MemoryNetwork.layer({ bandwidth: 20_000 })))
  )

  test(
    "that cost an answer do not have the call carried out twice",
    Effect.gen(function*() {
      const a = yield* start("a")
      const b = yield* start("b", { maxOutboxBytes: 30_000, maxInboundLinks: 1, compressFromBytes: 1_000_000 })
      const net = yield* MemoryNetwork
      yield* ask(a, b, "echo")
      yield* net.cut("b", "a")
      const calls = yield* Effect.forEach(
        Array.from({ length: 12 }, () => new Uint8Array(9000)),
        (packet) => begin(Effect.exit(a.call({ address: b.address }, "echo", [packet], { timeout: "1 hour" })))
      )
      yield* TestClock.adjust("1 second")
      const { droppedAnswers, served } = b.stats()
      assert.isAbove(droppedAnswers, 2)
      yield* net.mend("b", "a")
      yield* TestClock.adjust("1 second")

      // The link is idle for b, who gives its place to another.
      yield* ask(yield* start("c"), b, "echo")
      yield* TestClock.adjust("1 second")

      const exits = yield* Effect.forEach(calls, (fiber) => Fiber.join(fiber))
      assert.strictEqual(exits.filter(Exit.isFailure).length, droppedAnswers)
      assert.strictEqual(b.stats().served, served + 1)
      assert.strictEqual(a.stats().lost, droppedAnswers)
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "1 millis", windowBytes: 20_000 })))
  )

  test(
    "that close a link leave what came behind unread, for the peer makes it anew",
    Effect.gen(function*() {
      const [a, c] = [yield* start("a", { maxLinks: 1 }), yield* start("c")]
      const protocol = yield* Protocol
      const accepted = yield* listenAs("raw", at("raw"))
      const both = yield* begin(Effect.andThen(
        a.call({ address: at("raw") }, "echo", []),
        a.call({ address: c.address }, "echo", [])
      ))
      yield* TestClock.adjust("5 millis")
      const raw = yield* Queue.take(accepted)
      yield* raw.handshake("net", ours, at("raw"))
      yield* TestClock.adjust("5 millis")

      // In one piece: the answer has the caller go on to c, for which this link has to go.
      const frames = [CallCodec.encodeAnswer(1, []), CallCodec.encodeCall(1, "echo", [])].map((packets) =>
        frame(protocol.encode(protocol.make("whisper", "raw", packets, 0)))
      )
      yield* raw.write(new Uint8Array(Buffer.concat(frames)))
      yield* TestClock.adjust("20 millis")

      yield* Fiber.join(both)
      assert.deepInclude(a.stats(), { served: 0, idleClosed: 1 })
      assert.strictEqual(goodbye(raw), "Disconnected")
    })
  )
})
