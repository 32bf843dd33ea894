import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Random, Schema, SchemaGetter, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Query from "../../src/Mesh/Query.ts"
import * as Topic from "../../src/Mesh/Topic.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { collect, startNetwork, startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"
import { UrlText } from "../utils/UrlText.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const Temperature = Topic.make("temperature", Schema.Struct({ room: Schema.String, celsius: Schema.Number }))

/** A schema of itself, and JSON that goes through it by as many steps as no stack holds. */
interface Tree {
  readonly branches: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  branches: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})
const deepTree = (depth: number) => `${"{\"branches\":[".repeat(depth)}${"]}".repeat(depth)}`

const Reading = Topic.make("reading", Schema.Struct({ at: Schema.Date, level: Schema.BigInt }))

describe("a topic", () => {
  it.effect("carries typed values to those who subscribe, and to nobody's messages", () =>
    Effect.gen(function*() {
      const [a, b, c] = yield* startNetwork(3)
      const values = yield* collect(b!.mesh.subscribe(Temperature), yield* Effect.scope)

      const id = yield* a!.mesh.publish(Temperature, { room: "lab", celsius: 21.5 })
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(values.map(({ id, sender, value }) => ({ id, sender, value })), [
        { id, sender: a!.mesh.id, value: { room: "lab", celsius: 21.5 } }
      ])
      assert.deepStrictEqual([b!.received, c!.received], [[], []])
    }).pipe(Effect.provide(network), Random.withSeed("topic")))

  it.effect("carries what JSON has no words for, by the schema's own encoding", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const values = yield* collect(b!.mesh.subscribe(Reading), yield* Effect.scope)

      yield* a!.mesh.publish(Reading, { at: new Date(86_400_000), level: 2n ** 70n })
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(values[0]?.value, { at: new Date(86_400_000), level: 2n ** 70n })
    }).pipe(Effect.provide(network), Random.withSeed("dates")))

  it.effect("carries equal values of several nodes in one second, and many of one, each once", () =>
    Effect.gen(function*() {
      const nodes = yield* startNetwork(3)
      const scope = yield* Effect.scope
      const heard = yield* Effect.forEach(nodes, ({ mesh }) => collect(mesh.subscribe(Temperature), scope))
      const value = { room: "lab", celsius: 20 }

      yield* Effect.all(nodes.map(({ mesh }) => mesh.publish(Temperature, value)), { concurrency: "unbounded" })
      yield* Effect.forEach(Array.from({ length: 40 }), () => nodes[0]!.mesh.publish(Temperature, value))
      yield* TestClock.adjust("500 millis")

      assert.deepStrictEqual(heard.map((values) => values.length), [2, 42, 42])
      assert.deepStrictEqual(new Set(heard[1]!.map(({ time }) => time)).size, 1)
    }).pipe(Effect.provide(network), Random.withSeed("equal")))

  it.effect("drops a value that its schema refuses, says so, and goes on", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const values = yield* collect(b!.mesh.subscribe(Temperature), yield* Effect.scope)
      const Other = Topic.make("temperature", Schema.Struct({ room: Schema.Number }))

      yield* a!.mesh.publish(Other, { room: 7 })
      yield* a!.mesh.broadcast(["temperature"], { subFlag: "topic" })
      yield* a!.mesh.publish(Temperature, { room: "lab", celsius: 1 })
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(values.map((message) => message.value.room), ["lab"])
      const refused = b!.events.filter((event) => event._tag === "ValueRefused")
      assert.deepStrictEqual(refused.map((event) => [event.name, event.sender]), [
        ["temperature", a!.mesh.id],
        ["temperature", a!.mesh.id]
      ])
      assert.include(refused[0]?.detail, "room")
    }).pipe(Effect.provide(network), Random.withSeed("refused")))

  it("decodes and refuses at once where its schema waits for nothing", () => {
    const decode = Schema.decodeUnknownEffect(Temperature.codec)
    const right = decode("{\"room\":\"lab\",\"celsius\":1}")

    assert.deepStrictEqual(Effect.runSync(right), { room: "lab", celsius: 1 })
    assert.deepStrictEqual([right, decode("{\"room\":\"lab\"}")].map(Exit.isExit), [true, true])
    assert.include(String(Effect.runSyncExit(decode("{\"room\""))), "Expected a valid JSON string")
  })

  it.effect("waits for a schema that decodes by an effect, in the order of the values, each no longer than for its own", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const slowly = SchemaGetter.transformEffect((millis: number) => Effect.as(Effect.sleep(millis), millis))
      const Slow = Schema.Number.pipe(Schema.decodeTo(Schema.Number, { decode: slowly, encode: slowly }))
      const values = yield* collect(b!.mesh.subscribe(Topic.make("waits", Slow)), yield* Effect.scope)

      for (const millis of [300, 100, Infinity, 100]) yield* a!.mesh.publish(Topic.make("waits", Schema.Number), millis)
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(values.map(({ value }) => value), [300, 100])
    }).pipe(Effect.provide(network), Random.withSeed("slow schema")))

  it.effect("drops a value at which its schema throws, says so, and goes on", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const values = yield* collect(b!.mesh.subscribe(Topic.make("places", UrlText)), yield* Effect.scope)

      for (const text of ["http://a/", "nowhere", "http://b/"]) {
        yield* a!.mesh.publish(Topic.make("places", Schema.String), text)
      }
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(values.map(({ value }) => value.host), ["a", "b"])
      assert.include(b!.events.find((event) => event._tag === "ValueRefused")?.detail, "URL")
    }).pipe(Effect.provide(network), Random.withSeed("throwing schema")))

  it.effect("goes on for all subscribers behind a value that nests deeper than a stack holds", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const Trees = Topic.make("trees", Tree)
      const values = yield* collect(b!.mesh.subscribe(Trees), yield* Effect.scope)
      const brackets = "[{\\\"[{".repeat(300)
      const texts = yield* collect(b!.mesh.subscribe(Topic.make("texts", Schema.String)), yield* Effect.scope)

      yield* a!.mesh.broadcast(["trees", deepTree(20_000), "mark"], { subFlag: "topic" })
      yield* a!.mesh.publish(Trees, { branches: [{ branches: [] }] })
      yield* a!.mesh.publish(Topic.make("texts", Schema.String), brackets)
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(values.map(({ value }) => value), [{ branches: [{ branches: [] }] }])
      assert.deepStrictEqual(texts.map(({ value }) => value), [brackets])
      assert.include(b!.events.find((event) => event._tag === "ValueRefused")?.detail, "256 deep")
    }).pipe(Effect.provide(network), Random.withSeed("deep")))

  it.effect("is handled as long as somebody subscribes, and then ignored", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const read = Effect.forkScoped(Stream.runHead(b!.mesh.subscribe(Temperature)), { startImmediately: true })
      const readers = [yield* read, yield* read]

      yield* a!.mesh.publish(Temperature, { room: "lab", celsius: 1 })
      yield* TestClock.adjust("1 second")
      for (const reader of readers) assert.isTrue(Option.isSome(yield* Fiber.join(reader)))
      assert.strictEqual((yield* b!.mesh.stats).ignored, 0)
      yield* a!.mesh.publish(Temperature, { room: "lab", celsius: 2 })
      yield* TestClock.adjust("1 second")

      assert.strictEqual((yield* b!.mesh.stats).ignored, 1)
    }).pipe(Effect.provide(network), Random.withSeed("unsubscribed")))

  it.effect("takes values of its own kind alone, as the compiler says before the schema does", () =>
    Effect.gen(function*() {
      const { mesh } = yield* startNode(1)
      const Light = Topic.make("light", Schema.Struct({ color: Schema.Literals(["red", "green"]) }))
      const Crossing = Query.make("crossing", { question: Schema.Literals(["a", "b"]), answer: Light.codec })
      const blue: { readonly color: string } = { color: "blue" }
      const crossing: string = "c"

      const errors = [
        // @ts-expect-error: a value of more kinds than the topic's
        yield* Effect.flip(mesh.publish(Light, blue)),
        // @ts-expect-error: one of them
        yield* Effect.flip(mesh.publishAll(Light, [blue])),
        // @ts-expect-error: a question that need not be one
        yield* Effect.flip(mesh.ask(Crossing, "somebody", crossing))
      ]
      // @ts-expect-error: an answer that need not be one
      yield* mesh.respond(Crossing, () => Effect.succeed(blue))
      yield* mesh.publish(Light, { color: "red" })

      assert.deepStrictEqual(errors.map((error) => error._tag), ["SchemaError", "SchemaError", "SchemaError"])
    }).pipe(Effect.provide(network), Random.withSeed("kinds")))

  it.effect("refuses to publish a value that its schema does not take", () =>
    Effect.gen(function*() {
      const [a] = yield* startNetwork(1)
      const Percent = Topic.make("percent", Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })))

      const error = yield* Effect.flip(a!.mesh.publish(Percent, 200))

      assert.strictEqual(error._tag, "SchemaError")
    }).pipe(Effect.provide(network), Random.withSeed("publish")))
})

