/** Work of which so much is done at once. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Latch } from "effect"
import * as FiberSet from "effect/FiberSet"
import { Deadlines } from "../../src/Chord/internal/Deadlines.ts"
import { Slots } from "../../src/Chord/internal/Slots.ts"

const manyCount = 20_000

describe("Slots", () => {
  it.effect("lets in one after the other who fail at once, however many wait", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const run = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
      const slots = new Slots(() => 1, new Deadlines(run, () => clock.currentTimeMillisUnsafe()))
      const begun: Array<number> = []
      const latch = Latch.makeUnsafe(false)
      yield* Effect.forkScoped(slots.enter(60_000, latch.await, Effect.void), { startImmediately: true })
      const ended = Effect.forEach(Array.from({ length: manyCount }, (_, index) => index), (index) => {
        const work = Effect.suspend(() => {
          begun.push(index)
          return Effect.fail("its own end")
        })
        return Effect.exit(slots.enter(60_000, work, Effect.void))
      }, { concurrency: "unbounded" })
      yield* Effect.forkScoped(Effect.andThen(Effect.yieldNow, Effect.sync(() => latch.openUnsafe())))

      const exits = yield* ended

      assert.isTrue(exits.every((exit) => Exit.isFailure(exit) && Exit.hasFails(exit)))
      assert.deepStrictEqual(begun, Array.from({ length: manyCount }, (_, index) => index))
    }).pipe(Effect.scoped))
})
