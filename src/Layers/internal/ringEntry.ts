/** How a chord node that is told addresses while it runs comes into their ring. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Chord } from "../../Chord/Chord.ts"
import * as Membership from "../../Chord/Membership.ts"

/** How long a node waits for a ring that it may hear of. */
const joinTimeout = Duration.seconds(3)

/**
 * Has a node learn, and waits until it is in a ring with others, or for three seconds: what is read from a ring of its
 * own before is not there, though the others have it. Goes on trying after that.
 */
export const enter = Effect.fnUntraced(function*<E, R>(chord: Chord["Service"], learn: Effect.Effect<unknown, E, R>) {
  const joined = yield* chord.events.pipe(
    Stream.filter(({ _tag }) => _tag === "Joined" || _tag === "NeighborCame"),
    Stream.take(1),
    Stream.runDrain,
    Effect.forkScoped({ startImmediately: true })
  )
  yield* learn
  const members = yield* chord.ring
  const hasOthers = members.some(({ membership }) =>
    Membership.neighbors(membership).some(({ nodeId }) => nodeId !== chord.id)
  )
  if (!hasOthers) yield* Effect.timeoutOption(Fiber.join(joined), joinTimeout)
  yield* Fiber.interrupt(joined)
})
