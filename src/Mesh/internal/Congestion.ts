/**
 * What happens when a peer takes less than it is sent. Its queue is bounded; when it is half full,
 * senders wait for it a moment (`slowPatience`), so that a burst is not lost on a healthy peer.
 * One that stays behind is slow: nobody waits for it, its oldest broadcasts are dropped for new ones
 * and for whispers, and when it takes next to nothing for `slowTimeout` its link ends. So a stuck peer costs the
 * others one short wait at most, and its source, whoever comes from there next, three a minute. Its neighbors behind
 * the same router do not pay for it once they have a record of their own.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { catchesUp, hasRoomWithin } from "../../Transport/Lag.ts"
import type { Outgoing } from "../../Transport/Outgoing.ts"
import type { TokenBucket } from "../../Transport/TokenBucket.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"

/** A peer that has been linked for so long, in seconds, and was never slow, is waited for whatever its source does. */
const steadySeconds = 300

/** Queues a whisper for a peer, `false` when there is no room, and has the peer watched when that fills its queue. */
export const send = (node: MeshNode, peer: Peer, outgoing: Outgoing): boolean => {
  const { droppedCount } = peer.link
  const isTaken = peer.link.offer(outgoing)
  node.counters.droppedOutbound += peer.link.droppedCount - droppedCount
  attend(node, peer)
  return isTaken
}

/** Queues a broadcast for a peer: where there is no room, the oldest ones that wait are dropped for it. */
export const pass = (node: MeshNode, peer: Peer, outgoing: Outgoing): void => {
  node.counters.droppedOutbound += peer.link.pass(outgoing)
  attend(node, peer)
}

const attend = (node: MeshNode, peer: Peer): void => {
  if (peer.isWatched || peer.link.outbox.hasRoom) return
  peer.isWatched = true
  const now = node.nowMillis()
  const patience = node.patience.of(peer.link.source, now)
  if (!patience.isSpent(now) || isSteady(node, peer)) node.congested.add(peer)
  node.services.run(watch(node, peer, patience))
}

const isSteady = (node: MeshNode, peer: Peer): boolean =>
  !peer.hasLagged && node.uptimeSeconds() - peer.joinedSeconds >= steadySeconds

/** Waits until no healthy peer is congested: at once as a rule, `slowPatience` at the most. */
export const awaitRoom = (node: MeshNode): Effect.Effect<void> =>
  node.congested.size === 0 ? Effect.void : Effect.forEach(
    [...node.congested],
    (peer) => hasRoomWithin(peer.link.outbox, node.options.slowPatience),
    { concurrency: "unbounded", discard: true }
  )

const watch = (node: MeshNode, peer: Peer, patience: TokenBucket): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { link } = peer
    const { outbox } = link
    const { slowPatience, slowTimeout } = node.options
    // A link that ends meanwhile has not caught up either.
    if ((yield* hasRoomWithin(outbox, slowPatience)) && !outbox.isClosed) return
    node.congested.delete(peer)
    peer.hasLagged = true
    if (node.guard.gate.isLimited(link.remote)) patience.take(node.nowMillis())
    if (outbox.isClosed) return
    peer.isSlow = true
    node.emit({ _tag: "PeerSlow", id: peer.id, queuedBytes: outbox.queuedBytes })
    if (!(yield* catchesUp(outbox, slowTimeout))) {
      link.close({ _tag: "TooSlow", queuedBytes: outbox.queuedBytes, afterMillis: Duration.toMillis(slowTimeout) })
    } else if (!outbox.isClosed) node.emit({ _tag: "PeerRecovered", id: peer.id, droppedCount: link.droppedCount })
  }).pipe(Effect.ensuring(Effect.sync(() => {
    peer.isSlow = false
    peer.isWatched = false
    node.congested.delete(peer)
  })))
