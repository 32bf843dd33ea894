/** Rings and ways of running them, drawn from seeds. */
import { Draws } from "./Draws.ts"
import { type Operations } from "./Operations.ts"
import { type Failures, type Outcome, runRandom, type Scenario, type Weights } from "./Schedule.ts"

const drawPositions = (draws: Draws, bits: number, count: number): ReadonlyArray<bigint> => {
  const positions = new Set<bigint>()
  while (positions.size < count) positions.add(BigInt(draws.between(0, 2 ** bits - 1)))
  return [...positions].toSorted((a, b) => a < b ? -1 : 1)
}

const drawScenario = (draws: Draws, failures: Failures): Scenario => {
  const isProven = failures === "fail" || failures === "budget"
  const successorCount = isProven ? draws.pick([2, 2, 3]) : draws.between(2, 8)
  const fewest = failures === "budget" ? 2 * successorCount : isProven ? successorCount + 2 : 2
  const most = isProven ? draws.pick([7, 9, 12]) : successorCount + (failures === "growing" ? draws.between(1, 6) : 0)
  const count = draws.between(fewest, most)
  const bits = draws.pick([4, 5, 8, 16])
  const initialCount = isProven
    ? draws.between(failures === "budget" ? fewest : successorCount + 1, count)
    : draws.pick([1, draws.between(1, Math.min(count, successorCount))])
  const slots = Array.from({ length: count }, (_, slot) => slot)
  return {
    bits,
    positions: drawPositions(draws, bits, count),
    successorCount,
    initial: draws.shuffle(slots).slice(0, initialCount).toSorted((a, b) => a - b),
    failures
  }
}

const drawWeights = (draws: Draws): Weights => ({
  stabilize: draws.pick([10, 30, 60]),
  deliver: 50,
  lose: draws.pick([0, 4, 15]),
  join: draws.pick([1, 5, 15, 30]),
  crash: draws.pick([1, 4, 12, 40]),
  leave: draws.pick([0, 2, 8]),
  settle: draws.pick([0, 0.2, 1]),
  resize: draws.pick([0, 0, 3])
})

/** The one run that a seed stands for, and its scenario. */
export const runSeed = (
  seed: number,
  failures: Failures,
  operations: Operations
): { readonly scenario: Scenario; readonly outcome: Outcome } => {
  const draws = new Draws(seed)
  const scenario = drawScenario(draws, failures)
  return { scenario, outcome: runRandom(scenario, operations, draws, draws.between(20, 200), drawWeights(draws)) }
}
