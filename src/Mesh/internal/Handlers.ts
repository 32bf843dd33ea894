/**
 * The application's handlers: each takes the messages of one sub-flag from a bounded queue and runs
 * in fibers of its own, so that one that fails, throws or never returns holds up nobody else.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { excerpt } from "../../Protocol/internal/Excerpt.ts"
import { goodbyeSubFlag } from "../../Transport/Goodbye.ts"
import type { Sized } from "../../Transport/Readers.ts"
import { SubFlagTaken } from "../MeshError.ts"
import type { MeshMessage } from "../MeshMessage.ts"
import type { MeshNode } from "./MeshNode.ts"

/** Claims a sub-flag for a synchronous handler, until the scope closes. */
export const claim = (
  node: MeshNode,
  subFlag: string,
  handler: (message: MeshMessage) => void
): Effect.Effect<void, SubFlagTaken, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.suspend(() => {
      const isReserved = subFlag.length < 2 || subFlag === goodbyeSubFlag
      if (isReserved || node.handlers.has(subFlag)) return Effect.fail(new SubFlagTaken({ subFlag }))
      node.handlers.set(subFlag, handler)
      return Effect.void
    }),
    () => Effect.sync(() => node.handlers.delete(subFlag))
  ))

/** Runs an effect for each item that is published, `handlerConcurrency` at a time, until the scope closes. */
export const consume = <A extends Sized<A>, E, R>(
  node: MeshNode,
  name: string,
  handler: (item: A) => Effect.Effect<unknown, E, R>
): Effect.Effect<(item: A) => void, never, Scope.Scope | R> =>
  Effect.gen(function*() {
    const readers = node.readers<A>(name)
    const guarded = (item: A) =>
      Effect.suspend(() => handler(item)).pipe(
        Effect.catchCause((cause) => Effect.sync(() => node.emit(failed(name, cause))))
      )
    // Here and now: the fiber below has others pull, which would begin to listen a moment later.
    const items = yield* readers.subscribe
    yield* items.pipe(
      Stream.mapEffect(guarded, { concurrency: node.options.handlerConcurrency, unordered: true }),
      Stream.runDrain,
      Effect.forkScoped({ startImmediately: true })
    )
    return (item: A) => readers.publish(item)
  })

/** So much is told of a failure, in characters: it may repeat what a stranger wrote. */
const maxDetailLength = 4096

const failed = (name: string, cause: Cause.Cause<unknown>) => ({
  _tag: "HandlerFailed" as const,
  name,
  detail: excerpt(Cause.pretty(cause), maxDetailLength)
})
