/**
 * Two links that claim the same id, between two of ours: both dialed at once, or one end lost its
 * link and came back before the other noticed, or one of the two borrowed the id, which nothing
 * keeps it from. The claims cannot tell them apart, but live links can: an older link that answers
 * a ping is not replaced.
 *
 * When both links are alive, one end decides, so that both never close one each: the node with the
 * higher id closes the newer one as soon as the older one has answered; the other waits for that.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { Link } from "../../Transport/Link.ts"
import { linksOf, type Peer } from "../RoutingTable.ts"
import { turned } from "./Eviction.ts"
import type { MeshNode } from "./MeshNode.ts"
import { part } from "./Parting.ts"
import * as Places from "./Places.ts"

/**
 * Before a link gets its place: who only claims an id, as over a WebSocket, makes way for whoever has proven it. Gives
 * the peer that has, when it is the newer link that only claims.
 */
export const makeWay = (node: MeshNode, id: string, newer: Link): Peer | undefined => {
  const peer = node.table.get(id)
  if (peer === undefined || (peer.link.identity === undefined) === (newer.identity === undefined)) return undefined
  if (newer.identity === undefined) return peer
  const reason = { _tag: "Duplicate", id } as const
  Places.drop(node, peer, reason)
  for (const link of linksOf(peer)) link.close(reason)
  return undefined
}

/** The waits between two looks at the older link double, this often. */
const lookCount = 7
/** Before the last look, in milliseconds: after a stall, what came meanwhile is read first. */
const graceMillis = 50

/**
 * Decides between a peer's link and its contender, within three times `handshakeTimeout`; `dialed`
 * is where this node dialed the contender. Ends early when either link does.
 */
export const settle = (node: MeshNode, peer: Peer, dialed: PeerAddress | undefined): Effect.Effect<void> =>
  Effect.gen(function*() {
    const older = peer.link
    const newer = peer.contender
    if (newer === undefined) return
    const isOver = () => peer.link !== older || peer.contender !== newer
    const timeoutMillis = Duration.toMillis(node.options.handshakeTimeout)
    const isAlive = yield* answers(node, older, timeoutMillis / 2, isOver)
    if (isOver()) return
    if (!isAlive) return replace(node, peer)
    const isDecider = node.table.isDecider(peer)
    if (dialed !== undefined && isNamed(node, older, newer, dialed)) {
      // Whoever really has another link to this node has ended this one by then.
      yield* Effect.sleep(timeoutMillis * (isDecider ? 1.5 : 2))
      if (isOver()) return
      return replace(node, peer)
    }
    if (!isDecider) yield* Effect.sleep(timeoutMillis)
    if (!isOver()) refuse(node, peer, newer)
  })

/** Whether anything came over a link after it was pinged, within that time. */
const answers = Effect.fnUntraced(function*(node: MeshNode, link: Link, withinMillis: number, isOver: () => boolean) {
  const begunMillis = node.nowMillis()
  link.ping()
  let waitMillis = withinMillis / (2 ** lookCount - 1)
  for (let look = 0; look <= lookCount && !isOver(); look++) {
    yield* Effect.sleep(look < lookCount ? waitMillis : graceMillis)
    if (link.lastReceivedMillis > begunMillis) return true
    waitMillis *= 2
  }
  return false
})

/**
 * The user named the contender's address, and the older link was opened by somebody else. The node
 * there does not bear with two links to this one, so if it keeps this one, the other is not its.
 */
const isNamed = (node: MeshNode, older: Link, newer: Link, dialed: PeerAddress): boolean =>
  node.book.get(dialed)?.isBootstrap === true && !Places.isSameEnd(older, newer)

const replace = (node: MeshNode, peer: Peer): void => {
  part(node, node.table.replace(peer), { _tag: "Duplicate", id: peer.id })
  turned(node, peer)
  node.wake.openUnsafe()
}

const refuse = (node: MeshNode, peer: Peer, link: Link): void => {
  const reason = { _tag: "Duplicate", id: peer.id } as const
  node.table.remove(peer, link)
  part(node, link, reason)
  // Soon after the older one it is a double dial: nothing to tell.
  const ageSeconds = node.uptimeSeconds() - peer.joinedSeconds
  if (link.direction === "outbound" || ageSeconds < 2 * Duration.toSeconds(node.options.handshakeTimeout)) return
  node.counters.rejected++
  node.emit({ _tag: "Rejected", remote: link.remote, direction: link.direction, reason })
}
