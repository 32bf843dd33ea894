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

/** Whether there is an inbound slot for a connection from there, and for a node with that id, if it is known. */
export const isRoomFor = (node: MeshNode, source: string, id: string | undefined): boolean =>
  node.table.countOf("inbound") < node.options.maxInboundLinks ||
  (id !== undefined && node.table.get(id) !== undefined) ||
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
  const reason = { _tag: "Full", limit: maxInboundLinks } as const
  node.table.drop(peer)
  Places.left(node, peer, peer.link, reason)
  setLatest(node.evictedSources, peer.link.source, node.uptimeSeconds(), maxRestingSources)
  node.counters.evicted++
  node.emit({ _tag: "PeerLeft", id: peer.id, address: peer.address, reason })
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
