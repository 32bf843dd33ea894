/** Work that holds the process up until it is done: a simulation runs without a pause, and a pipe waits for its other end. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/**
 * Runs a synchronous function; gives the time it took, and what it gave. SIGINT, SIGTERM and SIGHUP end the process at
 * once meanwhile: a listener would hear of them only when all is over.
 *
 * @category running
 * @since 0.1.0
 */
export const timed = <A>(run: () => A): Effect.Effect<readonly [elapsed: Duration.Duration, result: A]> =>
  Effect.timed(endable(Effect.sync(run))).pipe(
    // A signal that came before is heard before the next run.
    Effect.tap(() => Effect.yieldNow)
  )

/**
 * Has SIGINT, SIGTERM and SIGHUP end the process at once while an effect runs. Opening a pipe takes until there is somebody at its
 * other end, and not even the end of the process in order comes before that.
 *
 * @category running
 * @since 0.1.0
 */
export const endable = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(withoutListeners, () => effect, (listenAgain) => listenAgain)

/** Gives the signals their default action; gives an effect that takes it away again. */
const withoutListeners: Effect.Effect<Effect.Effect<void>> = Effect.sync(() => {
  const taken = signals.map((signal) => {
    const listeners = process.rawListeners(signal)
    process.removeAllListeners(signal)
    return [signal, listeners] as const
  })
  return Effect.sync(() => {
    for (const [signal, listeners] of taken) {
      for (const listener of listeners) process.on(signal, listener as NodeJS.SignalsListener)
    }
  })
})
