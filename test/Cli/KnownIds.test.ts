/** Ids by their first letters. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { KnownIds } from "../../src/Cli/KnownIds.ts"
import { MeshMessage } from "../../src/Mesh/MeshMessage.ts"
import { PlainMessage } from "../../src/Protocol/Message.ts"

const message = (sender: string, id: string) =>
  new MeshMessage(new PlainMessage("whisper", Buffer.from(sender), id, 0, []), sender)

describe("KnownIds", () => {
  it.effect("finds the one peer or author whose id begins so, or is so", () =>
    Effect.gen(function*() {
      const known = new KnownIds()
      known.remember(message("abcd", "m1"))

      assert.strictEqual(yield* known.node("abc", ["xyz"]), "abcd")
      assert.strictEqual(yield* known.node("x", ["xyz", "abcd"]), "xyz")
      assert.strictEqual(yield* known.node("xy", ["xyz", "xy"]), "xy")
    }))

  it.effect("refuses letters that several ids begin with, and names those", () =>
    Effect.gen(function*() {
      const known = new KnownIds()
      known.remember(message("abcd", "m1"))

      const error = yield* Effect.flip(known.node("ab", ["abxy", "abcd"]))

      assert.strictEqual(error._tag, "AmbiguousId")
      assert.include(error.message, "abxy, abcd")
    }))

  it.effect("takes a whole id that nobody had before, but no letters of one", () =>
    Effect.gen(function*() {
      const known = new KnownIds()
      const whole = "z".repeat(65)

      assert.strictEqual(yield* known.node(whole, []), whole)
      assert.strictEqual((yield* Effect.flip(known.node("zzzz", [])))._tag, "UnknownId")
      assert.strictEqual((yield* Effect.flip(known.node("", ["zzzz"])))._tag, "UnknownId")
    }))

  it.effect("knows the authors of the last 1000 messages, and none that claims an endless id", () =>
    Effect.gen(function*() {
      const known = new KnownIds()
      for (let i = 0; i < 1001; i++) known.remember(message(`s${i}`, `m${i}.`))
      known.remember(message("s".repeat(257), "long"))

      assert.strictEqual((yield* Effect.flip(new KnownIds().author("last"))).message, "no message came yet")
      assert.strictEqual(yield* known.author("m1."), "s1")
      assert.strictEqual(yield* known.author("last"), "s1000")
      assert.strictEqual((yield* Effect.flip(known.author("m0.")))._tag, "UnknownId")
      assert.strictEqual((yield* Effect.flip(known.author("long")))._tag, "UnknownId")
    }))
})
