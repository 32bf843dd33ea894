/**
 * Reaching a node that is not a neighbor (`docs/protocol.md`, "Broadcasts"): a `request` floods the network,
 * whoever is linked to the node answers with its address, and the node is dialed. An answer counts
 * only if the node that is met there is the one that was looked for.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { PeerNotFound, TooManyRequests } from "../MeshError.ts"
import type { Peer } from "../RoutingTable.ts"
import * as Congestion from "./Congestion.ts"
import * as Dialer from "./Dialer.ts"
import type { MeshNode } from "./MeshNode.ts"
import { newSearchId } from "./RequestId.ts"

/** Answers to one search that wait to be tried; further ones are not looked at. */
const maxAnswers = 16
/** Answers that are tried at the same time, so that one that leads nowhere does not use up the time of the others. */
const maxDials = 4
/** For so long, in milliseconds, only one is, then two: an honest answer leads there at once, and a node may have many addresses. */
const staggerMillis = 250

/** The peer with this id: a neighbor, or found and dialed within `requestTimeout`. */
export const find = (node: MeshNode, id: string): Effect.Effect<Peer, PeerNotFound | TooManyRequests> =>
  Effect.suspend((): Effect.Effect<Peer, PeerNotFound | TooManyRequests> => {
    const peer = node.table.get(id)
    if (peer !== undefined) return Effect.succeed(peer)
    if (id === node.id) return Effect.fail(new PeerNotFound({ id, detail: "that is this node itself" }))
    const limit = node.options.maxPendingRequests
    if (node.searches.size >= limit) return Effect.fail(new TooManyRequests({ limit }))
    return Effect.withSpan(search(node, id), "Mesh.search", { attributes: { node: id } })
  })

const search = Effect.fnUntraced(function*(node: MeshNode, id: string): Effect.fn.Return<Peer, PeerNotFound> {
  const answers = yield* Queue.dropping<PeerAddress>(maxAnswers)
  const requestId = newSearchId(node)
  /** Where it was said to be, so far. */
  const said = new Set<string>()
  const dialAnswers: Effect.Effect<Peer> = Effect.flatMap(
    Queue.take(answers),
    (address) => Effect.catch(Dialer.connect(node, address, id), () => dialAnswers)
  )
  return yield* Effect.acquireUseRelease(
    Effect.sync(() => {
      node.searches.set(requestId, (entry) => {
        const text = format(entry.address)
        if (entry.id === id && !said.has(text) && Queue.offerUnsafe(answers, entry.address)) said.add(text)
      })
    }),
    () =>
      Effect.gen(function*() {
        const peer = yield* dialKnown(node, id)
        if (Option.isSome(peer)) return peer.value
        ask(node, requestId, id)
        return yield* Effect.raceAll(
          Array.from({ length: maxDials }, (_, index) => Effect.delay(dialAnswers, index * staggerMillis))
        )
      }).pipe(Effect.raceFirst(
        Effect.flatMap(
          Effect.timeoutOption(node.ended.await, node.options.requestTimeout),
          () => Effect.fail(new PeerNotFound({ id, detail: failure(node, said.size) }))
        )
      )),
    () => Effect.sync(() => node.searches.delete(requestId))
  )
})

/** Dials where the node was met or said to be, for half of the time at most: others may know better. */
const dialKnown = (node: MeshNode, id: string): Effect.Effect<Option.Option<Peer>> => {
  const known = node.book.findById(id)
  if (known === undefined) return Effect.succeedNone
  const halfMillis = Duration.toMillis(node.options.requestTimeout) / 2
  return Effect.map(Effect.timeoutOption(Effect.option(Dialer.connect(node, known.address, id)), halfMillis), (met) => {
    const peer = Option.flatten(met)
    if (Option.isNone(peer)) {
      node.book.failed(known.address, node.nowMillis(), node.services.random.nextDoubleUnsafe())
    }
    return peer
  })
}

/** Why nothing is waited for any more. */
export const nodeEnds = "this node ends"

const failure = (node: MeshNode, answerCount: number): string => {
  if (node.ended.isOpen()) return nodeEnds
  const millis = Duration.toMillis(node.options.requestTimeout)
  if (answerCount > 0) return `none of ${answerCount} addresses that were answered led there within ${millis} ms`
  return node.table.count === 0
    ? "this node has no links"
    : `nobody said within ${millis} ms where it can be dialed`
}

const ask = (node: MeshNode, requestId: string, nodeId: string): void => {
  const { protocol } = node.services
  const payload = protocol.encodePayload({ _tag: "Request", requestId, nodeId })
  const message = protocol.make("broadcast", node.id, payload, node.nowSeconds())
  node.seen.add(message.idBytes, node.uptimeSeconds())
  const outgoing = node.outgoing(message)
  for (const peer of node.table.values()) Congestion.pass(node, peer, outgoing)
}
