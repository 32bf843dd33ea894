/** Waiting for what real sockets and processes bring about in their own time. */
import { assert } from "@effect/vitest"
import { Effect, Exit } from "effect"

/** Looks again until the check passes; fails with its last complaint when it does not within half a minute. */
export const eventually = <A, E, R>(check: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    for (let attempt = 0; attempt < 6000; attempt++) {
      const exit = yield* Effect.exit(check)
      if (Exit.isSuccess(exit)) return exit.value
      yield* Effect.sleep("5 millis")
    }
    return yield* check
  })

/** The same for a condition. */
export const until = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  eventually(Effect.map(condition, (isTrue) => assert.isTrue(isTrue, what)))
