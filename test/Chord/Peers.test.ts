import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { CallRefused } from "../../src/Chord/CallError.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { ask, begin, call, failure, packetsOf, start, test, textsOf } from "../utils/CallNodes.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"

describe("Peers: calls", () => {
  test(
    "are answered, whether the answer is at hand or takes its time",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      assert.deepStrictEqual(yield* ask(a, b, "echo", "one", ""), ["one", ""])
      assert.deepStrictEqual(yield* ask(a, b, "later", "two"), ["two"])
      assert.deepStrictEqual(yield* ask(a, b, "echo"), [])
      assert.deepInclude(a.stats(), { calls: 3, answers: 3, dials: 1, outboundLinks: 1, pendingCalls: 0 })
      assert.deepInclude(b.stats(), { served: 3, inboundLinks: 1 })
      assert.strictEqual(a.stats().sentBytes, b.stats().receivedBytes)
    })
  )

  test(
    "tell the handler who calls",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      assert.deepStrictEqual(yield* ask(a, b, "who"), ["a", "a:4444"])
    })
  )

  test(
    "are refused with a tag and a reason",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      for (const kind of ["no", "later-no"]) {
        const error = yield* failure(a.call({ address: b.address }, kind, []))
        assert.deepStrictEqual(error.reason, { _tag: "Refused", tag: "NotMine", detail: "it belongs to another" })
        assert.strictEqual(
          error.message,
          `"${kind}" to b:4444 failed: the other node refused: it belongs to another (NotMine)`
        )
      }
      assert.deepInclude(a.stats(), { refusals: 2, answers: 0 })
    })
  )

  test(
    "go on after a handler that threw or died",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      for (const kind of ["throw", "die"]) {
        const error = yield* failure(a.call({ address: b.address }, kind, []))
        assert.deepInclude(error.reason, { _tag: "Refused", tag: "Failed" })
      }
      assert.deepStrictEqual(yield* ask(a, b, "echo", "still here"), ["still here"])
      assert.strictEqual(a.stats().dials, 1)
    })
  )

  test(
    "that nothing answers time out, and the link serves the next one",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      const net = yield* MemoryNetwork
      yield* ask(a, b, "echo")
      const expectedMillis = a.roundTrip(b.address)?.timeoutMillis

      yield* net.partition([["a"], ["b"]])
      const error = yield* failure(a.call({ address: b.address }, "echo", []))

      assert.deepStrictEqual(error.reason, { _tag: "TimedOut", afterMillis: 100 })
      assert.strictEqual(expectedMillis, 100)
      assert.strictEqual(a.roundTrip(b.address)?.timeoutMillis, 200)
      assert.match(error.message, /no answer came within 100 ms/)
      yield* net.heal
      assert.deepStrictEqual(yield* ask(a, b, "echo", "again"), ["again"])
      assert.deepInclude(a.stats(), { timeouts: 1, strayAnswers: 1, dials: 1, pendingCalls: 0 })
      assert.strictEqual(a.roundTrip(b.address)?.timeoutMillis, 100)
    })
  )

  test(
    "wait as long as their own time says, and then tell nothing of the path",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* ask(a, b, "echo")
      const before = a.roundTrip(b.address)?.smoothedMillis

      for (const timeout of [20, 700]) {
        const error = yield* failure(a.call({ address: b.address }, "never", [], { timeout }))
        assert.deepStrictEqual(error.reason, { _tag: "TimedOut", afterMillis: timeout })
      }
      yield* whileTimePasses(a.call({ address: b.address }, "later", [], { timeout: 700 }))
      assert.strictEqual(a.roundTrip(b.address)?.smoothedMillis, before)
      assert.strictEqual(a.roundTrip(b.address)?.timeoutMillis, 100)
    })
  )

  test(
    "each keep their own time",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* ask(a, b, "echo")
      const ended: Array<number> = []

      yield* Effect.forEach(
        [300, 100, 200, 250],
        (timeout) =>
          begin(Effect.ensuring(
            Effect.exit(a.call({ address: b.address }, "never", [], { timeout })),
            Effect.sync(() => ended.push(timeout))
          ))
      )
      yield* TestClock.adjust("150 millis")
      assert.deepStrictEqual(ended, [100])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ended, [100, 200, 250, 300])
    })
  )

  test(
    "fail at once when the other node crashes under them",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      const net = yield* MemoryNetwork
      yield* ask(a, b, "echo")
      const calls = yield* Effect.replicateEffect(
        begin(Effect.flip(a.call({ address: b.address }, "never", [], { timeout: "1 minute" }))),
        3
      )
      yield* TestClock.adjust("5 millis")

      yield* net.crash("b")
      yield* TestClock.adjust("5 millis")

      for (const fiber of calls) {
        const { reason } = yield* Fiber.join(fiber)
        assert.deepInclude(reason, { _tag: "Unreachable" })
        assert.strictEqual(reason._tag === "Unreachable" && reason.cause._tag, "ConnectionLost")
      }
      assert.deepInclude(a.stats(), { lost: 3, pendingCalls: 0, outboundLinks: 0 })
    })
  )

  test(
    "that nobody waits for any more leave nothing behind",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* ask(a, b, "echo")
      const fiber = yield* begin(call(a, b, "later"))
      yield* TestClock.adjust("5 millis")

      yield* Fiber.interrupt(fiber)

      assert.strictEqual(a.stats().pendingCalls, 0)
      yield* TestClock.adjust("1 second")
      assert.deepInclude(a.stats(), { strayAnswers: 1, timeouts: 0 })
    })
  )

  test(
    "that are told want no answer",
    Effect.gen(function*() {
      const told: Array<string> = []
      const b = yield* start("b", {
        handler: (from, kind, packets) => {
          told.push(from.id, kind, ...textsOf(packets))
          if (kind === "break") throw new Error("a mistake")
          return kind === "work" ? Effect.fail(new CallRefused("No", "")) : packets
        }
      })
      const a = yield* start("a")

      for (const kind of ["note", "work", "break", "note"]) {
        yield* whileTimePasses(a.tell({ address: b.address }, kind, packetsOf("x")))
      }
      yield* TestClock.adjust("10 millis")

      assert.deepStrictEqual(told, ["note", "work", "break", "note"].flatMap((kind) => ["a", kind, "x"]))
      assert.deepInclude(a.stats(), { tells: 4, calls: 0, answers: 0 })
      assert.deepInclude(b.stats(), { told: 4, served: 0, inboundLinks: 1 })
    })
  )

  test(
    "of a kind that cannot be written are a mistake of the program",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* ask(a, b, "echo")

      const exit = yield* whileTimePasses(Effect.exit(a.call({ address: b.address }, "a b", [])))

      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(a.stats().pendingCalls, 0)
      assert.deepStrictEqual(yield* ask(a, b, "echo", "fine"), ["fine"])
    })
  )
})

