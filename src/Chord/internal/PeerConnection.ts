/**
 * The life of one connection of a node: handshake, a place in the pool, use until it ends, and the end
 * told to both sides. Each runs in a fiber of its own that owns the connection.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { Protocol } from "../../Protocol/Protocol.ts"
import type { Pending } from "../../Transport/Admission/Gate.ts"
import { type CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import * as Handshake from "../../Transport/Handshake.ts"
import * as Link from "../../Transport/Link.ts"
import type { Connection } from "../../Transport/Transport.ts"
import type { CallNode } from "./CallNode.ts"
import * as OriginalGreeting from "./OriginalGreeting.ts"
import type { PeerLink } from "./PeerPool.ts"
import { PeerSession } from "./PeerSession.ts"

/** A dial that somebody waits for. */
export interface Dialed {
  readonly address: PeerAddress
  /** What is left for the handshake, in milliseconds. */
  readonly timeoutMillis: number
  /** Told of the link as soon as it stands; */
  readonly joined: (peerLink: PeerLink) => void
  /** or why it came to none. */
  readonly failed: (reason: CloseReason) => void
}

/** Serves one connection until it ends; never fails. */
export const run = (
  node: CallNode,
  connection: Connection,
  dialed: Dialed | undefined,
  pending?: Pending
): Effect.Effect<void> =>
  Effect.provideService(
    Effect.scoped(serve(node, connection, dialed, pending)),
    Protocol,
    node.services.protocol
  )

/** Of the module, as all that lasts as long as a link: a generator's function takes more memory than a link's state. */
const serve = Effect.fnUntraced(function*(
  node: CallNode,
  connection: Connection,
  dialed: Dialed | undefined,
  pending: Pending | undefined
): Effect.fn.Return<void, never, Protocol | Scope.Scope> {
  const direction = dialed === undefined ? "inbound" : "outbound"
  const link = yield* Link.make(connection, node.nextLinkKey(), direction, node.linkOptions)
  const fiber = yield* Effect.fiber
  node.frames.links.add(link)
  // What the peer said before its connection broke is still read.
  link.onClose = () => isLost(link) ? undefined : fiber.interruptUnsafe()
  if (pending !== undefined) pending.end = (reason) => link.close(reason)
  let session: PeerSession | undefined
  let reason: CloseReason = { _tag: "Stopped" }
  yield* meet(node, link, dialed).pipe(
    Effect.flatMap((peer) => {
      if (pending !== undefined) node.guard.gate.settle(pending)
      const refused = admit(node, link, peer)
      if (refused !== undefined) return refuse(refused)
      session = new PeerSession(node, link, peer, fiber, dialed?.address)
      node.join(session)
      dialed?.joined(session)
      return session.converse
    }),
    Effect.catch((error) => Effect.sync(() => reason = error.reason)),
    Effect.catchDefect((defect) => {
      reason = { _tag: "Defect", detail: String(defect) }
      return Effect.logError("a link ended by a defect", defect)
    }),
    Effect.ensuring(Effect.suspend(() => {
      if (pending !== undefined) node.guard.gate.settle(pending)
      node.frames.links.delete(link)
      reason = session?.closeReason ?? (isLost(link) ? undefined : link.closeReason) ?? reason
      link.sayGoodbye(reason)
      if (session !== undefined) {
        node.guard.ended(link, reason)
        return session.end(reason)
      }
      if (dialed === undefined) reject(node, link, reason)
      else dialed.failed(reason)
      return Effect.void
    }))
  )
})

const isLost = ({ closeReason }: Link.Link): boolean => closeReason?._tag === "ConnectionLost"

/** Accepts a connection, if the gate lets it in. */
export const accept = (node: CallNode, connection: Connection): Effect.Effect<void> =>
  Effect.suspend(() => {
    const admitted = node.guard.gate.admit(connection.remote)
    if (!("_tag" in admitted)) return run(node, connection, undefined, admitted)
    const { identity, remote } = connection
    reject(node, { remote, identity }, admitted)
    return Effect.void
  })

