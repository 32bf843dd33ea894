import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Queue, Random } from "effect"
import { TestClock } from "effect/testing"
import * as CallCodec from "../../src/Chord/internal/CallCodec.ts"
import * as Peers from "../../src/Chord/internal/Peers.ts"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import type { Message } from "../../src/Protocol/Message.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { Transport } from "../../src/Transport/Transport.ts"
import {
  answers,
  ask,
  at,
  begin,
  call,
  custom,
  failure,
  goodbye,
  heard,
  meet,
  packetsOf,
  say,
  start,
  test
} from "../utils/CallNodes.ts"
import { listenAs, network, type Played } from "../utils/InteropNode.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"
import { bytesOf, ours, wire } from "../utils/ScriptedPeer.ts"

/** The node still answers somebody honest, and nothing of the other is left. */
const isSound = Effect.fnUntraced(function*(node: Peers.Peers, ...others: ReadonlyArray<Played>) {
  for (const other of others) yield* other.close
  const honest = yield* start("honest")
  assert.deepStrictEqual(yield* ask(honest, node, "echo", "fine"), ["fine"])
  yield* honest.stop
  yield* TestClock.adjust("1 second")
  assert.deepInclude(node.stats(), { inboundLinks: 0, outboundLinks: 0, pendingCalls: 0 })
  assert.strictEqual(yield* Effect.flatMap(MemoryNetwork, (net) => net.connectionCount), 0)
})

const number = Uint8Array.of(0, 0, 0, 1)
const word = (text: string) => bytesOf(text)

