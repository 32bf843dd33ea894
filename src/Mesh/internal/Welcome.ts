/**
 * Whether the node at the other end of a link has taken it in, too. Until then it passes nothing on over it, though its
 * handshake has come: what it says right after `connect` would be heard by nobody here. A node of ours tells its peers
 * first of all, once it has.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { type CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import type { Link } from "../../Transport/Link.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"

/**
 * The peer, once something came behind its handshake that is no goodbye, for which it waits so long as a handshake may take.
 * Where the node there says that it has another link to this one, for both dialed at once or this one dialed several of
 * its addresses, the peer as that one makes it. Fails when the link ends otherwise, or has ended since it was made.
 */
export const awaited = (node: MeshNode, peer: Peer): Effect.Effect<Peer, LinkClosed> =>
  Effect.catch(welcomed(node, peer), (error) => {
    const { reason } = error
    if (reason._tag !== "Goodbye" || reason.reason !== "Duplicate") return Effect.fail(error)
    return Effect.timeoutOrElse(successor(node, peer.id, error), {
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
    return Effect.matchEffect(Effect.timeoutOption(Deferred.await(welcome), node.options.handshakeTimeout), {
      onSuccess: () => Effect.succeed(peer),
      onFailure: (error) => peer.link === link ? Effect.fail(error) : welcomed(node, peer)
    })
  })

/** The peer with that id by another link, which may have come already, or end in turn. */
const successor = (node: MeshNode, id: string, error: LinkClosed): Effect.Effect<Peer, LinkClosed> =>
  Effect.scoped(
    Effect.flatMap(node.changes.subscribe, (changes) =>
      Stream.concat(Stream.succeed(undefined), changes).pipe(
        Stream.map(() => node.table.get(id)),
        Stream.filter(Predicate.isNotUndefined),
        Stream.mapEffect((peer) => Effect.option(welcomed(node, peer))),
        Stream.filter(Option.isSome),
        Stream.runHead,
        Effect.flatMap((found) => Option.isSome(found) ? Effect.succeed(found.value.value) : Effect.fail(error))
      ))
  )

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
