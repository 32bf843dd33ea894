/** Waiting for what real sockets bring about in their own time. */
import { assert } from "@effect/vitest"
import { Effect, Schedule } from "effect"

/** Looks again until the check passes; fails with its last complaint when it does not within ten seconds. */
export const eventually = <A, E, R>(check: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  check.pipe(
    Effect.sandbox,
    Effect.retry(Schedule.upTo(Schedule.spaced("5 millis"), { duration: "10 seconds" })),
    Effect.catch(Effect.failCause)
  )

/** The same for a condition. */
export const until = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  eventually(Effect.map(condition, (isTrue) => assert.isTrue(isTrue, what)))
