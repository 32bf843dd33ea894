import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import * as Dictionary from "../../src/Chord/Dictionary.ts"
import { simulate, startNode, startRing } from "../utils/ChordRing.ts"
import { UrlText } from "../utils/UrlText.ts"

const Flag = Schema.Struct({ isOn: Schema.Boolean, since: Schema.Date })
const flags = Dictionary.make("flags", Flag)

const on = { isOn: true, since: new Date("2026-01-02T03:04:05.678Z") }
const off = { isOn: false, since: new Date(0) }

/** Runs a test with a node of a ring of one. */
const alone = <A, E>(test: Effect.Effect<A, E, Chord>) =>
  simulate((simulation) =>
    Effect.flatMap(startNode(simulation, "alone"), (chord) => Effect.provideService(test, Chord, chord))
  )

const text = Effect.fnUntraced(function*(key: string) {
  const chord = yield* Chord
  return Option.getOrUndefined(yield* chord.get(key))
})

describe("Dictionary", () => {
  it("gives back a value with its type, as another node set it", () => {
    const [version, entry] = simulate((simulation) =>
      Effect.gen(function*() {
        const [one, two] = yield* startRing(simulation, 2)
        const version = yield* Effect.provideService(flags.set("dark", on), Chord, one!)
        return [version, yield* Effect.provideService(flags.read("dark"), Chord, two!)] as const
      })
    )

    assert.deepStrictEqual(entry, Option.some({ value: on, version, expiresAtMillis: undefined, isDegraded: false }))
  })

  it("has no value that was never set, was deleted, or has expired", () =>
    alone(Effect.gen(function*() {
      const before = [yield* flags.get("dark"), yield* flags.has("dark")]
      yield* flags.set("dark", on)
      const between = [yield* flags.get("dark"), yield* flags.has("dark")]
      yield* flags.delete("dark")
      const after = [yield* flags.get("dark"), yield* flags.has("dark")]
      yield* flags.set("short", on, { ttl: "1 minute" })
      const early = yield* flags.get("short")
      yield* Effect.sleep("1 minute")

      assert.deepStrictEqual(before, [Option.none(), false])
      assert.deepStrictEqual(between, [Option.some(on), true])
      assert.deepStrictEqual(after, [Option.none(), false])
      assert.deepStrictEqual([early, yield* flags.get("short")], [Option.some(on), Option.none()])
    })))

  it("keeps its keys apart from those of other dictionaries, as JSON that other programs can read", () =>
    alone(Effect.gen(function*() {
      const counts = Dictionary.make("counts", Schema.Int)
      yield* flags.set("a/b", on)
      yield* counts.set("a/b", 7)

      assert.deepStrictEqual(yield* flags.get("a/b"), Option.some(on))
      assert.deepStrictEqual(yield* counts.get("a/b"), Option.some(7))
      assert.strictEqual(yield* text("counts/a/b"), "7")
      assert.deepStrictEqual(JSON.parse(String(yield* text("flags/a/b"))), {
        isOn: true,
        since: "2026-01-02T03:04:05.678Z"
      })
    })))

  it("refuses a stored value that is none of the schema, and leaves it there", () =>
    alone(Effect.gen(function*() {
      const chord = yield* Chord
      yield* chord.update({ "flags/text": "no JSON", "flags/other": "{\"isOn\":1}" })

      const notJson = yield* Effect.flip(flags.get("text"))
      const other = yield* Effect.flip(flags.read("other"))

      assert.deepInclude({ ...notJson }, { _tag: "InvalidValue", dictionary: "flags", key: "text", operation: "get" })
      assert.instanceOf(other, Dictionary.InvalidValue)
      assert.match(other.message, /^the value found under "other" is none of the dictionary "flags": [^]*isOn/)
      assert.isTrue(yield* flags.has("other"))
      assert.strictEqual(yield* text("flags/other"), "{\"isOn\":1}")
    })))

  it("refuses a stored value at which its schema throws", () =>
    alone(Effect.gen(function*() {
      const chord = yield* Chord
      yield* chord.set("places/home", "\"nowhere\"")

      const error = yield* Effect.flip(Dictionary.make("places", UrlText).get("home"))

      assert.deepInclude({ ...error }, { _tag: "InvalidValue", key: "home", operation: "get" })
    })))

  it("refuses a stored value that nests deeper than a stack holds", () =>
    alone(Effect.gen(function*() {
      interface Tree extends ReadonlyArray<Tree> {}
      const Tree: Schema.Codec<Tree> = Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
      const chord = yield* Chord
      yield* chord.set("trees/deep", "[".repeat(20_000) + "]".repeat(20_000))

      const error = yield* Effect.flip(Dictionary.make("trees", Tree).get("deep"))

      assert.strictEqual(error._tag, "InvalidValue")
      assert.include(error.message, "256 deep")
    })))

  it("refuses to set what its schema refuses, and sets nothing of a batch with such a value", () =>
    alone(Effect.gen(function*() {
      const ages = Dictionary.make("ages", Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
      yield* ages.set("ada", 36)

      const single = yield* Effect.flip(ages.set("ada", -1))
      const batch = yield* Effect.flip(ages.update({ ben: 41, ada: -1 }))

      assert.deepInclude({ ...single }, { _tag: "InvalidValue", dictionary: "ages", key: "ada", operation: "set" })
      assert.strictEqual(batch._tag, "InvalidValue")
      assert.deepStrictEqual([yield* ages.get("ada"), yield* ages.has("ben")], [Option.some(36), false])
    })))

  it("sets many values from an object or from pairs", () =>
    alone(Effect.gen(function*() {
      yield* flags.update({ a: on, b: off })
      yield* flags.update(new Map([["b", on], ["c", off]]))

      const found = yield* Effect.forEach(["a", "b", "c"], (key) => flags.get(key))
      assert.deepStrictEqual(found, [Option.some(on), Option.some(on), Option.some(off)])
    })))

  it("sets a key that is among the pairs several times to its last value, once", () =>
    alone(Effect.gen(function*() {
      const chord = yield* Chord
      const { sets } = yield* chord.stats

      yield* flags.update([["a", on], ["b", on], ["a", off], ["a", on], ["a", off]])

      assert.strictEqual((yield* chord.stats).sets, sets + 2)
      assert.deepStrictEqual(yield* flags.get("a"), Option.some(off))
    })))

  it("fails as the ring does", () =>
    alone(Effect.gen(function*() {
      const error = yield* Effect.flip(flags.set("k".repeat(2000), on))

      assert.strictEqual(error._tag === "RecordError" ? error.reason._tag : error._tag, "KeyTooLong")
    })))

  it("needs a name that no other name with a slash can be mistaken for", () => {
    for (const name of ["", "a/b", "/"]) assert.throws(() => Dictionary.make(name, Schema.Int), RangeError)
  })
})
