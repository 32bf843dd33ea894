import { assert, describe } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { TestClock } from "effect/testing"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { ask, at, begin, call, failure, heard, meet, packetsOf, start, test, textsOf } from "../utils/CallNodes.ts"
import { dialAs, listenAs } from "../utils/InteropNode.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"
import { ours, py2p } from "../utils/ScriptedPeer.ts"

describe("Peers: who is at the other end", () => {
  test(
    "is named, and another node is not taken for it",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]

      for (let i = 0; i < 2; i++) {
        const error = yield* failure(a.call({ address: b.address, nodeId: "x" }, "echo", []))
        assert.deepStrictEqual(error.reason, { _tag: "WrongPeer", expected: "x", found: "b" })
        assert.match(error.message, /expected x, found b/)
      }
      assert.strictEqual(b.stats().served, 0)
      const answer = yield* whileTimePasses(a.call({ address: b.address, nodeId: "b" }, "echo", packetsOf("yes")))
      assert.deepStrictEqual(textsOf(answer), ["yes"])
      assert.strictEqual(a.stats().dials, 1)
    })
  )

  test(
    "may have changed: the address is dialed again when it was silent",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      const net = yield* MemoryNetwork
      yield* ask(a, b, "echo")
      // The old node goes, and a hears nothing of it; a new one takes its address.
      yield* net.cut("b", "a")
      yield* b.stop
      yield* start("c", { listen: b.address, nodeId: "b2" })
      const target = { address: b.address, nodeId: "b2" }

      const early = yield* failure(a.call(target, "echo", []))
      yield* TestClock.adjust("3 seconds")
      const answer = yield* whileTimePasses(a.call(target, "echo", packetsOf("new")))

      assert.deepStrictEqual(early.reason, { _tag: "WrongPeer", expected: "b2", found: "b" })
      assert.deepStrictEqual(textsOf(answer), ["new"])
    })
  )

  test(
    "is dialed at its address when it only says that it lives there",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      const liar = yield* meet(a, "liar", b.address)

      assert.deepStrictEqual(yield* ask(a, b, "who"), ["a", "a:4444"])
      assert.strictEqual(a.stats().dials, 1)
      assert.deepStrictEqual(heard(liar), [])
    })
  )

  test(
    "does not change by what comes later from the same host",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* ask(a, b, "echo")
      const other = yield* dialAs("other", a.address, "b")
      yield* other.handshake("net", ours, b.address)
      yield* TestClock.adjust("10 millis")

      assert.deepStrictEqual(yield* ask(a, b, "who"), ["a", "a:4444"])
      assert.deepStrictEqual(heard(other), [])
    })
  )

  test(
    "is dialed where another one from the same host says that it lives",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      const other = yield* dialAs("other", a.address, "b")
      yield* other.handshake("net", ours, b.address)
      yield* TestClock.adjust("10 millis")

      const answer = yield* whileTimePasses(a.call({ address: b.address, nodeId: "b" }, "who", []))
      assert.deepStrictEqual(textsOf(answer), ["a", "a:4444"])
      assert.deepStrictEqual(heard(other), [])
    })
  )

  test(
    "is not this node itself",
    Effect.gen(function*() {
      const a = yield* start("a")

      const error = yield* failure(call(a, a, "echo"))

      assert.deepStrictEqual(error.reason, { _tag: "Unreachable", cause: { _tag: "SelfConnection" } })
      assert.strictEqual(a.stats().dials, 0)
    })
  )

  test(
    "belongs to the same network, or both ends hear that it does not",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b", { networkId: "other" })]

      const error = yield* failure(call(a, b, "echo"))

      const cause = error.reason._tag === "Unreachable" ? error.reason.cause : undefined
      assert.deepInclude(cause, { _tag: "NetworkMismatch", own: "net", peer: "other" })
      assert.match(error.message, /on another network/)
      yield* TestClock.adjust("10 millis")
      assert.deepInclude(b.stats(), { rejected: 1, inboundLinks: 0 })
      assert.deepInclude(a.stats(), { failedDials: 1, outboundLinks: 0 })
    })
  )

  test(
    "is nobody",
    Effect.gen(function*() {
      const a = yield* start("a")

      const { reason } = yield* failure(call(a, { address: at("nowhere") }, "echo"))

      assert.deepInclude(reason._tag === "Unreachable" ? reason.cause : reason, { _tag: "DialError", kind: "Refused" })
      assert.strictEqual(a.stats().failedDials, 1)
    })
  )

  test(
    "is out of reach, or says nothing, for the time of a connection at most",
    Effect.gen(function*() {
      const a = yield* start("a", { connectTimeout: "2 seconds" })
      const net = yield* MemoryNetwork
      yield* listenAs("mute", at("mute"))

      const silent = yield* failure(call(a, { address: at("mute") }, "echo"))
      yield* net.partition([["a"], ["far"]])
      const far = yield* failure(call(a, { address: at("far") }, "echo"))

      assert.deepStrictEqual(silent.reason, {
        _tag: "Unreachable",
        cause: { _tag: "HandshakeTimeout", afterMillis: 1998 }
      })
      const cause = far.reason._tag === "Unreachable" ? far.reason.cause : far.reason
      assert.deepInclude(cause, { _tag: "DialError", kind: "TimedOut" })
      assert.match(far.message, /could not connect to far:4444: no answer in time/)
    })
  )

  test(
    "is an original node, which knows no calls",
    Effect.gen(function*() {
      const a = yield* start("a")
      const accepted = yield* listenAs("original", at("original"))
      yield* begin(Effect.gen(function*() {
        const peer = yield* Queue.take(accepted)
        yield* peer.handshake("net", py2p, at("original"))
      }))

      const error = yield* failure(call(a, { address: at("original") }, "echo"))

      assert.deepInclude(error.reason, { _tag: "Refused", tag: "Unsupported" })
    })
  )
})
