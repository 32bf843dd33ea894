import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Metric, Random, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Query from "../../src/Mesh/Query.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNetwork, startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })

/** Fibers that run now, by Effect's own count. */
const fiberCount = Effect.map(
  Metric.snapshot,
  (metrics) => {
    const active = metrics.find((metric) => metric.id === "child_fibers_active")
    return active?.type === "Gauge" ? Number(active.state.value) : 0
  }
)

describe("the end of a node", () => {
  it.effect("leaves no fiber and no connection behind", () =>
    Effect.gen(function*() {
      const before = yield* fiberCount

      yield* Effect.scoped(Effect.gen(function*() {
        const nodes = yield* startNetwork(8)
        const stuck = yield* whileTimePasses(RawPeer.dial(nodes[0]!, { host: "10.0.9.1", reads: false }))
        yield* stuck.handshake
        for (const node of nodes) yield* node.mesh.broadcast("hello")
        yield* Effect.forkScoped(Effect.ignore(nodes[0]!.mesh.whisper("nobody", "")), { startImmediately: true })
        yield* nodes[1]!.mesh.handle("mine", () => Effect.never)
        yield* nodes[0]!.mesh.broadcast("work", { subFlag: "mine" })
        yield* TestClock.adjust("1 second")
        assert.isAbove(yield* fiberCount, before + 50)
      }))

      assert.strictEqual(yield* fiberCount, before)
      assert.strictEqual(yield* Effect.flatMap(MemoryNetwork, (network) => network.connectionCount), 0)
    }).pipe(Effect.provide(network), Random.withSeed("end"), Metric.enableRuntimeMetrics))

  it.effect("is told to the peers, who do not take it for a loss", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)

      yield* b!.stop
      yield* TestClock.adjust("1 second")

      const left = a!.events.find((event) => event._tag === "PeerLeft")
      assert.deepInclude(left?.reason, { _tag: "Goodbye", reason: "Stopped" })
      yield* TestClock.adjust("1 minute")
      assert.isFalse(a!.events.some((event) => event._tag === "DialFailed"))
    }).pipe(Effect.provide(network), Random.withSeed("goodbye")))

  it.effect("ends the streams of the application behind what waits in them", () =>
    Effect.gen(function*() {
      const a = yield* startNode(1)
      const b = yield* startNode(2)
      yield* whileTimePasses(a.mesh.connect(b.address))
      const texts = yield* Effect.forkChild(
        Stream.runCollect(Stream.map(b.mesh.messages, (message) => message.text)),
        { startImmediately: true }
      )
      yield* a.mesh.broadcast("one")
      yield* a.mesh.broadcast("two")
      yield* TestClock.adjust("1 second")

      yield* b.stop

      assert.deepStrictEqual(yield* Fiber.join(texts), ["one", "two"])
    }).pipe(Effect.provide(network), Random.withSeed("streams")))

  it.effect("still writes what was broadcast just before", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)

      for (let i = 0; i < 50; i++) yield* a!.mesh.broadcast(`number ${i}`)
      yield* a!.stop
      yield* TestClock.adjust("1 second")

      assert.strictEqual(b!.received.length, 50)
    }).pipe(Effect.provide(network), Random.withSeed("drain")))

  it.effect("is told at once to whoever waits for another node", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const Riddle = Query.make("riddle", { question: Schema.String, answer: Schema.String })
      yield* b!.mesh.respond(Riddle, () => Effect.never)
      const waiting = yield* Effect.forkChild(
        Effect.all([
          Effect.flip(a!.mesh.ask(Riddle, b!.mesh.id, "?", { timeout: "1 hour" })),
          Effect.flip(a!.mesh.whisper("nobody", ""))
        ], { concurrency: 2 }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")

      yield* a!.stop

      const before = yield* Clock.currentTimeMillis
      const errors = [
        ...yield* Fiber.join(waiting),
        yield* Effect.flip(a!.mesh.ask(Riddle, b!.mesh.id, "?")),
        yield* Effect.flip(a!.mesh.whisper(b!.mesh.id, "")),
        yield* Effect.flip(a!.mesh.connect(b!.address))
      ]
      assert.strictEqual(yield* Clock.currentTimeMillis, before)
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["AskRefused", "PeerNotFound", "AskRefused", "PeerNotFound", "ConnectError"]
      )
      assert.include(errors[0]!.message, "this node ends")
      assert.include(errors[4]!.message, "the node is shutting down")
    }).pipe(Effect.provide(network), Random.withSeed("waiting")))

  it.effect("is the reason that a search gives, and not that there are no links", () =>
    Effect.gen(function*() {
      const [, b] = yield* startNetwork(2)
      const searching = yield* Effect.forkChild(Effect.flip(b!.mesh.whisper("nobody", "")), { startImmediately: true })
      yield* TestClock.adjust("1 second")

      yield* whileTimePasses(b!.stop)

      assert.include((yield* Fiber.join(searching)).message, "this node ends")
    }).pipe(Effect.provide(network), Random.withSeed("search")))

  it.effect("keeps those who ask again from asking others meanwhile", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const Riddle = Query.make("riddle", { question: Schema.String, answer: Schema.String })
      let asked = 0
      yield* a!.mesh.respond(Riddle, () => Effect.andThen(Effect.sync(() => asked++), Effect.never))
      let failed = 0
      const ask: Effect.Effect<void> = Effect.flatMap(
        Effect.flip(b!.mesh.ask(Riddle, a!.mesh.id, "?", { timeout: "1 hour" })),
        () => Effect.suspend(() => ++failed < 100 ? ask : Effect.void)
      ).pipe(Effect.orDie)
      const asking = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust("1 second")

      yield* whileTimePasses(b!.stop)
      yield* Fiber.join(asking)
      yield* TestClock.adjust("1 second")

      assert.strictEqual(asked, 1)
    }).pipe(Effect.provide(network), Random.withSeed("again")))
})
