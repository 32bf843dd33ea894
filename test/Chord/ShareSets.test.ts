import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import { ShareSets } from "../../src/Chord/internal/ShareSets.ts"
import { KeyPlacement } from "../../src/Chord/KeyPlacement.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { record } from "./records.ts"

const setsOf = Effect.fnUntraced(function*(count: number) {
  const storage = yield* ChordStorage
  const clock = yield* Clock.Clock
  yield* storage.putAll(Array.from({ length: count }, (_, index) => record(`key ${index}`, 1000, "value")))
  const placement = new KeyPlacement(yield* Hashing, 32)
  return { storage, sets: new ShareSets({ storage, placement }, () => clock.currentTimeMillisUnsafe()) }
})

const layers = Layer.mergeAll(ChordStorage.layerMemory(), Hashing.layerFast)

describe("the sets that others compare with theirs", () => {
  it.effect("are the same for one comparison, and new for the next one once something was written", () =>
    Effect.gen(function*() {
      const { sets, storage } = yield* setsOf(10)
      const first = yield* sets.forOther("a", 0n, 0n, true)
      const unchanged = yield* sets.forOther("b", 0n, 0n, true)
      yield* storage.put(record("one more", 1000, "value"))
      const later = yield* sets.forOther("a", 0n, 0n, false)
      const next = yield* sets.forOther("a", 0n, 0n, true)

      assert.strictEqual(first?.summary().count, 10)
      assert.strictEqual(unchanged, first)
      assert.strictEqual(later, first)
      assert.strictEqual(next?.summary().count, 11)
    }).pipe(Effect.provide(layers)))

  it.effect("are not kept for one who asks on after a minute", () =>
    Effect.gen(function*() {
      const { sets, storage } = yield* setsOf(10)
      yield* sets.forOther("a", 0n, 0n, true)
      yield* storage.put(record("one more", 1000, "value"))
      yield* TestClock.adjust("1 minute")

      assert.strictEqual((yield* sets.forOther("a", 0n, 0n, false))?.summary().count, 11)
    }).pipe(Effect.provide(layers)))

  it.effect("are made in stretches, one for each asker at a time", () =>
    Effect.gen(function*() {
      const { sets } = yield* setsOf(5000)
      let turns = 0
      const others = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Effect.sync(() => turns++), Effect.yieldNow))
      )
      const asked = yield* Effect.forkChild(sets.forOther("a", 0n, 0n, true))
      yield* Effect.yieldNow
      const again = yield* sets.forOther("a", 1n, 0n, true)
      const set = yield* Fiber.join(asked)
      yield* Fiber.interrupt(others)

      assert.isUndefined(again)
      assert.strictEqual(set?.summary().count, 5000)
      assert.isAtLeast(turns, 4)
      assert.isDefined(yield* sets.forOther("a", 1n, 0n, true))
    }).pipe(Effect.provide(layers)))
})
