/**
 * What happens to a mesh node, as log lines with the fields as annotations: debug for what is part of the
 * life of a network (dials that fail, peers that catch up), info for who comes, goes and is turned away,
 * warning for what is lost or forged, error for what the application did wrong.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { harmless } from "../Protocol/internal/Harmless.ts"
import { format } from "../Protocol/PeerAddress.ts"
import { describe } from "../Transport/CloseReason.ts"
import { Mesh } from "./Mesh.ts"
import type { MeshEvent } from "./MeshEvent.ts"

/**
 * Logs the events of the `Mesh` in the environment until the scope closes; each line has the annotation
 * `node`, the node's id.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Mesh> = Layer.effectDiscard(Effect.gen(function*() {
  const mesh = yield* Mesh
  yield* mesh.events.pipe(
    Stream.runForEach((event) => Effect.annotateLogs(log(event), { node: mesh.id })),
    Effect.forkScoped({ startImmediately: true })
  )
}))

const log = (event: MeshEvent): Effect.Effect<void> => {
  switch (event._tag) {
    case "PeerJoined": {
      const address = event.address === undefined ? "" : format(event.address)
      return Effect.annotateLogs(Effect.logInfo("a peer joined"), {
        peer: event.id,
        address,
        direction: event.direction
      })
    }
    case "PeerLeft":
      return Effect.annotateLogs(Effect.logInfo(`a peer left: ${describe(event.reason)}`), {
        peer: event.id,
        reason: event.reason._tag
      })
    case "Rejected":
      return Effect.annotateLogs(Effect.logInfo(`no link was made: ${describe(event.reason)}`), {
        address: format(event.remote),
        direction: event.direction,
        reason: event.reason._tag
      })
    case "DialFailed":
      return Effect.annotateLogs(Effect.logDebug(event.error.message), { reason: event.error.kind })
    case "PeerSlow":
      return Effect.annotateLogs(Effect.logWarning("a peer takes less than it is sent"), {
        peer: event.id,
        queuedBytes: event.queuedBytes
      })
    case "PeerRecovered":
      return Effect.annotateLogs(Effect.logDebug("a slow peer caught up"), {
        peer: event.id,
        dropped: event.droppedCount
      })
    case "PeerThrottled":
      return Effect.annotateLogs(Effect.logInfo("a peer says more than it may"), {
        peer: event.id,
        what: event.what,
        count: event.count
      })
    case "ReaderLagged":
      return Effect.annotateLogs(Effect.logWarning("a reader of this node was too slow, and lost messages"), {
        reader: event.reader,
        lost: event.lostCount
      })
    case "ValueRefused":
      return Effect.annotateLogs(Effect.logWarning(`a value was refused: ${harmless(event.detail)}`), {
        name: event.name,
        sender: event.sender,
        count: event.count
      })
    case "ProofRefused":
      return Effect.annotateLogs(Effect.logWarning("a message was refused"), {
        reason: event.reason,
        sender: event.sender,
        from: event.from,
        count: event.count
      })
    case "HandlerFailed":
      return Effect.annotateLogs(Effect.logError(`a handler failed: ${event.detail}`), { name: event.name })
    default:
      return Effect.void
  }
}
