/**
 * Callbacks at a time, without a fiber for each: what the virtual clock of big simulations offers
 * beyond `Clock`. Without it, which is the default, whoever waits sleeps in a fiber.
 */
import * as Context from "effect/Context"

/**
 * Calls back after some milliseconds of the clock that fibers live by.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimersService {
  /** Gives a function that calls it off. */
  readonly after: (millis: number, callback: () => void) => () => void
}

/**
 * The timers of the clock, where it has any.
 *
 * @category references
 * @since 0.1.0
 */
export const Timers: Context.Reference<TimersService | undefined> = Context.Reference<TimersService | undefined>(
  "effect-p2p/Transport/Timers",
  { defaultValue: () => undefined }
)
