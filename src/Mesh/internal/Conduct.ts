/**
 * What becomes of offenses: a score for the source, and a ban when it is too high. Only what no honest
 * node does counts: the original nodes' storms of requests, second connections and lists are borne.
 *
 * An id is banned besides where the transport has proven it. A claimed one is not: anybody could
 * misbehave in another's name.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import { describe } from "../../Transport/CloseReason.ts"
import type { Link } from "../../Transport/Link.ts"
import { sourceOf } from "../../Transport/Source.ts"
import { type BanTarget, targetText } from "../BanList.ts"
import type { MeshNode } from "./MeshNode.ts"

/** Points for the ways in which a link ends. A source is banned at `banScore`, 100 by default. */
const points: Partial<Record<CloseReason["_tag"], number>> = {
  Malformed: 34,
  IdentityMismatch: 34,
  RenegotiationLimit: 20,
  FrameTimeout: 20,
  OverBudget: 10,
  HandshakeInvalid: 10,
  HandshakeTimeout: 5,
  TooManyConnects: 1,
  SourceFull: 1
}
/** Points for a list of peers beyond what a peer may send. */
export const excessListPoints = 1

/** Notes how a link ended, or why a connection became none. */
export const ended = (node: MeshNode, link: Pick<Link, "direction" | "remote" | "identity">, reason: CloseReason) => {
  const earned = points[reason._tag]
  if (earned !== undefined) offend(node, link, earned, () => describe(reason))
}

/** Adds points to the source of a link. Nobody is blamed for a place that this node went to itself. */
export const offend = (
  node: MeshNode,
  link: Pick<Link, "direction" | "remote" | "identity">,
  earned: number,
  why: () => string
): void => {
  if (link.direction === "outbound" || !node.gate.isLimited(link.remote)) return
  const now = node.nowMillis()
  const source = sourceOf(link.remote)
  if (node.reputation.offend(source, earned, now) < node.options.banScore) return
  const forMillis = Duration.toMillis(node.options.banFor) * node.reputation.banned(source)
  ban(node, { _tag: "Source", source }, why(), true, forMillis)
  if (link.identity !== undefined) {
    const id = node.services.protocol.identityId(link.identity, node.networkId)
    ban(node, { _tag: "Id", id }, why(), true, forMillis)
  }
}

/** Bans, tells of it, and ends the links that are there. */
export const ban = (node: MeshNode, target: BanTarget, why: string, isAutomatic: boolean, forMillis: number): void => {
  node.bans.add(target, why, isAutomatic, forMillis, node.nowMillis())
  if (isAutomatic) node.counters.banned++
  node.emit({ _tag: "PeerBanned", target: targetText(target), why, isAutomatic, forMillis })
  if (isAutomatic) {
    // One line for each, in words that a program which guards the host can look for.
    node.services.run(Effect.annotateLogs(Effect.logWarning("banned a peer"), {
      target: targetText(target),
      why,
      forMillis
    }))
  }
  const reason = { _tag: "Banned", target: targetText(target), why } as const
  for (const peer of node.table.values()) {
    for (const link of [peer.link, peer.spare, peer.contender]) {
      if (link === undefined) continue
      const isMeant = target._tag === "Id" ? peer.id === target.id : sourceOf(link.remote) === target.source
      if (isMeant) link.close(reason)
    }
  }
}
