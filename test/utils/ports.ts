import { Effect } from "effect"

/**
 * For a test that frees a port and listens there again: it is run again, with other ports, where another
 * process took the port in between. A port that the code under test left open is taken each time.
 */
export const whileTaken = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(test, {
    times: 4,
    while: (error) => error instanceof Error && error.message.includes("another program uses that port")
  })
