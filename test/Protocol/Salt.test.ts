/** Numbers that nobody may guess, and that a simulation can repeat. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { drawSecret } from "../../src/Protocol/internal/Salt.ts"

/** What `Math.random` gives can be told from what it gave: here it is known. */
const whileKnown = <A>(effect: Effect.Effect<A>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { random } = Math
      Math.random = () => 0.5
      return random
    }),
    () => effect,
    (random) => Effect.sync(() => Math.random = random)
  )

describe("a secret", () => {
  it.effect("is none of the numbers of Math.random", () =>
    Effect.gen(function*() {
      const drawn = yield* whileKnown(Effect.all([drawSecret, drawSecret]))

      assert.lengthOf([...new Set(drawn.flat())], 8)
      for (const number of drawn.flat()) assert.isTrue(Number.isSafeInteger(number) && number >= 0)
    }))

  it.effect("is the same again from the same seed", () =>
    Effect.gen(function*() {
      const draw = Random.withSeed(drawSecret, "a seed")

      assert.deepStrictEqual(yield* draw, yield* draw)
    }))
})