describe("Peers: a peer that breaks the rules", () => {
  const malformed: ReadonlyArray<[string, ReadonlyArray<Uint8Array>]> = [
    ["a call without a number", [word("call")]],
    ["a call without a kind", [word("call"), number]],
    ["a number of another width", [word("call"), word("12345678"), word("echo")]],
    ["a kind of bytes", [word("call"), number, Uint8Array.of(255)]],
    ["a kind that is too long", [word("tell"), word("k".repeat(1000))]],
    ["an answer that is neither yes nor no", [word("answer"), number, word("maybe")]],
    ["a refusal without a reason", [word("answer"), number, word("no")]]
  ]
  for (const [name, packets] of malformed) {
    test(
      `loses its link for ${name}, and hears why`,
      Effect.gen(function*() {
        const a = yield* start("a")
        const peer = yield* meet(a)

        yield* say(peer, packets)
        yield* TestClock.adjust("10 millis")

        assert.strictEqual(goodbye(peer), "Malformed")
        assert.isTrue(yield* peer.isEnded)
        assert.strictEqual(a.stats().malformedMessages, 1)
        yield* isSound(a, peer)
      })
    )
  }

  test(
    "loses its link for bytes that are no message, wherever they come",
    Effect.gen(function*() {
      const a = yield* start("a")
      for (let length = 1; length <= 40; length += 3) {
        const peer = yield* meet(a, `raw${length}`)
        const body = Uint8Array.from({ length }, (_, index) => (index * 37 + length * 11) & 0xff)
        yield* peer.write(frame(body))
        yield* TestClock.adjust("10 millis")
        assert.strictEqual(goodbye(peer), "Malformed")
        yield* peer.close
      }
      yield* isSound(a)
    })
  )

  test(
    "is answered the calls of the same batch that came before it did",
    Effect.gen(function*() {
      const a = yield* start("a")
      const peer = yield* meet(a)

      yield* say(peer, CallCodec.encodeCall(5, "echo", packetsOf("before")))
      yield* say(peer, packetsOf("call"))
      yield* say(peer, CallCodec.encodeCall(6, "echo", packetsOf("after")))
      yield* TestClock.adjust("10 millis")

      assert.deepStrictEqual(heard(peer), [{ _tag: "Answer", number: 5, packets: packetsOf("before") }])
      assert.strictEqual(goodbye(peer), "Malformed")
    })
  )

  test(
    "answers what nobody asked, late, twice, or of another: it is counted and dropped",
    Effect.gen(function*() {
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* ask(a, b, "echo")
      const peer = yield* meet(a)
      const waiting = yield* begin(call(a, b, "later", "from b"))

      for (let made = 0; made < 100; made++) yield* say(peer, CallCodec.encodeAnswer(made, packetsOf("made up")))
      yield* say(peer, CallCodec.encodeRefusal(2, "Made", "up"))
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(a.stats().strayAnswers, 101)
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(yield* Fiber.join(waiting), ["from b"])
      assert.isFalse(yield* peer.isEnded)
    })
  )

  test(
    "asks twice under one number: the second is dropped while the first is in work",
    Effect.gen(function*() {
      const a = yield* start("a")
      const peer = yield* meet(a)

      for (const text of ["one", "two"]) yield* say(peer, CallCodec.encodeCall(9, "later", packetsOf(text)))
      yield* TestClock.adjust("1 second")
      yield* say(peer, CallCodec.encodeCall(9, "later", packetsOf("three")))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(heard(peer), [
        { _tag: "Answer", number: 9, packets: packetsOf("one") },
        { _tag: "Answer", number: 9, packets: packetsOf("three") }
      ])
      assert.strictEqual(a.stats().doubledCalls, 1)
    })
  )

  test(
    "floods: every call is answered or refused, nothing piles up, and others are served",
    Effect.gen(function*() {
      const a = yield* start("a", { handlerConcurrency: 10 })
      const peer = yield* meet(a)

      for (let made = 1; made <= 1000; made++) {
        yield* say(peer, CallCodec.encodeCall(made, made % 2 === 0 ? "never" : "echo", []))
      }
      yield* TestClock.adjust("100 millis")

      const said = heard(peer)
      assert.strictEqual(said.filter((one) => one._tag === "Answer").length, 500)
      assert.strictEqual(said.filter((one) => one._tag === "Refusal").length, 490)
      yield* peer.close
      yield* TestClock.adjust("10 millis")
      yield* isSound(a)
    })
  )

  test(
    "cannot have its work go on when it is gone",
    Effect.gen(function*() {
      let interrupted = 0
      const a = yield* start("a", {
        handler: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      })
      const peer = yield* meet(a)
      yield* say(peer, CallCodec.encodeCall(1, "work", []))
      yield* say(peer, CallCodec.encodeTell("work", []))
      yield* TestClock.adjust("10 millis")

      yield* peer.close
      yield* TestClock.adjust("10 millis")

      assert.strictEqual(interrupted, 2)
    })
  )

  test(
    "says what is no call: it is dropped, or given to who takes it",
    Effect.gen(function*() {
      const taken: Array<Message> = []
      const a = yield* start("a")
      const b = yield* start("b", {
        onMessage: (from, _, message) => {
          assert.strictEqual(from.id, "raw")
          taken.push(message)
          return taken.length === 4 ? { _tag: "Disconnected" } : undefined
        }
      })
      const methods = ["effect-p2p:1:2"]
      for (const node of [a, b]) {
        const peer = yield* meet(node)
        yield* peer.say("whisper", { _tag: "RequestPeers" })
        yield* peer.say("broadcast", custom(CallCodec.encodeCall(1, "echo", [])))
        yield* peer.say("whisper", {
          _tag: "Handshake",
          nodeId: "else",
          networkId: "net",
          address: at("else"),
          methods
        })
        yield* TestClock.adjust("10 millis")
        assert.isFalse(yield* peer.isEnded)
        yield* peer.say("whisper", { _tag: "Retrieve", table: "sha1", key: 1n })
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual(heard(peer), [])
        assert.strictEqual(goodbye(peer), node === b ? "Disconnected" : undefined)
        yield* peer.close
      }

      assert.deepInclude(a.stats(), { otherMessages: 4, served: 0 })
      assert.deepStrictEqual(taken.map((message) => message.type), ["whisper", "broadcast", "whisper", "whisper"])
      yield* isSound(b)
    })
  )

  test(
    "closes for want of use again and again: a call is made anew once",
    Effect.gen(function*() {
      const a = yield* start("a")
      const accepted = yield* listenAs("raw", at("raw"))
      const closers = yield* begin(Effect.forEach([1, 2, 3], () =>
        Effect.gen(function*() {
          const peer = yield* Queue.take(accepted)
          yield* peer.handshake("net", ours, at("raw"))
          yield* peer.waitFor((one) => CallCodec.decode(one.message.payload) !== undefined)
          yield* say(peer, packetsOf("goodbye", "Disconnected", "nothing to do"))
        })))

      const { reason } = yield* failure(a.call({ address: at("raw") }, "echo", []))

      assert.deepInclude(reason._tag === "Unreachable" ? reason.cause : reason, {
        _tag: "Goodbye",
        reason: "Disconnected"
      })
      assert.deepInclude(a.stats(), { calls: 2, dials: 2, pendingCalls: 0 })
      yield* Fiber.interrupt(closers)
    })
  )
})

