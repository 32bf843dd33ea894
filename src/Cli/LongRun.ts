/** Work that holds the process up until it is done: a simulation runs without a pause. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const signals = ["SIGINT", "SIGTERM"] as const

/**
 * Runs a synchronous function; gives the time it took, and what it gave. SIGINT and SIGTERM end the process at
 * once meanwhile: a listener would hear of them only when all is over.
 *
 * @category running
 * @since 0.1.0
 */
export const timed = <A>(run: () => A): Effect.Effect<readonly [elapsed: Duration.Duration, result: A]> =>
  Effect.timed(Effect.acquireUseRelease(withoutListeners, () => Effect.sync(run), (listenAgain) => listenAgain)).pipe(
    // A signal that came before is heard before the next run.
    Effect.tap(() => Effect.yieldNow)
  )

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
