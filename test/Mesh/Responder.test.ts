import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Random, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import * as Query from "../../src/Mesh/Query.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const Page = Query.make("page", { question: Schema.Number, answer: Schema.String })

/** A node with an honest peer, and one that asks and reads nothing. */
const withStuckAsker = Effect.fnUntraced(function*() {
  const options = { maxOutboundLinks: 0, maxOutboxBytes: 100_000, handlerConcurrency: 2, drainTimeout: 0 }
  const node = yield* startNode(1, options)
  const honest = yield* startNode(2, options)
  yield* whileTimePasses(honest.mesh.connect(node.address))
  const asker = yield* whileTimePasses(
    RawPeer.dial(node, { host: "10.0.1.1", id: "stuck", reads: false, methods: [] })
  )
  yield* asker.handshake
  yield* TestClock.adjust("1 second")
  const ask = (number: string, question: number) =>
    asker.say(asker.make("whisper", ["ask", number, "page", `${question}`].map(RawPeer.bytes), 0))
  return { node, honest, ask }
})

describe("a responder", () => {
  it.effect("answers others while an asker takes no answers, and counts those that it drops", () =>
    Effect.gen(function*() {
      const { ask, honest, node } = yield* withStuckAsker()
      yield* node.mesh.respond(Page, () => Effect.succeed("x".repeat(20_000)))
      for (let i = 0; i < 40; i++) yield* ask(`${i}`, i)
      yield* TestClock.adjust("20 millis")

      const answer = yield* whileTimePasses(
        Effect.exit(honest.mesh.ask(Page, node.mesh.id, 1, { timeout: "1 second" }))
      )

      assert.isTrue(Exit.isSuccess(answer))
      assert.isAbove((yield* node.mesh.stats).droppedOutbound, 0)
      assert.lengthOf(node.events.filter((event) => event._tag === "HandlerFailed"), 0)
    }).pipe(Effect.provide(network), Random.withSeed("stuck asker")))

  it.effect("closes at once, however many answers an asker does not take", () =>
    Effect.gen(function*() {
      const { ask, node } = yield* withStuckAsker()
      const scope = yield* Scope.make()
      const answer = (question: number) => question === 0 ? Effect.never : Effect.succeed("no longer than a refusal")
      yield* Scope.provide(node.mesh.respond(Page, answer), scope)
      yield* ask("unanswered", 0)
      for (let i = 1; i < 2000; i++) yield* ask(`${i}`, i)
      yield* TestClock.adjust("20 millis")

      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1 millis")

      assert.isDefined(closing.pollUnsafe())
    }).pipe(Effect.provide(network), Random.withSeed("closing")))

  it.live("answers what is asked the moment after it responds, and so does a handler of another protocol", () =>
    Effect.gen(function*() {
      const start = (host: string) => Effect.map(Layer.build(MemoryMesh.layer({ host })), Context.get(Mesh))
      const [a, b] = [yield* start("a"), yield* start("b")]
      yield* b.connect(a.address)
      const handled: Array<string> = []

      yield* b.handle("greeting", (message) => Effect.sync(() => handled.push(message.text)))
      yield* b.respond(Page, (page) => Effect.succeed(`page ${page}`))
      yield* a.whisper(b.id, "hello", { subFlag: "greeting" })
      const answer = yield* a.ask(Page, b.id, 1, { timeout: "500 millis" })

      assert.deepStrictEqual([answer, ...handled], ["page 1", "hello"])
    }).pipe(Effect.provide(MemoryNetwork.layer())))
})