describe("a question", () => {
  const Square = Query.make("square", { question: Schema.Number, answer: Schema.Number })

  it.effect("is answered by the node that was asked, neighbor or not", () =>
    Effect.gen(function*() {
      const line: Array<TestNode> = []
      for (let index = 1; index <= 4; index++) {
        const node = yield* startNode(index, { maxOutboundLinks: 0 })
        if (index > 1) yield* whileTimePasses(node.mesh.connect(line[index - 2]!.address))
        line.push(node)
      }
      yield* line[3]!.mesh.respond(Square, (n, from) => Effect.succeed(from === line[0]!.mesh.id ? n * n : 0))

      const answer = yield* whileTimePasses(line[0]!.mesh.ask(Square, line[3]!.mesh.id, 12))

      assert.strictEqual(answer, 144)
      assert.deepStrictEqual(line.flatMap((node) => node.received), [])
    }).pipe(Effect.provide(network), Random.withSeed("ask")))

  it.effect("is refused where nobody responds, where the value is of another kind, and where the responder fails", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const Text = Query.make("square", { question: Schema.String, answer: Schema.Number })
      const Failing = Query.make("failing", { question: Schema.Number, answer: Schema.Number })

      const nobody = yield* whileTimePasses(Effect.flip(a!.mesh.ask(Square, b!.mesh.id, 1)))
      yield* b!.mesh.respond(Square, (n) => Effect.succeed(n))
      yield* b!.mesh.respond(Failing, () => Effect.die("a bug"))
      const another = yield* whileTimePasses(Effect.flip(a!.mesh.ask(Text, b!.mesh.id, "one")))
      const failing = yield* whileTimePasses(Effect.flip(a!.mesh.ask(Failing, b!.mesh.id, 1)))

      assert.deepStrictEqual([nobody._tag, another._tag, failing._tag], ["AskRefused", "AskRefused", "AskRefused"])
      assert.include(nobody.message, "nobody responds")
      const failures = b!.events.filter((event) => event._tag === "HandlerFailed")
      assert.strictEqual(failures.length, 1)
      assert.include(failures[0]?.detail, "a bug")
      // What others send is no mistake of this program.
      const refused = b!.events.filter((event) => event._tag === "ValueRefused")
      assert.deepStrictEqual(refused.map(({ name, sender }) => [name, sender]), [["square", a!.mesh.id]])
      assert.strictEqual(yield* whileTimePasses(a!.mesh.ask(Square, b!.mesh.id, 5)), 5)
    }).pipe(Effect.provide(network), Random.withSeed("refused question")))

  it.effect("fails, and is no defect, where the answer nests deeper than a stack holds", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const Grow = Query.make("grow", { question: Tree, answer: Tree })
      yield* b!.mesh.respond({ ...Grow, answer: Schema.String }, () => Effect.succeed(deepTree(20_000)))

      const error = yield* whileTimePasses(Effect.flip(a!.mesh.ask(Grow, b!.mesh.id, { branches: [] })))
      const asking = { ...Grow, question: Schema.String }
      const refused = yield* whileTimePasses(Effect.flip(a!.mesh.ask(asking, b!.mesh.id, deepTree(20_000))))

      assert.deepStrictEqual([error._tag, refused._tag], ["SchemaError", "AskRefused"])
      assert.isFalse(b!.events.some((event) => event._tag === "HandlerFailed"))
    }).pipe(Effect.provide(network), Random.withSeed("deep answer")))

  it.effect("fails, and is no defect, where a schema throws at the question or the answer", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const Find = Query.make("find", { question: UrlText, answer: UrlText })
      const responding = Query.make("find", { question: UrlText, answer: Schema.String })
      yield* b!.mesh.respond(responding, () => Effect.succeed("nowhere"))

      const error = yield* whileTimePasses(Effect.flip(a!.mesh.ask(Find, b!.mesh.id, new URL("http://a/"))))
      const asking = Query.make("find", { question: Schema.String, answer: UrlText })
      const refused = yield* whileTimePasses(Effect.flip(a!.mesh.ask(asking, b!.mesh.id, "nowhere")))

      assert.deepStrictEqual([error._tag, refused._tag], ["SchemaError", "AskRefused"])
      assert.deepStrictEqual(b!.events.filter((event) => event._tag === "HandlerFailed"), [])
    }).pipe(Effect.provide(network), Random.withSeed("throwing answer")))

  it.effect("fails when no answer comes in time", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      yield* b!.mesh.respond(Square, () => Effect.never)

      const error = yield* whileTimePasses(
        Effect.flip(a!.mesh.ask(Square, b!.mesh.id, 1, { timeout: "300 millis" }))
      )

      assert.strictEqual(error._tag, "AskTimeout")
      assert.include(error.message, "300 ms")
    }).pipe(Effect.provide(network), Random.withSeed("timeout")))
})

