/**
 * The life of one connection: handshake, admission to the routing table, reading until it ends,
 * and the end told to both sides. Each runs in a fiber of its own that owns the connection.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { Protocol } from "../../Protocol/Protocol.ts"
import type { Pending } from "../../Transport/Admission/Gate.ts"
import { type CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import { isWord } from "../../Transport/Goodbye.ts"
import * as Handshake from "../../Transport/Handshake.ts"
import * as Link from "../../Transport/Link.ts"
import type { Connection, DialError, RefusedConnection } from "../../Transport/Transport.ts"
import type { Peer } from "../RoutingTable.ts"
import { awaitRoom } from "./Congestion.ts"
import * as Contest from "./Contest.ts"
import { evict, isRoomFor, turned } from "./Eviction.ts"
import type { MeshNode } from "./MeshNode.ts"
import * as Places from "./Places.ts"
import * as Relay from "./Relay.ts"
import * as Welcome from "./Welcome.ts"

/** A dial that somebody waits for. */
export interface Expectation {
  readonly address: PeerAddress
  /** The node that must answer; any when undefined. */
  readonly id: string | undefined
  readonly joined: Deferred.Deferred<Peer, LinkClosed | DialError>
}

/** Serves one connection until it ends; never fails. */
export const run = (
  node: MeshNode,
  connection: Connection,
  direction: "inbound" | "outbound",
  expectation?: Expectation,
  pending?: Pending
): Effect.Effect<void> =>
  Effect.provideService(
    Effect.scoped(serve(node, connection, direction, expectation, pending)),
    Protocol,
    node.services.protocol
  )

/** Of the module, as all that lasts as long as a link: a generator's function takes more memory than a link's state. */
const serve = Effect.fnUntraced(function*(
  node: MeshNode,
  connection: Connection,
  direction: "inbound" | "outbound",
  expectation: Expectation | undefined,
  pending: Pending | undefined
): Effect.fn.Return<void, never, Protocol | Scope.Scope> {
  const link = yield* Link.make(connection, node.nextLinkKey(), direction, node.linkOptions)
  const session = new Session(node, link, expectation, pending)
  const fiber = yield* Effect.fiber
  link.onClose = () => fiber.interruptUnsafe()
  if (pending !== undefined) pending.end = (reason) => link.close(reason)
  yield* Effect.acquireRelease(
    Effect.sync(() => node.frames.links.add(link)),
    () =>
      Effect.sync(() => {
        node.frames.links.delete(link)
        node.counters.sentBytes += link.sentBytes
        node.counters.receivedBytes += link.receivedBytes
        node.counters.ignored += link.ignoredCount
      })
  )
  yield* Session.converse(session).pipe(
    Effect.catch((error) => session.end(link.closeReason ?? error.reason)),
    Effect.catchDefect((defect) =>
      Effect.andThen(
        Effect.logError("a link ended by a defect", defect),
        session.end({ _tag: "Defect", detail: String(defect) })
      )
    ),
    Effect.onInterrupt(() => session.end(link.closeReason ?? { _tag: "Stopped" }))
  )
})

/** Accepts a connection, if the gate lets it in. */
export const accept = (node: MeshNode, connection: Connection): Effect.Effect<void> =>
  Effect.suspend(() => {
    const admitted = node.guard.gate.admit(connection.remote)
    if (!("_tag" in admitted)) return run(node, connection, "inbound", undefined, admitted)
    const { identity, remote } = connection
    node.guard.ended({ direction: "inbound", remote, identity }, admitted)
    node.counters.rejected++
    node.emit({ _tag: "Rejected", remote, direction: "inbound", reason: admitted })
    return Effect.void
  })

/** A connection that the transport did not let through. */
export const refused = (node: MeshNode, { reason, remote }: RefusedConnection): void => {
  node.guard.ended({ direction: "inbound", remote, identity: undefined }, reason)
  node.counters.rejected++
  node.emit({ _tag: "Rejected", remote, direction: "inbound", reason })
}

class Session {
  readonly #node: MeshNode
  readonly #link: Link.Link
  readonly #expectation: Expectation | undefined
  readonly #pending: Pending | undefined
  #peer: Peer | undefined

  constructor(
    node: MeshNode,
    link: Link.Link,
    expectation: Expectation | undefined,
    pending: Pending | undefined
  ) {
    this.#node = node
    this.#link = link
    this.#expectation = expectation
    this.#pending = pending
  }

  /** Fails with the reason for which the link ends, unless `close` names one first. */
  static readonly converse = Effect.fnUntraced(
    function*(session: Session): Effect.fn.Return<never, LinkClosed, Protocol> {
      const node = session.#node
      const link = session.#link
      const peer = yield* Session.#meet(session)
      const allowance = node.allowanceOf(link)
      link.tell(node.listFor(link, peer))
      return yield* link.consume((batch) => {
        const reason = Relay.receive(node, peer, link, batch)
        if (reason !== undefined) return refuse(reason)
        Welcome.heard(node, link)
        const waitMillis = allowance.charge(batch.length + link.takeExtraWork(), node.nowMillis())
        if (waitMillis > 0) node.throttled(peer, link, "messages")
        return waitMillis > 0 || node.congested.size > 0 ? pause(node, waitMillis) : undefined
      })
    }
  )

