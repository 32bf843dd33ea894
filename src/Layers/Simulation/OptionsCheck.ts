/** Options that no simulation can have: refused before it begins, rather than taken for something else. */
import type * as Duration from "effect/Duration"
import { millisOf } from "../../Transport/internal/Weather.ts"
import type { SimulationOptions } from "./Simulation.ts"

/** The last time of day that a `Date` can have: far beyond it a clock stands still, for a millisecond more is the same number. */
const maxStartMillis = 8.64e15

/**
 * Throws a `RangeError` that says what to write. What the network is asked for is for the network to look at.
 *
 * @category running
 * @since 0.1.0
 */
export const check = (
  { maxDuration = 1, maxTraceEvents = 0, maxTurns = 1, startMillis = 0 }: SimulationOptions
): void => {
  if (!(maxTraceEvents >= 0)) throw new RangeError(`maxTraceEvents is ${maxTraceEvents}: write a number, 0 or more`)
  if (!(Math.abs(startMillis) <= maxStartMillis)) {
    throw new RangeError(`startMillis is ${startMillis}: write milliseconds that a Date can have`)
  }
  if (!(maxTurns > 0)) throw new RangeError(`maxTurns is ${maxTurns}: write a number more than 0`)
  checkTime("maxDuration", maxDuration, (millis) => millis > 0, "a time such as \"1 day\", or Infinity")
}

/**
 * The milliseconds of a time. Throws a `RangeError` that says what to write for one that is not right.
 *
 * @category running
 * @since 0.1.0
 */
export const checkTime = (
  name: string,
  time: Duration.Input,
  isRight: (millis: number) => boolean,
  write: string
): number => {
  const millis = millisOf(time)
  if (isRight(millis)) return millis
  throw new RangeError(`${name} is ${String(time)}: write ${write}`)
}

/**
 * The numbers of a scenario, by name.
 *
 * @category options
 * @since 0.1.0
 */
export interface ScenarioNumbers {
  /** Whole numbers, 1 or more. */
  readonly nodes: Readonly<Record<string, number>>
  /** Whole numbers, 0 or more. */
  readonly counts: Readonly<Record<string, number>>
  /** From 0 to 1. */
  readonly chances: Readonly<Record<string, number>>
  /** Finite, 0 or more. */
  readonly amounts: Readonly<Record<string, number>>
  /** More than 0; undefined for never. */
  readonly churnMillis?: number | undefined
}

/**
 * The same for what is not the network's.
 *
 * @category running
 * @since 0.1.0
 */
export const checkScenario = ({ amounts, chances, churnMillis = 1, counts, nodes }: ScenarioNumbers): void => {
  mustAll(nodes, (value) => Number.isInteger(value) && value >= 1, "a whole number, 1 or more")
  mustAll(counts, (value) => Number.isInteger(value) && value >= 0, "a whole number, 0 or more")
  mustAll(chances, (value) => value >= 0 && value <= 1, "a number from 0 to 1")
  mustAll(amounts, (value) => value >= 0 && value < Number.POSITIVE_INFINITY, "a number, 0 or more")
  mustAll({ churnMillis }, (value) => value > 0, "milliseconds, more than 0")
}

const mustAll = (
  values: Readonly<Record<string, number>>,
  isRight: (value: number) => boolean,
  write: string
): void => {
  for (const [name, value] of Object.entries(values)) {
    if (!isRight(value)) throw new RangeError(`${name} is ${value}: write ${write}`)
  }
}
