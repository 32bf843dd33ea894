/**
 * Links that this node opens: those the application asks for, and its own share, kept up by a loop
 * that redials what was lost, with growing and jittered waits, and asks peers for theirs.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { isWord } from "../../Transport/Goodbye.ts"
import type { Link } from "../../Transport/Link.ts"
import { StallWatch } from "../../Transport/StallWatch.ts"
import type { KnownAddress } from "../AddressBook.ts"
import { ConnectError } from "../MeshError.ts"
import type { Peer } from "../RoutingTable.ts"
import { HearsayRate, tokenMillis } from "./HearsayRate.ts"
import type { MeshNode } from "./MeshNode.ts"
import * as Places from "./Places.ts"
import * as SharedDial from "./SharedDial.ts"

/** The longest wait between two requests for peers of a node whose share of links cannot be had. */
const maxAskMillis = 60_000

/**
 * A link to an address: the one there is, the one that is being made, or a new one; never two at
 * once, which original nodes bear badly. Fails with the reason when there is none and it cannot be
 * made. When all who wait for it are interrupted before the link stands, it is given up.
 */
export const connect = Effect.fnUntraced(function*(
  node: MeshNode,
  address: PeerAddress,
  id?: string
): Effect.fn.Return<Peer, ConnectError> {
  const banned = node.guard.refusalOf(address.hostname, id)
  if (banned !== undefined) return yield* new ConnectError({ address, reason: banned })
  while (true) {
    const linked = id === undefined ? Places.peerAt(node, address) : node.table.get(id)
    if (linked !== undefined) return linked
    const met = yield* Effect.result(SharedDial.join(node, address, id))
    if (Result.isSuccess(met)) {
      const peer = met.success
      if (peer === undefined) continue
      if (id === undefined || peer.id === id) return peer
      return yield* new ConnectError({ address, reason: { _tag: "WrongPeer", expected: id, found: peer.id } })
    }
    const reason = met.failure._tag === "DialError" ? met.failure : met.failure.reason
    // Somebody else's dial met a node that they did not look for; it may be the right one here.
    if (reason._tag !== "WrongPeer" || reason.expected === id) return yield* new ConnectError({ address, reason })
  }
})

