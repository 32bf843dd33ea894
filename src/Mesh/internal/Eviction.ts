/**
 * Who makes room when all inbound slots are taken: a peer that takes and gives nothing. A flood
 * shows who passes on: an honest neighbor brings new broadcasts, or copies of them that crossed this
 * node's own. Slots that were kept for whoever came first would be kept by sybils.
 *
 * Who had to go does not push out others for some minutes. So nobody, however quiet, comes and goes
 * all the time, and sybils that wait for slots use up their sources.
 *
 * As in Bitcoin Core, which also protects the peers that have been there longest, so that nobody can
 * push out all of them by pretending; and there as here, links that the node dialed are not touched.
 */
import * as Duration from "effect/Duration"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import { setLatest } from "../../Transport/Latest.ts"
import { linksOf, type Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"
import { part } from "./Parting.ts"
import * as Places from "./Places.ts"

/** New broadcasts that a peer must have let pass: in a quiet network nobody is useless. */
const minMissedCount = 8
/** With this score a peer makes room for others whatever it passes on. */
const badScore = 20
/** For how long a source whose peer made room gets only slots that are free, in seconds. */
const restSeconds = 600
/** Such sources remembered; past it the one that made room longest ago is forgotten. */
const maxRestingSources = 4096
/** The part of the inbound peers that stays because they have been there longest. */
const protectedPart = 0.25

/** Whether there is an inbound slot for a connection from there. */
export const isRoomFor = (node: MeshNode, source: string): boolean =>
  node.table.countOf("inbound") < node.options.maxInboundLinks ||
  (!isResting(node, source) && findUseless(node) !== undefined)

const isResting = (node: MeshNode, source: string): boolean => {
  const since = node.evictedSources.get(source)
  return since !== undefined && node.uptimeSeconds() - since < restSeconds
}

/** Makes room for one more inbound peer, if all slots are taken. */
export const evict = (node: MeshNode): void => {
  const { maxInboundLinks } = node.options
  if (node.table.countOf("inbound") < maxInboundLinks) return
  const peer = findUseless(node)
  if (peer === undefined) return
  setLatest(node.evictedSources, peer.link.source, node.uptimeSeconds(), maxRestingSources)
  node.counters.evicted++
  leave(node, peer, { _tag: "Full", limit: maxInboundLinks })
}

/**
 * A second link has taken over: a peer that the node dialed has no inbound slot, and needs one when the link that is left
 * was opened at the other end. It leaves when there is none for it: else whoever is dialed and dials in turn would get slots
 * past all limits.
 */
export const turned = (node: MeshNode, peer: Peer): void => {
  if (node.table.get(peer.id) !== peer || peer.link.direction === "outbound") return
  const { link } = peer
  const { maxInboundLinks } = node.options
  const refusal = node.guard.gate.refuseLink(link, true)
  if (refusal !== undefined) return leave(node, peer, refusal)
  if (node.table.countOf("inbound") <= maxInboundLinks) return
  if (!isResting(node, link.source)) evict(node)
  if (node.table.countOf("inbound") > maxInboundLinks) leave(node, peer, { _tag: "Full", limit: maxInboundLinks })
}

/** The peer is told where else to go. */
const leave = (node: MeshNode, peer: Peer, reason: CloseReason): void => {
  Places.drop(node, peer, reason)
  peer.link.tell(node.listFor(peer.link, peer))
  for (const link of linksOf(peer)) part(node, link, reason)
}

/** The inbound peer of the worst name, or that let most broadcasts pass; of several the one that joined first. */
const findUseless = (node: MeshNode): Peer | undefined => {
  const evictAfterSeconds = Duration.toSeconds(node.options.evictAfter)
  const now = node.uptimeSeconds()
  const nowMillis = node.nowMillis()
  let protectedCount = Math.ceil(node.options.maxInboundLinks * protectedPart)
  let found: Peer | undefined
  let foundScore = 0
  for (const peer of node.table.values()) {
    if (peer.link.direction !== "inbound" || protectedCount-- > 0) continue
    const score = node.guard.reputation.scoreOf(peer.link.source, nowMillis)
    const isIdle = now - peer.usefulSeconds >= evictAfterSeconds &&
      node.freshCount - peer.usefulCount >= minMissedCount
    if (!isIdle && score < badScore) continue
    if (found === undefined || score > foundScore || (score === foundScore && peer.usefulCount < found.usefulCount)) {
      found = peer
      foundScore = score
    }
  }
  return found
}
