/** What a node whose clock is wrong does to the values of others. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { simulate, startRing } from "../utils/ChordRing.ts"

const keys = Array.from({ length: 20 }, (_, count) => `key ${count}`)

describe("values with a time, beside a node whose clock is two hours ahead", () => {
  it.each([4, 9])("are there up to it, and not after it, in a ring of %d", (nodeCount) => {
    const counts = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, nodeCount)
        const countAt = (index: number) =>
          Effect.map(
            Effect.forEach(keys, (key) => nodes[index]!.get(key), { concurrency: 5 }),
            (values) => values.filter(Option.isSome).length
          )
        yield* simulation.skew("3", "2 hours")
        yield* Effect.forEach(keys, (key) => nodes[1]!.set(key, "value", { ttl: "5 minutes" }), { concurrency: 5 })
        yield* Effect.sleep("30 seconds")
        const others = yield* countAt(2)
        yield* simulation.skew("3", 0)
        yield* Effect.sleep("30 seconds")
        const itself = yield* countAt(3)
        yield* Effect.sleep("5 minutes")
        return { others, itself, after: yield* countAt(2) }
      })
    )

    assert.deepStrictEqual(counts, { others: keys.length, itself: keys.length, after: 0 })
  })
})