/** Keeps the node's share of links; runs until interrupted. */
export const upkeep = (node: MeshNode): Effect.Effect<never> =>
  Effect.gen(function*() {
    const intervalMillis = Duration.toMillis(node.options.upkeepInterval)
    let askMillis = intervalMillis
    let nextAskMillis = 0
    let dialingCount = 0
    let retryCount = 0
    const hearsay = new HearsayRate(node.nowMillis())
    // From one look to the next, for there may be a single dial to give away.
    let isRetryTurn = true

    const attempt = (known: KnownAddress) => {
      const isRetry = seemsGone(known)
      known.isDialing = true
      dialingCount++
      if (isRetry) retryCount++
      isRetryTurn = !isRetry
      node.services.run(
        dialKnown(node, known).pipe(Effect.ensuring(Effect.sync(() => {
          known.isDialing = false
          dialingCount--
          if (isRetry) retryCount--
          node.wake.openUnsafe()
        })))
      )
    }

    while (true) {
      node.wake.closeUnsafe()
      const now = node.nowMillis()
      const missing = node.options.maxOutboundLinks - node.table.countOf("outbound") - (dialingCount - retryCount)
      const { fresh, nextMillis, others, retries } = candidates(node, now, missing, hearsay)
      const turns = isRetryTurn ? inTurn(retries, others) : inTurn(others, retries)
      const slots = node.options.maxConcurrentDials - dialingCount
      for (const known of [...fresh, ...turns].slice(0, slots)) {
        if (hearsay.take(known, now)) attempt(known)
      }
      const isLacking = missing > 0 && fresh.length + others.length === 0
      if (isLacking && now >= nextAskMillis) {
        askForPeers(node)
        nextAskMillis = now + askMillis * (0.8 + 0.4 * node.services.random.nextDoubleUnsafe())
        askMillis = Math.min(maxAskMillis, askMillis * 2)
      }
      if (fresh.length + others.length > 0) askMillis = intervalMillis
      // While there is somebody to dial, the end of a dial wakes this.
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

/**
 * What to dial now, and when the next address is due. Bootstrap addresses go first, for they are the user's word, and
 * that which waited longest before them all. Those that seem gone are no links to count on, and may be many: they are
 * `retries`, which take turns with the `others`.
 */
const candidates = (node: MeshNode, now: number, missing: number, hearsay: HearsayRate) => {
  const hasShare = missing <= 0
  let nextMillis = Number.POSITIVE_INFINITY
  const due: Array<KnownAddress> = []
  for (const known of Places.candidates(node, hasShare)) {
    const dueMillis = hasShare ? Math.max(known.nextDialMillis, known.fullUntilMillis) : known.nextDialMillis
    if (dueMillis > now) nextMillis = Math.min(nextMillis, dueMillis)
    else if (hearsay.isSpent(known, now)) nextMillis = Math.min(nextMillis, now + tokenMillis)
    else due.push(known)
  }
  const bootstrap = due.filter((known) => known.isBootstrap).sort((a, b) => a.nextDialMillis - b.nextDialMillis)
  const fresh = bootstrap.filter((known) => !seemsGone(known))
  const retries = bootstrap.filter(seemsGone)
  const told = node.book.byTurns(due.filter((known) => !known.isBootstrap))
  const others = node.sample(told, Math.max(0, missing - fresh.length))
  return { fresh, retries, others, nextMillis }
}

/** A bootstrap address that failed twice in succession: once is what a node does that starts again. */
const seemsGone = (known: KnownAddress): boolean => known.isBootstrap && known.failureCount > 1

/** One of each, by turns; at the end what is left of the longer list. */
const inTurn = <A>(first: ReadonlyArray<A>, second: ReadonlyArray<A>): ReadonlyArray<A> =>
  Array.from(
    { length: Math.max(first.length, second.length) },
    (_, index) => [...first.slice(index, index + 1), ...second.slice(index, index + 1)]
  ).flat()

const dialKnown = (node: MeshNode, known: KnownAddress): Effect.Effect<void> =>
  connect(node, known.address).pipe(
    Effect.asVoid,
    Effect.catch((error) =>
      Effect.sync(() => {
        const reason = error.reason
        if (reason._tag === "SelfConnection") {
          node.foundSelf(known.address)
          // Behind one name or load balancer are several nodes, this one among them.
          if (!known.isBootstrap) return node.book.forget(known.address)
        }
        if (reason._tag === "DialError") node.emit({ _tag: "DialFailed", address: known.address, error: reason })
        node.book[isWord(reason, "Full") ? "turnedAway" : "failed"](
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
 * Pings silent peers that answer pings, and gives up those that do not any more; runs until interrupted. A node that was
 * stalled itself judges nobody by that time: what came meanwhile is not read yet.
 */
export const liveness = (node: MeshNode): Effect.Effect<never> =>
  Effect.gen(function*() {
    const intervalMillis = Duration.toMillis(node.options.pingInterval)
    const timeoutMillis = Duration.toMillis(node.options.pingTimeout)
    const stalls = new StallWatch(() => node.nowMillis())
    const signs = new Signs()
    while (true) {
      const now = yield* stalls.sleep(intervalMillis * (0.4 + 0.2 * node.services.random.nextDoubleUnsafe()))
      for (const { link } of node.table.values()) {
        if (now - link.lastReceivedMillis < intervalMillis || !link.capabilities.extended) continue
        const heardMillis = signs.lastMillis(link, now)
        if (now - Math.max(stalls.awakeMillis, heardMillis) >= intervalMillis + timeoutMillis) {
          link.close({ _tag: "Unresponsive", afterMillis: now - heardMillis })
        } else {
          // Also while a message comes: the peer's own pings wait behind it, and it hears that we are there.
          link.ping()
        }
      }
    }
  })

/**
 * Signs of life: whole messages, and over a slow line the bytes of one that is still coming. How long that may
 * go on is for `frameTimeout` to say.
 */
class Signs {
  readonly #parts = new WeakMap<
    Link,
    { readonly sinceMillis: number; readonly bytes: number; readonly lastMillis: number }
  >()

  /** When there was the last one, as far as was looked, in milliseconds of the node's clock that only grows. */
  lastMillis(link: Link, nowMillis: number): number {
    const { frameSinceMillis: sinceMillis } = link
    if (sinceMillis === undefined) return link.lastReceivedMillis
    // Over a WebSocket they count as received when a message is whole.
    const bytes = link.receivedBytes + link.unfinishedBytes
    const part = this.#parts.get(link)
    if (part?.bytes === bytes) return part.lastMillis
    const lastMillis = part?.sinceMillis === sinceMillis ? nowMillis : sinceMillis
    this.#parts.set(link, { sinceMillis, bytes, lastMillis })
    return lastMillis
  }
}
