import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulate, startRing } from "../utils/ChordRing.ts"

describe("the fingers of a member", () => {
  it("are asked more seldom while all of them are right", () => {
    const calls = simulate((simulation) =>
      Effect.gen(function*() {
        const stabilizeInterval = { seconds: 1 }
        const nodes = yield* startRing(simulation, 24, {
          stabilizeInterval,
          fingerInterval: "2 seconds",
          repairInterval: "1 hour",
          probeInterval: "1 hour"
        })
        // From now on nothing but fingers is looked after.
        stabilizeInterval.seconds = 3600
        yield* Effect.sleep("2 minutes")
        const count = Effect.map(
          Effect.forEach(nodes, (node) => node.stats),
          (stats) => stats.reduce((sum, { calls }) => sum + calls.calls, 0)
        )
        const before = yield* count
        yield* Effect.sleep("2 minutes")
        return (yield* count) - before
      })
    )

    // One each two seconds would be 60 for each of the 24 nodes; a quarter of that is 15.
    assert.isAbove(calls, 24 * 10)
    assert.isBelow(calls, 24 * 25)
  })
})
