/**
 * One wake-up at a time, for whoever keeps many deadlines: a fiber that sleeps until the earliest
 * time it was set for, and no fiber while it is not set. So a deadline that is met, as nearly all
 * are, costs no fiber of its own.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** What counts as now: a sleep to a time may end short of it by the rounding of its length. */
export const toleranceMillis = 1e-3

export class Alarm {
  readonly #run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly #now: () => number
  readonly #ring: Effect.Effect<void>
  #atMillis = Number.POSITIVE_INFINITY
  #fiber: Fiber.Fiber<void> | undefined

  /** `run` starts a fiber that somebody supervises, `now` is the time in milliseconds that only grows. */
  constructor(run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>, now: () => number, ring: () => void) {
    this.#run = run
    this.#now = now
    this.#ring = Effect.sync(() => {
      this.#atMillis = Number.POSITIVE_INFINITY
      this.#fiber = undefined
      ring()
    })
  }

  /** Rings at that time, or earlier if it is set for an earlier one; it is to be set again then. */
  setFor(atMillis: number): void {
    if (atMillis >= this.#atMillis) return
    this.#fiber?.interruptUnsafe()
    this.#atMillis = atMillis
    this.#fiber = this.#run(Effect.andThen(Effect.sleep(Math.max(0, atMillis - this.#now())), this.#ring))
  }
}
