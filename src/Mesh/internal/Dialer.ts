/**
 * Links that this node opens: those the application asks for, and its own share, kept up by a loop
 * that redials what was lost, with growing and jittered waits, and asks peers for theirs.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { LinkClosed } from "../../Transport/CloseReason.ts"
import { StallWatch } from "../../Transport/StallWatch.ts"
import { canDial, type DialError, refuseDial } from "../../Transport/Transport.ts"
import type { KnownAddress } from "../AddressBook.ts"
import { ConnectError } from "../MeshError.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"
import * as Places from "./Places.ts"
import * as Session from "./Session.ts"

/** The longest wait between two requests for peers of a node whose share of links cannot be had. */
const maxAskMillis = 60_000

/**
 * A link to an address: the one there is, the one that is being made, or a new one; never two at
 * once, which original nodes bear badly. Fails with the reason when there is none and it cannot be
 * made. When the caller that dialed is interrupted before the link stands, it is given up.
 */
export const connect = Effect.fnUntraced(function*(
  node: MeshNode,
  address: PeerAddress,
  id?: string
): Effect.fn.Return<Peer, ConnectError> {
  const banned = node.guard.refusalOf(address, id)
  if (banned !== undefined) return yield* new ConnectError({ address, reason: banned })
  const linked = id === undefined ? Places.peerAt(node, address) : node.table.get(id)
  if (linked !== undefined) return linked
  const underway = node.dials.get(format(address))
  const joined = underway === undefined
    ? dial(node, address, id)
    : Effect.filterOrElse(
      Deferred.await(underway),
      (peer) => id === undefined || peer.id === id,
      (peer) => Effect.fail(new LinkClosed({ reason: { _tag: "WrongPeer", expected: id ?? "", found: peer.id } }))
    )
  return yield* Effect.mapError(
    joined,
    (error) => new ConnectError({ address, reason: error._tag === "DialError" ? error : error.reason })
  )
})

const dial = Effect.fnUntraced(function*(
  node: MeshNode,
  address: PeerAddress,
  id: string | undefined
): Effect.fn.Return<Peer, LinkClosed | DialError> {
  const joined = yield* Deferred.make<Peer, LinkClosed | DialError>()
  const session = Effect.flatMap(
    canDial(node.services.transport, address) ? node.services.transport.dial(address) : refuseDial(address),
    (connection) => Session.run(node, connection, "outbound", { address, id, joined })
  )
  const key = format(address)
  node.dials.set(key, joined)
  const fiber = node.services.run(session.pipe(
    Effect.scoped,
    Effect.catch((error) => Effect.asVoid(Deferred.fail(joined, error))),
    // As a rule it was settled long ago, and an error would be made for nobody.
    Effect.ensuring(Effect.suspend(() =>
      Deferred.isDoneUnsafe(joined)
        ? Effect.void
        : Deferred.fail(joined, new LinkClosed({ reason: { _tag: "Disconnected" } }))
    ))
  ))
  return yield* Deferred.await(joined).pipe(
    Effect.onInterrupt(() => Fiber.interrupt(fiber)),
    Effect.ensuring(Effect.sync(() => node.dials.delete(key)))
  )
})

/** Keeps the node's share of links; runs until interrupted. */
export const upkeep = (node: MeshNode): Effect.Effect<never> =>
  Effect.gen(function*() {
    const intervalMillis = Duration.toMillis(node.options.upkeepInterval)
    let askMillis = intervalMillis
    let nextAskMillis = 0
    let dialingCount = 0

    const attempt = (known: KnownAddress) => {
      known.isDialing = true
      dialingCount++
      node.services.run(
        dialKnown(node, known).pipe(Effect.ensuring(Effect.sync(() => {
          known.isDialing = false
          dialingCount--
          node.wake.openUnsafe()
        })))
      )
    }

    while (true) {
      node.wake.closeUnsafe()
      const now = node.nowMillis()
      const missing = node.options.maxOutboundLinks - node.table.countOf("outbound") - dialingCount
      const { due, nextMillis } = candidates(node, now, missing)
      for (const known of due.slice(0, node.options.maxConcurrentDials - dialingCount)) attempt(known)
      if (missing > 0 && due.length === 0 && now >= nextAskMillis) {
        askForPeers(node)
        nextAskMillis = now + askMillis * (0.8 + 0.4 * node.services.random.nextDoubleUnsafe())
        askMillis = Math.min(maxAskMillis, askMillis * 2)
      }
      if (due.length > 0) askMillis = intervalMillis
      // While there is somebody to dial, the end of a dial wakes this.
      const isLacking = missing > 0 && due.length === 0
      yield* wakeOrTime(node, Math.min(nextMillis, isLacking ? nextAskMillis : nextMillis) - now)
      // Whoever lost the same peer wakes at the same moment: do not all dial at once.
      yield* Effect.sleep(node.services.random.nextDoubleUnsafe() * spreadMillis)
    }
  })

