import { assert, describe, it } from "@effect/vitest"
import { real } from "./model/Operations.ts"
import { runSeed } from "./model/Scenarios.ts"
import { describe as describeRun, type Failures, shrink } from "./model/Schedule.ts"

/** `SIMULATE=long` runs ten times as many schedules. */
const seedCount = process.env["SIMULATE"] === "long" ? 10_000 : 1000

/** Runs these seeds; the first that fails is shortened and told. */
const runSeeds = (failures: Failures, count: number) => {
  let moveCount = 0
  let failureCount = 0
  for (let seed = 0; seed < count; seed++) {
    const { outcome, scenario } = runSeed(seed, failures, real)
    if (outcome.failure !== undefined) {
      assert.fail(`seed ${seed}: ${describeRun(scenario, shrink(scenario, real, outcome))}`)
    }
    moveCount += outcome.taken.length
    failureCount += outcome.taken.filter((move) => move.do === "crash" || move.do === "leave").length
  }
  return { moveCount, failureCount }
}

describe("Membership, by random schedules", () => {
  it("keeps the invariant at every step, and becomes ideal, while failures are within Zave's contract", () => {
    const { failureCount, moveCount } = runSeeds("fail", seedCount / 2)

    assert.isAbove(moveCount, 50 * seedCount / 2)
    assert.isAbove(failureCount, seedCount / 2)
  }, 300_000)

  it("survives any r - 1 failures between two ideal states", () => {
    const { failureCount } = runSeeds("budget", seedCount / 2)

    assert.isAbove(failureCount, seedCount / 2)
  }, 300_000)

  it("keeps the members of a small ring connected at every step, and becomes ideal, after any failures", () => {
    const { failureCount } = runSeeds("connected", seedCount)

    assert.isAbove(failureCount, seedCount)
  }, 300_000)

  it("stays connected while a ring grows past r + 1 members, and becomes ideal", () => {
    const { failureCount } = runSeeds("growing", seedCount / 2)

    assert.isAbove(failureCount, seedCount / 4)
  }, 300_000)
})