/** Fibers that run now, by Effect's own count. */
const fiberCount = Effect.map(
  Metric.snapshot,
  (metrics) => {
    const active = metrics.find((metric) => metric.id === "child_fibers_active")
    return active?.type === "Gauge" ? Number(active.state.value) : 0
  }
)

describe("Peers: the end of a node", () => {
  it.effect("leaves no fiber and no connection, whatever was under way", () =>
    Effect.gen(function*() {
      const before = yield* fiberCount

      const reasons = yield* Effect.scoped(Effect.gen(function*() {
        const [a, b, c] = [yield* start("a"), yield* start("b"), yield* start("c")]
        const net = yield* MemoryNetwork
        yield* meet(b)
        for (const [from, to] of [[a, b], [b, c], [c, a]] as const) yield* ask(from, to, "echo")
        yield* net.partition([["a", "b", "c", "raw"], ["far"]])
        const waiting = yield* Effect.forEach(
          [
            a.call({ address: b.address }, "never", [], { timeout: "1 hour" }),
            a.call({ address: at("far") }, "echo", []),
            b.call({ address: a.address }, "never", [], { timeout: "1 hour" })
          ],
          (one) => begin(Effect.flip(one))
        )
        yield* TestClock.adjust("10 millis")
        assert.isAbove(yield* fiberCount, before + 10)
        assert.isAbove(yield* net.connectionCount, 3)

        yield* a.stop
        yield* TestClock.adjust("10 millis")
        const after = yield* Effect.flip(call(a, b, "echo"))
        const told = yield* Effect.forEach(waiting, (fiber) => Fiber.join(fiber))
        return [...told, after].map(({ reason }) => reason._tag === "Unreachable" ? reason.cause : reason)
      }))

      assert.deepStrictEqual(reasons.map((reason) => reason._tag), ["Stopped", "Stopped", "Goodbye", "Stopped"])
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(yield* fiberCount, before)
      assert.strictEqual(yield* Effect.flatMap(MemoryNetwork, (net) => net.connectionCount), 0)
    }).pipe(Effect.provide(network), Random.withSeed("end"), Metric.enableRuntimeMetrics))

  test(
    "comes for those who call when dialing breaks, not never",
    Effect.gen(function*() {
      const transport = yield* Effect.map(MemoryNetwork, (net) => net.transport("a"))
      const broken = { ...transport, dial: () => Effect.die(new Error("a mistake")) }
      const a = yield* Peers.make({ nodeId: "a", networkId: "net", listen: at("a"), handler: answers }).pipe(
        Effect.provideService(Transport, broken)
      )

      const exit = yield* whileTimePasses(Effect.exit(a.call({ address: at("b") }, "echo", [])))

      assert.include(String(exit), "a mistake")
    })
  )
})

describe("Peers: in a simulation", () => {
  /** Twelve nodes that call each other at random while one crashes; the fingerprint of all that went over the network. */
  const run = (seed: string) =>
    Simulation.run({ seed, latency: (_from, _to, chance) => 5 + 20 * chance }, (simulation) =>
      Effect.gen(function*() {
        const nodes: Array<Peers.Peers> = []
        for (let index = 0; index < 12; index++) {
          const host = `n${index}`
          nodes.push(
            yield* Peers.make({ nodeId: host, networkId: "net", listen: at(host), handler: answers, maxLinks: 4 }).pipe(
              Effect.provideService(Transport, simulation.network.transport(host))
            )
          )
        }
        const talk = (node: Peers.Peers) =>
          Effect.gen(function*() {
            for (let count = 0; count < 30; count++) {
              const to = nodes[yield* Random.nextIntBetween(0, 11)]!
              yield* Effect.exit(node.call({ address: to.address }, count % 3 === 0 ? "later" : "echo", packetsOf("x")))
              yield* Effect.sleep(yield* Random.nextBetween(0, 2000))
            }
          })
        yield* Effect.all([
          ...nodes.map(talk),
          Effect.delay(simulation.network.crash("n3"), "20 seconds")
        ], { concurrency: "unbounded" })
        const stats = nodes.map((node) => node.stats())
        assert.isAbove(stats.reduce((sum, one) => sum + one.answers, 0), 200)
        assert.isAbove(stats.reduce((sum, one) => sum + one.idleClosed, 0), 10)
        return simulation.trace.hash
      }).pipe(Effect.provide(wire)))

  it("does the same in each run with one seed, and leaves nothing behind", () => {
    const [one, same, other] = [run("1"), run("1"), run("2")]

    assert.isTrue(one._tag === "Success", String(one))
    assert.deepStrictEqual(one, same)
    assert.notDeepEqual(one, other)
  })
})