/** Waits until links or addresses change, and for so long at most: a node with its share of links sleeps on. */
const wakeOrTime = ({ wake }: MeshNode, millis: number): Effect.Effect<unknown> =>
  millis === Number.POSITIVE_INFINITY ? wake.await : Effect.timeoutOption(wake.await, Math.max(1, millis))

/** Wake-ups are spread over this time, in milliseconds. */
const spreadMillis = 50

/** What to dial now, and when the next address is due. */
const candidates = (node: MeshNode, now: number, missing: number) => {
  const hasShare = missing <= 0
  let nextMillis = Number.POSITIVE_INFINITY
  const due: Array<KnownAddress> = []
  for (const known of Places.candidates(node, hasShare)) {
    const dueMillis = hasShare ? Math.max(known.nextDialMillis, known.fullUntilMillis) : known.nextDialMillis
    if (dueMillis <= now) due.push(known)
    else nextMillis = Math.min(nextMillis, dueMillis)
  }
  const bootstrap = due.filter((known) => known.isBootstrap)
  const others = node.sample(due.filter((known) => !known.isBootstrap), Math.max(0, missing - bootstrap.length))
  return { due: [...bootstrap, ...others], nextMillis }
}

const dialKnown = (node: MeshNode, known: KnownAddress): Effect.Effect<void> =>
  connect(node, known.address).pipe(
    Effect.asVoid,
    Effect.catch((error) =>
      Effect.sync(() => {
        const reason = error.reason
        if (reason._tag === "SelfConnection") {
          node.foundSelf(known.address)
          node.book.forget(known.address)
          return
        }
        if (reason._tag === "DialError") node.emit({ _tag: "DialFailed", address: known.address, error: reason })
        const isFull = reason._tag === "Goodbye" && reason.reason === "Full"
        node.book[isFull ? "turnedAway" : "failed"](
          known.address,
          node.nowMillis(),
          node.services.random.nextDoubleUnsafe()
        )
      })
    )
  )

const askForPeers = (node: MeshNode): void => {
  for (const peer of node.sample(node.table.values(), 1)) peer.link.tell({ _tag: "RequestPeers" })
}

/**
 * Pings silent peers that answer pings, and gives up those that do not any more, as well as those whose
 * messages never end; runs until interrupted. A node that was stalled itself judges nobody by that time:
 * what came meanwhile is not read yet.
 */
export const liveness = (node: MeshNode): Effect.Effect<never> =>
  Effect.gen(function*() {
    const intervalMillis = Duration.toMillis(node.options.pingInterval)
    const timeoutMillis = Duration.toMillis(node.options.pingTimeout)
    const stalls = new StallWatch(() => node.nowMillis())
    const frameMillis = Duration.toMillis(node.options.frameTimeout)
    while (true) {
      const now = yield* stalls.sleep(intervalMillis * (0.4 + 0.2 * node.services.random.nextDoubleUnsafe()))
      node.frames.endOverdue(now, frameMillis, stalls.awakeMillis)
      for (const { link } of node.table.values()) {
        const silentMillis = now - link.lastReceivedMillis
        if (silentMillis < intervalMillis || !link.capabilities.extended) continue
        if (now - Math.max(stalls.awakeMillis, link.lastReceivedMillis) >= intervalMillis + timeoutMillis) {
          link.close({ _tag: "Unresponsive", afterMillis: silentMillis })
        } else link.ping()
      }
    }
  })
