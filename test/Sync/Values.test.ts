/** What may be written, and whose it is afterwards. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Schema, Stream } from "effect"
import { wireVersions } from "../../src/Layers/WireVersion.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"
import { cutText, heldBytes } from "../utils/heldBytes.ts"
import { UrlText } from "../utils/UrlText.ts"
import { run, start, text } from "./SyncNetwork.ts"

describe("a value", () => {
  it("of a few texts is set and changed as it is written down, and an instance of a class stays one", () =>
    run("class", {}, (simulation) =>
      Effect.gen(function*() {
        class Lamp
          extends Schema.Class<Lamp>("Lamp")({ color: Schema.Literals(["red", "green"]), since: Schema.Date })
        {
          get isRed() {
            return this.color === "red"
          }
        }
        const { a, b } = yield* start(simulation, ["a", "b"], { sync: { leasing: false } })
        const light = SyncKey.make("light", Schema.Struct({ color: Schema.Literals(["red", "green"]) }))
        const lamp = SyncKey.make("lamp", Lamp)
        yield* a!.sync.set(light, { color: "red" })
        yield* a!.sync.set(lamp, new Lamp({ color: "green", since: new Date(0) }))
        yield* Effect.sleep("1 second")

        yield* b!.sync.change(light, { color: "green" })
        yield* b!.sync.change(lamp, { color: "red" })
        yield* Effect.sleep("1 second")

        assert.deepStrictEqual(yield* a!.sync.get(light), Option.some({ color: "green" }))
        const changed = Option.getOrThrow(yield* a!.sync.get(lamp))
        assert.isTrue(changed.isRed)
        assert.deepStrictEqual(changed.since, new Date(0))
      })))

  it("that its writer changes afterwards is not changed by that, and told of when it is set again", () =>
    run("writer", {}, (simulation) =>
      Effect.gen(function*() {
        const { a } = yield* start(simulation, ["a", "b"])
        const key = SyncKey.json("settings")
        const seen = yield* a!.sync.watch(key).pipe(
          Stream.take(3),
          Stream.runCollect,
          Effect.forkScoped({ startImmediately: true })
        )
        const settings = { n: 1 }
        yield* a!.sync.set(key, settings)

        settings.n = 2
        const between = yield* a!.sync.get(key)
        yield* a!.sync.set(key, settings)

        assert.deepStrictEqual(between, Option.some({ n: 1 }))
        assert.deepStrictEqual(yield* Fiber.join(seen), [Option.none(), Option.some({ n: 1 }), Option.some({ n: 2 })])
      })))

  it("is written as it was when the write was made, though that has to wait", () =>
    run("waiting", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b"])
        const key = SyncKey.json("settings")
        // Each has a second of its own: the last ones wait.
        for (let i = 0; i < 25; i++) yield* Effect.forkScoped(nodes["a"]!.sync.set(key, i), { startImmediately: true })
        const settings = { n: 1 }
        const writing = yield* Effect.forkScoped(nodes["a"]!.sync.set(key, settings), { startImmediately: true })

        assert.isUndefined(writing.pollUnsafe())
        settings.n = 2
        yield* Fiber.join(writing)
        yield* Effect.sleep("1 second")

        for (const { sync } of Object.values(nodes)) {
          assert.deepStrictEqual(yield* sync.get(key), Option.some({ n: 1 }))
        }
      })))

  it("is its reader's own, and what is held cannot be changed by it", () =>
    run("reader", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b"])
        const key = SyncKey.make("settings", Schema.MutableJson)
        yield* nodes["a"]!.sync.set(key, { list: [1] })
        yield* Effect.sleep("1 second")

        for (const { sync } of Object.values(nodes)) {
          const got = Option.getOrThrow(yield* sync.get(key)) as { list: Array<number> }
          got.list.push(2)
          const { value } = Option.getOrThrow(yield* sync.read("settings"))
          assert.throws(() => (value as typeof got).list.push(2), TypeError)

          assert.deepStrictEqual(yield* sync.get(key), Option.some({ list: [1] }))
        }
      })))
})

describe("a key", () => {
  it("fails to be read, and to be changed, where its schema throws at the value", () =>
    run("throwing get", {}, (simulation) =>
      Effect.gen(function*() {
        const { a, b } = yield* start(simulation, ["a", "b"])
        yield* a!.sync.set(text("place"), "nowhere")
        yield* Effect.sleep("1 second")

        const place = SyncKey.make("place", UrlText)
        const errors = [
          yield* Effect.flip(b!.sync.get(place)),
          yield* Effect.flip(b!.sync.change(place, { hash: "#here" }))
        ]

        for (const error of errors) {
          assert.strictEqual(error._tag, "SchemaError")
          assert.include(error.message, "URL")
        }
      })))
})

describe("a watched key", () => {
  it("goes on behind a value at which its schema throws", () =>
    run("throwing schema", {}, (simulation) =>
      Effect.gen(function*() {
        const { a, b } = yield* start(simulation, ["a", "b"])
        const hosts = yield* b!.sync.watch(SyncKey.make("place", UrlText)).pipe(
          Stream.map(Option.map(({ host }) => host)),
          Stream.take(2),
          Stream.runCollect,
          Effect.forkScoped({ startImmediately: true })
        )

        for (const place of ["nowhere", "http://a/"]) {
          yield* a!.sync.set(text("place"), place)
          yield* Effect.sleep("1 second")
        }

        assert.deepStrictEqual(yield* Fiber.join(hosts), [Option.none(), Option.some("a")])
      })))
})

describe.each(wireVersions)("text over wire version %s", (protocol) => {
  it("that is no text is refused, in keys and values, and any other arrives", () =>
    run("text", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b"], { protocol })
        const { sync } = nodes["a"]!
        const half = "x\ud800"
        const any = SyncKey.json("any")
        const map = SyncKey.make("map", Schema.Record(Schema.String, Schema.String))

        const refused = [
          yield* Effect.flip(sync.set(text(half), "v")),
          yield* Effect.flip(sync.delete(half)),
          yield* Effect.flip(sync.set(any, half)),
          yield* Effect.flip(sync.set(any, [{ deep: { [half]: 1 } }])),
          yield* Effect.flip(sync.change(map, { name: half }))
        ]
        yield* sync.set(text("😀\u0000"), "😀\u0000")
        yield* Effect.sleep("1 second")

        const parts = refused.map((error) => error._tag === "EntryNotText" ? error.part : error._tag)
        assert.deepStrictEqual(parts, ["key", "key", "value", "value", "value"])
        assert.include(refused[0]!.message, "surrogate")
        for (const node of Object.values(nodes)) {
          assert.deepStrictEqual(
            (yield* node.sync.entries).map(({ key, value }) => [key, value]),
            [["😀\u0000", "😀\u0000"]]
          )
        }
      })))

  it("is kept without the larger ones out of which keys and values were cut", () =>
    run("cut", {}, (simulation) =>
      Effect.gen(function*() {
        const { sync } = (yield* start(simulation, ["a"], { protocol }))["a"]!
        const map = SyncKey.make("map", Schema.Record(Schema.String, Schema.String))
        yield* sync.set(text("first"), "value")
        const before = heldBytes()

        for (let index = 0; index < 20; index++) {
          yield* sync.set(text(cutText(index)), "value")
          yield* sync.set(text(`${index}`), cutText(index))
          yield* sync.change(map, { [`${index}`]: cutText(index) })
          // Changes of a key have seconds of their own.
          yield* Effect.sleep("1 second")
        }

        assert.isBelow(heldBytes() - before, 10_000_000)
      })))
})
