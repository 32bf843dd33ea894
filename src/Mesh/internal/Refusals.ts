/**
 * What is told of values and messages that were refused. Strangers can make as many as they like, of any size, so they
 * are told ever more rarely and in few words: else they would push out what readers of events wait for.
 */
import { excerpt } from "../../Protocol/internal/Excerpt.ts"
import type { Link } from "../../Transport/Link.ts"
import type { MeshEvent } from "../MeshEvent.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"

/** So much is told of what strangers wrote, in characters. */
const maxLength = 256

/** Whether that time is told: the first, the second, the fourth, ... */
export const isTold = (count: number): boolean => (count & (count - 1)) === 0

/** A schema refused a value, or broke at it; counted for each topic and question. */
export const valueRefused = (node: MeshNode, name: string, sender: string, why: unknown): undefined => {
  const count = (node.refusedCounts.get(name) ?? 0) + 1
  node.refusedCounts.set(name, count)
  if (isTold(count)) {
    const detail = excerpt(why instanceof Error ? why.message : String(why), maxLength)
    node.emit({ _tag: "ValueRefused", name, sender: excerpt(sender, maxLength), detail, count })
  }
  return undefined
}

/** Why a message was refused. */
export type Reason = Extract<MeshEvent, { readonly _tag: "ProofRefused" }>["reason"]

/** A message was not delivered for what it did not prove; counted for each link and reason. */
export const proofRefused = (node: MeshNode, peer: Peer, link: Link, reason: Reason, sender: string): undefined => {
  node.counters.unproven++
  const count = ++node.allowanceOf(link).refused[reason]
  if (isTold(count)) {
    node.emit({ _tag: "ProofRefused", reason, sender: excerpt(sender, maxLength), from: peer.id, count })
  }
  return undefined
}
