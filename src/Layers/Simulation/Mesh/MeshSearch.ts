/**
 * Looks for faults that break a mesh: runs a scenario with faults drawn from its seed, and when an
 * invariant does not hold finds the shortest schedule with which it still does not.
 */
import * as Exit from "effect/Exit"
import type { FaultSchedule } from "../Fault.ts"
import * as Faults from "../Faults.ts"
import { InvariantViolated } from "../SimulationError.ts"
import { type MeshResult, type MeshScenario, run, scheduleOf } from "./MeshScenario.ts"

/**
 * A scenario with so many faults, drawn from its seed.
 *
 * @category options
 * @since 0.1.0
 */
export interface FaultScenario extends MeshScenario {
  readonly faults: number
}

/**
 * What a scenario came to: its result, or what it breaks and with which faults.
 *
 * @category models
 * @since 0.1.0
 */
export type SearchResult =
  | { readonly _tag: "Held"; readonly result: MeshResult }
  | FoundFailure

/**
 * A schedule of faults that breaks an invariant.
 *
 * @category models
 * @since 0.1.0
 */
export interface FoundFailure {
  readonly _tag: "Failed"
  readonly scenario: FaultScenario
  readonly violation: InvariantViolated
  /** The faults that are needed; the others were left out. */
  readonly shortest: FaultSchedule
}

/**
 * Runs a scenario; shortens the schedule if it breaks an invariant. Its trace records the first run. Throws what
 * is no broken invariant.
 *
 * @category running
 * @since 0.1.0
 */
export const search = (scenario: FaultScenario): SearchResult => {
  const found = outcomeOf(scenario)
  if (!(found instanceof InvariantViolated)) return { _tag: "Held", result: found }
  const shortest = Faults.shrink(scheduleOf(scenario), (faults) => {
    const again = outcomeOf({ ...scenario, faults, onProgress: undefined, trace: undefined })
    return again instanceof InvariantViolated && again.invariant === found.invariant
  })
  return { _tag: "Failed", scenario, violation: found, shortest }
}

const outcomeOf = (scenario: MeshScenario): MeshResult | InvariantViolated => {
  const exit = run(scenario)
  if (Exit.isSuccess(exit)) return exit.value
  const error = Exit.findErrorOption(exit)
  if (error._tag === "Some" && error.value instanceof InvariantViolated) return error.value
  throw new Error(`seed "${scenario.seed}" did not run: ${exit.cause}`)
}
