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
  /** The shortest schedule met on the way that fails in another way, if one does: another invariant, a deadlock, a defect. */
  readonly other: OtherFailure | undefined
}

/**
 * A schedule of faults that fails in another way than the one that was shortened.
 *
 * @category models
 * @since 0.1.0
 */
export interface OtherFailure {
  /** What went wrong, for a person. */
  readonly message: string
  readonly schedule: FaultSchedule
}

/**
 * Runs a scenario; shortens the schedule if it breaks an invariant, for as long as it is the same one that breaks. Its
 * trace records the first run. Throws where that one fails, and not by a broken invariant.
 *
 * @category running
 * @since 0.1.0
 */
export const search = (scenario: FaultScenario): SearchResult => {
  const found = outcomeOf(scenario)
  if (found._tag !== "Failed") return found
  const { violation } = found
  let other: OtherFailure | undefined
  const shortest = Faults.shrink(scheduleOf(scenario), (schedule) => {
    const again = triedAgain({ ...scenario, faults: schedule, onProgress: undefined, trace: undefined })
    if (again._tag === "Held") return false
    if (again._tag === "Failed" && again.violation.invariant === violation.invariant) return true
    const { message } = again._tag === "Failed" ? again.violation : again
    if (other === undefined || schedule.length < other.schedule.length) other = { message, schedule }
    return false
  })
  return { _tag: "Failed", scenario, violation, shortest, other }
}

type Outcome =
  | { readonly _tag: "Held"; readonly result: MeshResult }
  | { readonly _tag: "Failed"; readonly violation: InvariantViolated }

const outcomeOf = (scenario: MeshScenario): Outcome => {
  const exit = run(scenario)
  if (Exit.isSuccess(exit)) return { _tag: "Held", result: exit.value }
  const error = Exit.findErrorOption(exit)
  if (error._tag === "Some" && error.value instanceof InvariantViolated) {
    return { _tag: "Failed", violation: error.value }
  }
  throw new Error(`seed "${scenario.seed}" did not run: ${exit.cause}`)
}

/** What breaks the run itself, a deadlock or a defect, must not cost what was found before. */
const triedAgain = (scenario: MeshScenario): Outcome | { readonly _tag: "Broken"; readonly message: string } => {
  try {
    return outcomeOf(scenario)
  } catch (error) {
    return { _tag: "Broken", message: error instanceof Error ? error.message : String(error) }
  }
}
