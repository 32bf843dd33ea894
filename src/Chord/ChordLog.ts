/**
 * What happens to a chord node, as log lines with the fields as annotations: debug for upkeep, info for who
 * comes, goes and is turned away, warning for a ring that cannot be reached and for records that do not come,
 * error for a share that cannot be written.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { harmless } from "../Protocol/internal/Harmless.ts"
import { format } from "../Protocol/PeerAddress.ts"
import { describe } from "../Transport/CloseReason.ts"
import { Chord } from "./Chord.ts"
import type { ChordEvent } from "./ChordEvent.ts"
import type { Contact } from "./Contact.ts"

/**
 * Logs the events of the `Chord` in the environment until the scope closes; each line has the annotation
 * `node`, the node's id.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Chord> = Layer.effectDiscard(Effect.gen(function*() {
  const chord = yield* Chord
  yield* chord.events.pipe(
    Stream.runForEach((event) => Effect.annotateLogs(log(event), { node: chord.id })),
    Effect.forkScoped({ startImmediately: true })
  )
}))

const about = ({ address, nodeId }: Contact) => ({ peer: nodeId, address: format(address) })

const log = (event: ChordEvent): Effect.Effect<void> => {
  switch (event._tag) {
    case "Joined":
      return Effect.logInfo("joined a ring")
    case "JoinFailed":
      return Effect.annotateLogs(Effect.logWarning(harmless(event.error.message)), { address: format(event.address) })
    case "NeighborCame":
      return Effect.annotateLogs(Effect.logInfo("a neighbor came"), about(event.contact))
    case "NeighborWent":
      return Effect.annotateLogs(Effect.logInfo("a neighbor went"), about(event.contact))
    case "Alone":
      return event.isLast
        ? Effect.logInfo("all others went")
        : Effect.logWarning("nobody else of the ring can be reached")
    case "OtherRing":
      return Effect.annotateLogs(Effect.logInfo("a second ring was met"), about(event.contact))
    case "Repaired":
      return Effect.annotateLogs(Effect.logDebug("copies were made up"), { sent: event.sent, received: event.received })
    case "HandedOver":
      return Effect.annotateLogs(Effect.logDebug("records were handed over"), { count: event.count })
    case "TakeOverFailed":
      return Effect.annotateLogs(
        Effect.logWarning(`the records of a new place have not come: ${harmless(event.error.message)}`),
        about(event.source)
      )
    case "LookedUp":
      return Effect.annotateLogs(Effect.logTrace("looked up"), { ...about(event.owner), hops: event.path.length })
    case "StorageFailed":
      return Effect.logError(event.error.message)
    case "PeerThrottled":
      return Effect.annotateLogs(Effect.logInfo("a peer says more than it may"), {
        peer: event.id,
        count: event.count
      })
    case "PeerBanned":
    case "PeerUnbanned":
      // A ban for misconduct is logged where it is made; others are the user's own.
      return Effect.void
    case "Rejected":
      return Effect.annotateLogs(Effect.logInfo(`no link was made: ${describe(event.reason)}`), {
        address: format(event.remote),
        reason: event.reason._tag
      })
  }
}
