/** Things to be done at their times, unless they are called off before, as nearly all are: then they cost no timer. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Alarm, toleranceMillis } from "./Alarm.ts"

export interface Deadline {
  readonly atMillis: number
  readonly ring: () => void
}

export class Deadlines {
  readonly #waiting = new Set<Deadline>()
  readonly #alarm: Alarm
  readonly #now: () => number

  /** `run` starts a fiber that somebody supervises, `now` is the time in milliseconds that only grows. */
  constructor(run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>, now: () => number) {
    this.#now = now
    this.#alarm = new Alarm(run, now, () => this.#ring())
  }

  /** Rings once, at its time. */
  add(deadline: Deadline): void {
    this.#waiting.add(deadline)
    this.#alarm.setFor(deadline.atMillis)
  }

  delete(deadline: Deadline): void {
    this.#waiting.delete(deadline)
  }

  #ring(): void {
    const until = this.#now() + toleranceMillis
    // What rings may add others, and call off others.
    const due = Array.from(this.#waiting).filter(({ atMillis }) => atMillis <= until)
    for (const deadline of due) {
      if (this.#waiting.delete(deadline)) deadline.ring()
    }
    let next = Number.POSITIVE_INFINITY
    for (const { atMillis } of this.#waiting) next = Math.min(next, atMillis)
    if (next < Number.POSITIVE_INFINITY) this.#alarm.setFor(next)
  }
}
