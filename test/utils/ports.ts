import { Effect } from "effect"
import type * as Net from "node:net"

/**
 * For a test that frees a port and listens there again: it is run again, with other ports, where another
 * process took the port in between. A port that the code under test left open is taken each time.
 */
export const whileTaken = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(test, {
    times: 4,
    while: (error) => error instanceof Error && error.message.includes("another program uses that port")
  })

/** The port of a server, which stands until the scope closes. */
export const standing = <S extends Net.Server>(make: () => S) =>
  Effect.acquireRelease(Effect.sync(make), (server) => Effect.sync(() => server.close())).pipe(
    Effect.flatMap((server) =>
      Effect.callback<number>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
      })
    )
  )
