/**
 * The life of one connection of a node: handshake, a place in the pool, use until it ends, and the end
 * told to both sides. Each runs in a fiber of its own that owns the connection.
 */
import * as Effect from "effect/Effect"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { Protocol } from "../../Protocol/Protocol.ts"
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
export const run = (node: CallNode, connection: Connection, dialed?: Dialed): Effect.Effect<void> =>
  Effect.scoped(Effect.gen(function*() {
    const direction = dialed === undefined ? "inbound" : "outbound"
    const link = yield* Link.make(connection, node.nextLinkKey(), direction, node.linkOptions)
    const fiber = yield* Effect.fiber
    let session: PeerSession | undefined
    let reason: CloseReason = { _tag: "Stopped" }
    yield* meet(node, link, dialed).pipe(
      Effect.flatMap((peer) => {
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
        reason = session?.closeReason ?? reason
        link.sayGoodbye(reason)
        if (session !== undefined) return session.end(reason)
        if (dialed === undefined) reject(node, link.remote, reason)
        else dialed.failed(reason)
        return Effect.void
      }))
    )
  })).pipe(Effect.provideService(Protocol, node.services.protocol))

/** Accepts a connection, unless too many have not shown who they are. */
export const accept = (node: CallNode, connection: Connection): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (node.pendingHandshakeCount < node.settings.maxPendingHandshakes) return run(node, connection)
    node.counters.rejected++
    return Effect.void
  })

/** Counts an accepted connection that came to no link, and tells of it where somebody was not who he should be. */
export const reject = (node: CallNode, remote: PeerAddress, reason: CloseReason): void => {
  node.counters.rejected++
  const word = reason._tag === "Goodbye" ? reason.reason : reason._tag
  if (word === "TlsRefused" || word === "IdentityMismatch") node.options.onRejected?.(remote, reason)
}

/** Closes the link dialed by that side that was idle for longest; `false` when none is idle. */
export const closeIdle = (node: CallNode, direction: Link.Link["direction"]): boolean => {
  const idle = node.pool.leastRecentlyUsed(direction)
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
  const met = dialed === undefined && node.options.guests !== undefined
    ? Effect.tap(received, () => link.capabilities.extended ? introduced : Effect.void)
    : Effect.andThen(introduced, received)
  if (dialed !== undefined) return met
  return Effect.suspend(() => {
    node.pendingHandshakeCount++
    return Effect.ensuring(met, Effect.sync(() => node.pendingHandshakeCount--))
  })
}

/** Why there is no place for one more link, if so; an original that gets one is welcomed. */
const admit = (node: CallNode, link: Link.Link, peer: Handshake.PeerIdentity): CloseReason | undefined => {
  if (node.isGuest(link)) return admitGuest(node, link, peer)
  if (link.direction === "outbound" || hasInboundRoom(node) || closeIdle(node, "inbound")) return undefined
  return { _tag: "Full", limit: node.settings.maxInboundLinks }
}

/** No link of ours makes room for a guest. */
const admitGuest = (node: CallNode, link: Link.Link, peer: Handshake.PeerIdentity): CloseReason | undefined => {
  const { guests } = node.options
  if (link.direction === "inbound" && !hasInboundRoom(node)) {
    return { _tag: "Full", limit: node.settings.maxInboundLinks }
  }
  const others = [...node.pool.values()].filter((other) => node.isGuest(other.link))
  if (guests !== undefined && others.length >= guests.maxLinks && !closeSilent(node, others)) {
    return { _tag: "Full", limit: guests.maxLinks }
  }
  return guests?.welcome(peer, link)
}

const hasInboundRoom = (node: CallNode): boolean => node.pool.countOf("inbound") < node.settings.maxInboundLinks

/** Closes the link over which nothing was said for longest, if that is long enough. */
const closeSilent = (node: CallNode, links: ReadonlyArray<PeerLink>): boolean => {
  const last = links.reduce((a, b) => a.lastUsedMillis <= b.lastUsedMillis ? a : b)
  if (node.nowMillis() - last.lastUsedMillis < node.times.idleMillis) return false
  node.counters.idleClosed++
  last.close({ _tag: "Disconnected" })
  return true
}

const refuse = (reason: CloseReason): Effect.Effect<never, LinkClosed> => Effect.fail(new LinkClosed({ reason }))