  /** The handshake, and the place in the routing table. */
  static readonly #meet = Effect.fnUntraced(function*(session: Session): Effect.fn.Return<Peer, LinkClosed, Protocol> {
    const node = session.#node
    const link = session.#link
    const options: Handshake.HandshakeOptions = {
      nodeId: node.id,
      networkId: node.networkIdOf(link),
      encryption: node.services.transport.encryption,
      address: node.address,
      furtherAddresses: node.addresses.slice(1),
      timeout: node.options.handshakeTimeout
    }
    const isFull = link.direction === "inbound" && !isRoomFor(node, link.source)
    if (!isFull) yield* Handshake.introduce(link, options)
    const identity = yield* Handshake.receive(link, options, (peers) => node.learn(peers, link))
    session.#settle()
    if (isFull) return yield* session.#turnAway({ _tag: "Full", limit: node.options.maxInboundLinks })
    const banned = node.guard.refusalOf(link.host, identity.id)
    if (banned !== undefined) return yield* refuse(banned)
    const expected = session.#expectation?.id
    if (expected !== undefined && expected !== identity.id) {
      return yield* refuse({ _tag: "WrongPeer", expected, found: identity.id })
    }
    return yield* session.#join(identity)
  })

  /** Tells where else to go. */
  #turnAway(reason: CloseReason): Effect.Effect<never, LinkClosed> {
    this.#link.tell(this.#node.listFor(this.#link, undefined))
    return refuse(reason)
  }

  /** Why there is no slot for the link, though there was one when it was accepted: many may have come meanwhile. */
  #lacksSlot(): CloseReason | undefined {
    const { options, guard } = this.#node
    if (!isRoomFor(this.#node, this.#link.source)) return { _tag: "Full", limit: options.maxInboundLinks }
    return guard.gate.refuseLink(this.#link)
  }

  #join(identity: Handshake.PeerIdentity): Effect.Effect<Peer, LinkClosed> {
    const node = this.#node
    const link = this.#link
    const proven = Contest.makeWay(node, identity.id, link)
    // A second link to a peer takes no slot; which of the two stays is decided among them.
    if (link.direction === "inbound" && node.table.get(identity.id) === undefined) {
      const reason = this.#lacksSlot()
      if (reason !== undefined) return this.#turnAway(reason)
      evict(node)
    }
    const admission = proven === undefined
      ? node.table.admit(identity, link, node.uptimeSeconds(), node.freshCount)
      : { _tag: "Refused", peer: proven } as const
    const peer = admission.peer
    const dialed = this.#expectation?.address
    if (dialed !== undefined || admission._tag !== "Refused") Places.file(node, identity, link, dialed, admission)
    if (this.#expectation !== undefined) Deferred.doneUnsafe(this.#expectation.joined, Effect.succeed(peer))
    if (admission._tag === "Refused") return refuse({ _tag: "Duplicate", id: identity.id })
    this.#peer = peer
    if (admission._tag === "Contends") node.services.run(Contest.settle(node, peer, dialed))
    if (admission._tag === "Joined") {
      node.emit({ _tag: "PeerJoined", id: peer.id, address: peer.address, dialed, direction: link.direction })
      if (link.direction === "outbound") node.wake.openUnsafe()
    }
    return Effect.succeed(peer)
  }

  /** Takes the link out of the table, tells the application and, where it listens, the peer. */
  readonly end = (reason: CloseReason): Effect.Effect<void> =>
    Effect.sync(() => {
      const node = this.#node
      const link = this.#link
      this.#settle()
      node.guard.ended(link, reason)
      link.sayGoodbye(reason)
      const joined = this.#expectation?.joined
      if (joined !== undefined && !Deferred.isDoneUnsafe(joined)) {
        Deferred.doneUnsafe(joined, Effect.fail(new LinkClosed({ reason })))
      }
      const peer = this.#peer
      if (peer === undefined) {
        // Whoever dialed it looks what to do next: a stranger that is refused changes nothing here.
        if (reason._tag === "Duplicate") return
        node.counters.rejected++
        node.emit({ _tag: "Rejected", remote: link.remote, direction: link.direction, reason })
        return
      }
      this.#leave(peer, reason)
      Welcome.ended(node, link, reason)
      node.wake.openUnsafe()
    })

  #leave(peer: Peer, reason: CloseReason): void {
    const node = this.#node
    if (node.table.remove(peer, this.#link) === "left") {
      Places.left(node, peer, this.#link, reason)
      node.emit({ _tag: "PeerLeft", id: peer.id, address: peer.address, reason })
      return
    }
    if (this.#expectation !== undefined && isWord(reason, "Duplicate")) {
      // The node there says that the other link is its own, too.
      Places.prove(node, peer, this.#expectation.address)
    }
    turned(node, peer)
  }

  #settle(): void {
    if (this.#pending !== undefined) this.#node.guard.gate.settle(this.#pending)
  }
}

/** For those that send more than they may, and for peers that are slow to take what is passed on to them. */
const pause = (node: MeshNode, millis: number): Effect.Effect<void> =>
  Effect.andThen(
    millis > 0 ? Effect.sleep(millis) : Effect.void,
    Effect.suspend(() => node.congested.size > 0 ? awaitRoom(node) : Effect.void)
  )

const refuse = (reason: CloseReason): Effect.Effect<never, LinkClosed> => Effect.fail(new LinkClosed({ reason }))
