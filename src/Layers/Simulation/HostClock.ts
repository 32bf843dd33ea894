/**
 * The clock of one simulated node: the clock of the simulation, with a time of day of its own, and
 * stopped while the node is paused.
 */
import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/**
 * A clock over another. The time of day may be wrong by `skewMillis`; the monotonic time is the
 * simulation's. Who sleeps past the end of its time while the node is paused wakes when it goes on.
 *
 * @category models
 * @since 0.1.0
 */
export class HostClock implements Clock.Clock {
  /** How far the time of day is ahead of the simulation's, in milliseconds; negative when it is behind. */
  skewMillis = 0
  readonly #base: Clock.Clock
  readonly #running = Latch.makeUnsafe(true)
  #isPaused = false

  constructor(base: Clock.Clock) {
    this.#base = base
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  pause(): void {
    this.#isPaused = true
    this.#running.closeUnsafe()
  }

  resume(): void {
    this.#isPaused = false
    this.#running.openUnsafe()
  }

  currentTimeMillisUnsafe(): number {
    return this.#base.currentTimeMillisUnsafe() + this.skewMillis
  }

  currentTimeNanosUnsafe(): bigint {
    return this.#base.currentTimeNanosUnsafe() + BigInt(Math.round(this.skewMillis * 1e6))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.#base.monotonicTimeNanosUnsafe()
  }

  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.andThen(
      this.#base.sleep(duration),
      Effect.suspend(() => this.#isPaused ? this.#running.await : Effect.void)
    )
  }
}
