import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as NodeSigning from "../../src/Layers/NodeSigning.ts"
import type { Mesh } from "../../src/Mesh/Mesh.ts"
import * as Topic from "../../src/Mesh/Topic.ts"
import { Signing } from "../../src/Protocol/Signing.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import * as NodeIdentity from "../../src/Transport/NodeIdentity.ts"
import { collect, startNetwork, startNode, whileTimePasses } from "../utils/MeshNetwork.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const numbers = (count: number): Array<string> => Array.from({ length: count }, (_, index) => `${index}`)
const Even = Topic.make("even", Schema.Number.check(Schema.isMultipleOf(2)))

describe("many broadcasts at once", () => {
  it.effect("reach every node once, each as a message of its own, in their order", () =>
    Effect.gen(function*() {
      const [author, ...others] = yield* startNetwork(4)

      yield* author!.mesh.broadcastAll(numbers(500))
      yield* TestClock.adjust("1 second")

      for (const { host, received } of others) {
        assert.deepStrictEqual(received.map(({ text }) => text), numbers(500), host)
      }
      assert.strictEqual((yield* author!.mesh.stats).sent, 500)
    }).pipe(Effect.provide(network), Random.withSeed("many")))

  it.effect("are those of any iterable, read anew each time", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2)
      const many = new Set(["a", "b"])

      const sending = author!.mesh.broadcastAll(many)
      yield* sending
      many.add("c")
      yield* TestClock.adjust("1 second")
      yield* sending
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(other!.received.map(({ text }) => text), ["a", "b", "a", "b", "c"])
    }).pipe(Effect.provide(network), Random.withSeed("iterable")))

  it.effect("take a second each where more than twenty are equal, as one by one", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2)

      yield* whileTimePasses(author!.mesh.broadcastAll(Array.from({ length: 30 }, () => "same")))
      yield* TestClock.adjust("1 second")

      assert.strictEqual(new Set(other!.received.map(({ id }) => id)).size, 30)
    }).pipe(Effect.provide(network), Random.withSeed("equal")))

  it.effect("go to the protocol that they belong to", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2)
      const handled: Array<string> = []
      yield* other!.mesh.handle("own", (message) => Effect.sync(() => handled.push(message.text)))

      yield* author!.mesh.broadcastAll(["a", "b"], { subFlag: "own" })
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual([handled, other!.received], [["a", "b"], []])
    }).pipe(Effect.provide(network), Random.withSeed("own protocol")))

  it.effect("wait for a healthy peer whose queue they would overflow", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2, { maxOutboxBytes: 65_536, slowPatience: "1 minute" })
      const many = Array.from({ length: 400 }, (_, index) => new Uint8Array(1024).fill(index))

      yield* whileTimePasses(author!.mesh.broadcastAll(many))
      yield* TestClock.adjust("5 seconds")

      assert.strictEqual(other!.received.length, 400)
      assert.strictEqual((yield* author!.mesh.stats).droppedOutbound, 0)
    }).pipe(
      Effect.provide(MemoryNetwork.layer({ latency: "10 millis", windowBytes: 16_384 })),
      Random.withSeed("room")
    ))

  const busy: ReadonlyArray<readonly [what: string, count: number, bytes: number, isSigned: boolean, peers: number]> = [
    ["long ones", 2000, 1024, false, 0],
    ["short ones that are signed", 300, 8, true, 0],
    ["short ones to many", 2000, 8, false, 16]
  ]
  for (const [what, count, bytes, isSigned, peers] of busy) {
    it.effect(`let others have a turn: ${what}`, () =>
      Effect.gen(function*() {
        const signing = NodeSigning.make(yield* NodeIdentity.generate, isSigned)
        const author = yield* startNode(0, { maxInboundLinks: peers }).pipe(Effect.provideService(Signing, signing))
        for (let index = 1; index <= peers; index++) {
          const peer = yield* startNode(index)
          yield* whileTimePasses(peer.mesh.connect(author.address))
        }
        const order: Array<string> = []
        const many = Array.from({ length: count }, (_, index) => {
          const one = new Uint8Array(bytes)
          new DataView(one.buffer).setUint32(0, index)
          return one
        })

        const sending = yield* Effect.forkChild(
          author.mesh.broadcastAll(many).pipe(Effect.andThen(Effect.sync(() => order.push("all")))),
          { startImmediately: true }
        )
        const other = yield* Effect.forkChild(Effect.sync(() => order.push("another")))
        yield* Fiber.joinAll([sending, other])
        yield* TestClock.adjust("1 second")

        assert.deepStrictEqual(order, ["another", "all"])
      }).pipe(Effect.provide(network), Random.withSeed("turns")))
  }

  const calls = {
    "many batches": (mesh: Mesh["Service"], big: Uint8Array) => mesh.broadcastAll([big]),
    "broadcasts one by one": (mesh: Mesh["Service"], big: Uint8Array) => mesh.broadcast(big),
    "whispers": (mesh: Mesh["Service"], big: Uint8Array, to: string) => mesh.whisper(to, big)
  }
  for (const [what, send] of Object.entries(calls)) {
    it.effect(`let others have a turn between calls: ${what}`, () =>
      Effect.gen(function*() {
        const [author, other] = yield* startNetwork(2, { maxOutboxBytes: 4_194_304 })
        const order: Array<string> = []

        const sending = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 24 }, (_, index) => new Uint8Array(65_536).fill(index)),
            (big) => send(author!.mesh, big, other!.mesh.id)
          ).pipe(Effect.andThen(Effect.sync(() => order.push("all")))),
          { startImmediately: true }
        )
        const another = yield* Effect.forkChild(Effect.sync(() => order.push("another")))
        yield* Fiber.join(sending)
        yield* Fiber.join(another)
        yield* TestClock.adjust("1 second")

        assert.deepStrictEqual(order, ["another", "all"])
      }).pipe(Effect.provide(network), Random.withSeed("calls")))
  }

  it.effect("end at one that is too large, behind those before it", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2, { maxMessageBytes: 65_536 })

      const error = yield* Effect.flip(author!.mesh.broadcastAll(["first", "x".repeat(70_000), "last"]))
      yield* TestClock.adjust("1 second")

      assert.strictEqual(error._tag, "MessageTooLarge")
      assert.deepStrictEqual(other!.received.map(({ text }) => text), ["first"])
    }).pipe(Effect.provide(network), Random.withSeed("too large")))

  it.effect("come from the batches of a stream", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2)

      yield* Stream.fromIterable(numbers(100)).pipe(
        Stream.runForEachArray((batch) => author!.mesh.broadcastAll(batch))
      )
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(other!.received.map(({ text }) => text), numbers(100))
    }).pipe(Effect.provide(network), Random.withSeed("stream")))
})

describe("many values of a topic at once", () => {
  it.effect("come to those who subscribe, equal ones as well", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2)
      const values = yield* collect(other!.mesh.subscribe(Even), yield* Effect.scope)

      yield* author!.mesh.publishAll(Even, [2, 4, 4, 6])
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(values.map(({ value }) => value), [2, 4, 4, 6])
    }).pipe(Effect.provide(network), Random.withSeed("values")))

  it.effect("all stay here where the schema refuses one", () =>
    Effect.gen(function*() {
      const [author, other] = yield* startNetwork(2)
      const values = yield* collect(other!.mesh.subscribe(Even), yield* Effect.scope)

      const error = yield* Effect.flip(author!.mesh.publishAll(Even, [2, 3, 4]))
      yield* TestClock.adjust("1 second")

      assert.strictEqual(error._tag, "SchemaError")
      assert.deepStrictEqual(values, [])
    }).pipe(Effect.provide(network), Random.withSeed("refused")))
})
