/**
 * Whether the node at the other end of a link has taken it in, too. Until then it passes nothing on over it, though its
 * handshake has come: what it says right after `connect` would be heard by nobody here. A node of ours tells its peers
 * first of all, once it has.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import { isWord } from "../../Transport/Goodbye.ts"
import type { Link } from "../../Transport/Link.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"

/** How often it is looked whether there is another link to a peer, in milliseconds. */
const lookMillis = 100

/**
 * The peer, once something came behind its handshake that is no goodbye, for which it waits so long as a handshake may take.
 * Where the node there says that it has another link to this one, for both dialed at once or this one dialed several of
 * its addresses, the peer as that one makes it. Fails when the link ends otherwise, or has ended since it was made.
 */
export const awaited = (node: MeshNode, peer: Peer): Effect.Effect<Peer, LinkClosed> =>
  Effect.catch(welcomed(node, peer), (error) => {
    if (!isWord(error.reason, "Duplicate")) return Effect.fail(error)
    return Effect.timeoutOrElse(successor(node, peer.id), {
      duration: node.options.handshakeTimeout,
      orElse: () => Effect.fail(error)
    })
  })

const welcomed = (node: MeshNode, peer: Peer): Effect.Effect<Peer, LinkClosed> =>
  Effect.suspend(() => {
    const { link } = peer
    const reason = node.endings.get(link)
    if (reason !== undefined) return Effect.fail(new LinkClosed({ reason }))
    const isIn = link.direction === "inbound" || !link.capabilities.extended || link.isWelcome
    if (isIn) return Effect.succeed(peer)
    const welcome = node.welcomes.get(link) ?? Deferred.makeUnsafe<void, LinkClosed>()
    node.welcomes.set(link, welcome)
    return Effect.catch(
      Effect.as(Effect.timeoutOption(Deferred.await(welcome), node.options.handshakeTimeout), peer),
      (error) => peer.link === link ? Effect.fail(error) : welcomed(node, peer)
    )
  })

/** The peer with that id by another link, which may have come already, or may end in turn: then by the next one. */
const successor = (node: MeshNode, id: string): Effect.Effect<Peer> =>
  Effect.suspend(() => {
    const later = () => Effect.andThen(Effect.sleep(lookMillis), successor(node, id))
    const peer = node.table.get(id)
    return peer === undefined ? later() : Effect.catch(welcomed(node, peer), later)
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
