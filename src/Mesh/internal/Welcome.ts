/**
 * Whether the node at the other end of a link has taken it in, too. Until then it passes nothing on over it, though its
 * handshake has come: what it says right after `connect` would be heard by nobody here. A node of ours tells its peers
 * first of all, once it has.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import type { Link } from "../../Transport/Link.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"

/**
 * Waits until something came behind the handshake that is no goodbye, for so long as a handshake may take; fails when the
 * link ends, or has ended since it was made, and no other one took its place: both nodes may have dialed at once.
 */
export const awaited = (node: MeshNode, peer: Peer): Effect.Effect<void, LinkClosed> =>
  Effect.suspend(() => {
    const { link } = peer
    const reason = node.endings.get(link)
    if (reason !== undefined) return Effect.fail(new LinkClosed({ reason }))
    const isIn = link.direction === "inbound" || !link.capabilities.extended || link.isWelcome
    if (isIn) return Effect.void
    const welcome = node.welcomes.get(link) ?? Deferred.makeUnsafe<void, LinkClosed>()
    node.welcomes.set(link, welcome)
    return Effect.catch(
      Effect.asVoid(Effect.timeoutOption(Deferred.await(welcome), node.options.handshakeTimeout)),
      (error) => peer.link === link ? Effect.fail(error) : awaited(node, peer)
    )
  })

/** Something came, and the link goes on. */
export const heard = (node: MeshNode, link: Link): void => {
  if (link.isWelcome) return
  link.isWelcome = true
  settle(node, link, Effect.void)
}

export const ended = (node: MeshNode, link: Link, reason: CloseReason): void => {
  // Where all came in one go, whoever dialed may look at the link only now.
  if (link.direction === "outbound") node.endings.set(link, reason)
  settle(node, link, Effect.fail(new LinkClosed({ reason })))
}

const settle = (node: MeshNode, link: Link, outcome: Effect.Effect<void, LinkClosed>): void => {
  const welcome = node.welcomes.get(link)
  if (welcome === undefined) return
  node.welcomes.delete(link)
  Deferred.doneUnsafe(welcome, outcome)
}
