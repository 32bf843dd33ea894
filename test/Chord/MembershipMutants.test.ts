import { assert, describe, it } from "@effect/vitest"
import { explore } from "./model/Exhaustive.ts"
import { type Mutant, mutants } from "./model/Mutants.ts"
import { runSeed } from "./model/Scenarios.ts"

const maxSeeds = 500

/** The clause by which the first of so many seeds finds this mutant, or all interleavings of five members. */
const findBreach = ({ failures, firstSeed = 0, operations }: Mutant): string | undefined => {
  for (let seed = firstSeed; seed < firstSeed + maxSeeds; seed++) {
    const { outcome } = runSeed(seed, failures[seed % failures.length]!, operations)
    if (outcome.failure !== undefined) return outcome.failure.clause
  }
  if (!failures.includes("fail")) return undefined
  const positions = [0n, 8n, 16n, 24n, 32n]
  const bounds = { bits: 8, positions, successorCount: 2, initial: [0, 1, 2, 3], maxFailures: 2, maxStates: 50_000 }
  return explore({ ...bounds, contract: "fail" }, operations).failure?.clause
}

describe("the model checker", () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))("finds the mutant: %s", (_, mutant) => {
    assert.isDefined(findBreach(mutant))
  })
})