describe("a responder", () => {
  const Square = Query.make("square", { question: Schema.Number, answer: Schema.Number })

  it.effect("looks for nobody who has left before the answer", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxOutboundLinks: 0, handlerConcurrency: 2 })
      const honest = yield* startNode(2, { maxOutboundLinks: 0 })
      yield* whileTimePasses(honest.mesh.connect(node.address))
      yield* RawPeer.silence(new PeerAddress({ host: "10.6.6.6", port: 4444 }))
      yield* node.mesh.respond(Square, (n) => Effect.as(Effect.sleep("1 second"), n * n))
      const scope = yield* Scope.make()
      const dialed = RawPeer.dial(node, { host: "10.6.6.6" }).pipe(Effect.provideService(Scope.Scope, scope))
      const asker = yield* whileTimePasses(dialed)
      yield* asker.handshake
      yield* TestClock.adjust("100 millis")
      for (let i = 0; i < 6; i++) {
        yield* asker.say(asker.make("whisper", ["ask", `${i}`, "square", "3"].map(RawPeer.bytes), i))
      }
      yield* TestClock.adjust("100 millis")
      yield* whileTimePasses(Scope.close(scope, Exit.void))

      const answer = yield* whileTimePasses(honest.mesh.ask(Square, node.mesh.id, 4))

      assert.strictEqual(answer, 16)
      assert.deepStrictEqual(node.events.filter((event) => event._tag === "HandlerFailed"), [])
    }).pipe(Effect.provide(network), Random.withSeed("left")))

  it.effect("says so when its answer is too large", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2, { maxMessageBytes: 10_000 })
      const Long = Query.make("long", { question: Schema.Number, answer: Schema.String })
      yield* b!.mesh.respond(Long, (n) => Effect.succeed("x".repeat(n)))

      const error = yield* whileTimePasses(Effect.flip(a!.mesh.ask(Long, b!.mesh.id, 20_000)))

      assert.strictEqual(error._tag, "AskRefused")
      assert.lengthOf(b!.events.filter((event) => event._tag === "HandlerFailed"), 1)
    }).pipe(Effect.provide(network), Random.withSeed("too large")))
})