describe("Peers: links", () => {
  test(
    "are shared by calls to the same address, also while they are made",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      const answers = yield* whileTimePasses(
        Effect.forEach(["1", "2", "3", "4", "5"], (text) => call(a, b, "echo", text), { concurrency: "unbounded" })
      )

      assert.deepStrictEqual(answers.flat(), ["1", "2", "3", "4", "5"])
      assert.deepInclude(a.stats(), { dials: 1, outboundLinks: 1 })
    })
  )

  test(
    "are made although the first of those who call gives up",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      const first = yield* begin(call(a, b, "echo", "first"))
      const second = yield* begin(call(a, b, "echo", "second"))

      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(yield* Fiber.join(second), ["second"])
      assert.strictEqual(a.stats().dials, 1)
    })
  )

  test(
    "serve calls both ways",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* ask(a, b, "echo")

      assert.deepStrictEqual(yield* ask(b, a, "who"), ["b", "b:4444"])
      assert.deepInclude(b.stats(), { dials: 0, outboundLinks: 0, inboundLinks: 1 })
    })
  )

  test(
    "are both used when two nodes dial each other at once, and the one falls idle",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      const both = yield* whileTimePasses(
        Effect.all([call(a, b, "echo", "1"), call(b, a, "echo", "2")], { concurrency: "unbounded" })
      )
      assert.deepStrictEqual(both, [["1"], ["2"]])
      assert.strictEqual(a.stats().outboundLinks + b.stats().outboundLinks, 2)

      for (let i = 0; i < 5; i++) {
        yield* TestClock.adjust("1 minute")
        yield* whileTimePasses(Effect.all([call(a, b, "echo"), call(b, a, "echo")], { concurrency: "unbounded" }))
      }
      assert.deepInclude(a.stats(), { outboundLinks: 0, inboundLinks: 1, dials: 1, lost: 0 })
      assert.deepInclude(b.stats(), { outboundLinks: 1, inboundLinks: 0, dials: 1, lost: 0 })
    })
  )

  test(
    "take the place of each other when there are two",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b", { maxLinks: 1 })]
      const c = yield* start("c")
      yield* whileTimePasses(
        Effect.all([call(a, b, "echo", "1"), call(b, a, "echo", "2")], { concurrency: "unbounded" })
      )

      // Both took the one that b had dialed; b closes it to make room.
      yield* ask(a, b, "echo")
      yield* ask(b, c, "echo")
      yield* TestClock.adjust("10 millis")
      assert.deepInclude(a.stats(), { outboundLinks: 1, inboundLinks: 0 })

      assert.deepStrictEqual(yield* ask(a, b, "echo", "the other"), ["the other"])
      assert.deepStrictEqual(yield* ask(b, a, "echo", "way"), ["way"])
      assert.strictEqual(a.stats().dials, 1)
      assert.strictEqual(b.stats().dials, 2)
    })
  )

  test(
    "are closed when nothing is called, and made again when something is",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a", { idleTimeout: "20 seconds" }), yield* start("b")]
      const net = yield* MemoryNetwork
      yield* ask(a, b, "echo")
      yield* TestClock.adjust("15 seconds")
      yield* ask(a, b, "echo")
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(a.stats().outboundLinks, 1)

      yield* TestClock.adjust("6 seconds")

      assert.deepInclude(a.stats(), { outboundLinks: 0, idleClosed: 1 })
      assert.deepInclude(b.stats(), { inboundLinks: 0, idleClosed: 0 })
      assert.strictEqual(yield* net.connectionCount, 0)
      assert.deepStrictEqual(yield* ask(a, b, "echo", "again"), ["again"])
      assert.strictEqual(a.stats().dials, 2)
    })
  )

  test(
    "are not idle while a call waits",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a", { idleTimeout: "1 second" }), yield* start("b", { idleTimeout: "1 second" })]
      yield* ask(a, b, "echo")

      const error = yield* failure(a.call({ address: b.address }, "never", [], { timeout: "5 seconds" }))

      assert.deepStrictEqual(error.reason, { _tag: "TimedOut", afterMillis: 5000 })
    })
  )

  test(
    "lose no call that is on its way when the other end closes them for want of use",
    Effect.gen(function*() {
      const crossings = yield* Effect.forEach(
        Array.from({ length: 24 }, (_, index) => index / 2),
        (earlyMillis) =>
          Effect.gen(function*() {
            const a = yield* start(`a${earlyMillis}`, { idleTimeout: "20 seconds" })
            const b = yield* start(`b${earlyMillis}`)
            yield* begin(call(a, b, "echo"))
            return { a, b, answer: yield* begin(Effect.delay(call(b, a, "echo", "crossing"), 20_010 - earlyMillis)) }
          })
      )

      yield* TestClock.adjust("21 seconds")

      for (const { a, answer, b } of crossings) {
        assert.deepStrictEqual(yield* Fiber.join(answer), ["crossing"])
        assert.deepInclude(a.stats(), { served: 1 })
        assert.deepInclude(b.stats(), { answers: 1, lost: 0, timeouts: 0 })
      }
      assert.include(crossings.map(({ b }) => b.stats().calls), 2)
    })
  )

  test(
    "give way at the bound, the one used longest ago first",
    Effect.gen(function*() {
      const a = yield* start("a", { maxLinks: 2 })
      const [b, c, d] = [yield* start("b"), yield* start("c"), yield* start("d")]
      for (const node of [b, c, b, d]) yield* ask(a, node, "echo")
      yield* TestClock.adjust("10 millis")

      assert.deepInclude(a.stats(), { outboundLinks: 2, dials: 3, idleClosed: 1 })
      assert.deepStrictEqual([b, c, d].map((node) => node.stats().inboundLinks), [1, 0, 1])
    })
  )

  test(
    "that are all in use leave no room for another",
    Effect.gen(function*() {
      const a = yield* start("a", { maxLinks: 1 })
      const [b, c] = [yield* start("b"), yield* start("c")]
      yield* ask(a, b, "echo")
      yield* begin(a.call({ address: b.address }, "never", [], { timeout: "1 minute" }))

      const error = yield* failure(call(a, c, "echo"))

      assert.deepStrictEqual(error.reason, { _tag: "Unreachable", cause: { _tag: "Full", limit: 1 } })
      assert.match(error.message, /all 1 slots for links are taken/)
    })
  )

  test(
    "that others dial give way at the bound when they are idle, and are refused when none is",
    Effect.gen(function*() {
      const b = yield* start("b", { maxInboundLinks: 1 })
      const [a, c, d] = [yield* start("a"), yield* start("c"), yield* start("d")]
      yield* ask(a, b, "echo")
      assert.deepStrictEqual(yield* ask(c, b, "echo", "room"), ["room"])
      yield* TestClock.adjust("10 millis")
      assert.deepInclude(b.stats(), { inboundLinks: 1, idleClosed: 1 })
      assert.strictEqual(a.stats().outboundLinks, 0)

      yield* begin(c.call({ address: b.address }, "never", [], { timeout: "1 minute" }))
      yield* TestClock.adjust("10 millis")
      const { reason } = yield* failure(call(d, b, "echo"))

      assert.deepInclude(reason._tag === "Unreachable" ? reason.cause : reason, { _tag: "Goodbye", reason: "Full" })
      assert.deepInclude(b.stats(), { inboundLinks: 1, rejected: 1 })
    })
  )

  test(
    "to a host that died without a word are given up",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      const net = yield* MemoryNetwork
      yield* ask(a, b, "echo")

      yield* net.crash("b", { silently: true })
      const reasons: Array<string> = []
      while (a.stats().outboundLinks > 0) reasons.push((yield* failure(call(a, b, "echo"))).reason._tag)

      assert.deepStrictEqual(reasons, ["TimedOut", "TimedOut", "TimedOut", "TimedOut", "TimedOut"])
      assert.strictEqual(a.stats().timeouts, 5)
    })
  )
})