/** Counts an accepted connection that came to no link, tells of it, and keeps it in mind. */
export const reject = (
  node: CallNode,
  { identity, remote }: Pick<Link.Link, "remote" | "identity">,
  reason: CloseReason
): void => {
  node.guard.ended({ direction: "inbound", remote, identity }, reason)
  node.counters.rejected++
  node.options.onEvent?.({ _tag: "Rejected", remote, reason })
}

/** Closes the link dialed by that side, and from that source if it is given, that was idle for longest; `false` when none is idle. */
export const closeIdle = (node: CallNode, direction: Link.Link["direction"], source?: string): boolean => {
  const idle = node.pool.leastRecentlyUsed(direction, source)
  if (idle === undefined) return false
  node.counters.idleClosed++
  idle.close({ _tag: "Disconnected" })
  return true
}

const meet = (
  node: CallNode,
  link: Link.Link,
  dialed: Dialed | undefined
): Effect.Effect<Handshake.PeerIdentity, LinkClosed, Protocol> => {
  const options: Handshake.HandshakeOptions = {
    nodeId: node.id,
    networkId: node.options.networkId,
    address: node.address,
    timeout: dialed?.timeoutMillis ?? node.settings.handshakeTimeout
  }
  const introduced = Handshake.introduce(link, options)
  const received = node.options.guests === undefined
    ? Handshake.receive(link, options, () => {})
    : OriginalGreeting.receive(link, options)
  // Where originals may come, whom to introduce oneself to, and how, is known once the other end has spoken.
  return dialed === undefined && node.options.guests !== undefined
    ? Effect.tap(received, () => link.capabilities.extended ? introduced : Effect.void)
    : Effect.andThen(introduced, received)
}

/** Why there is no place for one more link, if so; an original that gets one is welcomed. */
const admit = (node: CallNode, link: Link.Link, peer: Handshake.PeerIdentity): CloseReason | undefined => {
  const refusal = node.guard.refusalOf(link.host, peer.id) ?? refuseSource(node, link)
  if (refusal !== undefined) return refusal
  if (node.isGuest(link)) return admitGuest(node, link, peer)
  if (link.direction === "outbound" || hasInboundRoom(node) || closeIdle(node, "inbound")) return undefined
  return { _tag: "Full", limit: node.settings.maxInboundLinks }
}

/** Why its source has links enough, if none of them makes room. */
const refuseSource = (node: CallNode, link: Link.Link): CloseReason | undefined => {
  const full = node.guard.gate.refuseLink(link)
  if (full === undefined) return undefined
  const { source } = link
  const hasRoom = node.isGuest(link)
    ? closeSilent(node, guestsOf(node).filter((other) => other.link.source === source))
    : closeIdle(node, "inbound", source)
  return hasRoom ? undefined : full
}

/** No link of ours makes room for a guest. */
const admitGuest = (node: CallNode, link: Link.Link, peer: Handshake.PeerIdentity): CloseReason | undefined => {
  const { guests } = node.options
  if (link.direction === "inbound" && !hasInboundRoom(node)) {
    return { _tag: "Full", limit: node.settings.maxInboundLinks }
  }
  const others = guestsOf(node)
  if (guests !== undefined && others.length >= guests.maxLinks && !closeSilent(node, others)) {
    return { _tag: "Full", limit: guests.maxLinks }
  }
  return guests?.welcome(peer, link)
}

const guestsOf = (node: CallNode): ReadonlyArray<PeerLink> =>
  [...node.pool.values()].filter((other) => node.isGuest(other.link))

const hasInboundRoom = (node: CallNode): boolean => node.pool.countOf("inbound") < node.settings.maxInboundLinks

/** Closes the link over which nothing was said for longest, if that is long enough. */
const closeSilent = (node: CallNode, links: ReadonlyArray<PeerLink>): boolean => {
  const [last] = links.toSorted((a, b) => a.lastUsedMillis - b.lastUsedMillis)
  if (last === undefined || node.nowMillis() - last.lastUsedMillis < node.times.idleMillis) return false
  node.counters.idleClosed++
  last.close({ _tag: "Disconnected" })
  return true
}

const refuse = (reason: CloseReason): Effect.Effect<never, LinkClosed> => Effect.fail(new LinkClosed({ reason }))