describe("a handler", () => {
  it.effect("takes the messages of its sub-flag, broadcast and whispered, while its scope lives", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      const taken: Array<string> = []
      const send = (text: string) => a!.mesh.broadcast(text, { subFlag: "my protocol" })

      yield* Effect.scoped(Effect.gen(function*() {
        yield* b!.mesh.handle("my protocol", (message) => Effect.sync(() => taken.push(message.kind, message.text)))
        yield* send("one")
        yield* a!.mesh.whisper(b!.mesh.id, "two", { subFlag: "my protocol" })
        yield* TestClock.adjust("1 second")
      }))
      yield* send("three")
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(taken, ["broadcast", "one", "whisper", "two"])
      assert.deepStrictEqual(b!.received, [])
    }).pipe(Effect.provide(network), Random.withSeed("handler")))

  it.effect("that fails or never returns holds up nobody", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      yield* b!.mesh.handle("stuck", () => Effect.never)
      yield* b!.mesh.handle("broken", () => Effect.die(new Error("oops")))

      for (let i = 0; i < 100; i++) {
        yield* a!.mesh.broadcast(`${i}`, { subFlag: "stuck" })
        yield* a!.mesh.broadcast(`${i}`, { subFlag: "broken" })
        yield* a!.mesh.broadcast(`${i}`)
      }
      yield* TestClock.adjust("1 second")

      assert.strictEqual(b!.received.length, 100)
      assert.strictEqual(b!.events.filter((event) => event._tag === "HandlerFailed").length, 100)
    }).pipe(Effect.provide(network), Random.withSeed("stuck handler")))

  it.effect("that fails is told in few words, though its error repeats what a stranger wrote", () =>
    Effect.gen(function*() {
      const [a, b] = yield* startNetwork(2)
      yield* b!.mesh.handle("broken", ({ text }) => Effect.fail(new Error(`what is ${text}?`)))

      yield* a!.mesh.broadcast("x".repeat(100_000), { subFlag: "broken" })
      yield* TestClock.adjust("1 second")

      const failed = b!.events.find((event) => event._tag === "HandlerFailed")
      assert.match(failed?.detail ?? "", /^Error: what is x{4000}/)
      assert.isAtMost(failed?.detail.length ?? 0, 4096)
    }).pipe(Effect.provide(network), Random.withSeed("long failure")))

  it.effect("cannot take a sub-flag that is the protocol's or another handler's", () =>
    Effect.gen(function*() {
      const [a] = yield* startNetwork(1)
      yield* a!.mesh.handle("mine", () => Effect.void)

      for (const subFlag of ["", "x", "topic", "ask", "answer", "goodbye", "mine"]) {
        const error = yield* Effect.flip(a!.mesh.handle(subFlag, () => Effect.void))
        assert.strictEqual(error._tag, "SubFlagTaken", subFlag)
      }
    }).pipe(Effect.provide(network), Random.withSeed("taken")))
})
