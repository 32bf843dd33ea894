/**
 * What the application sends: the size is checked before anything leaves, a broadcast goes to all
 * peers, a whisper to one, waiting for room in its queue.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { maxPackets, type Message } from "../../Protocol/Message.ts"
import { contentOf, type Packet } from "../../Protocol/Packet.ts"
import { becomesQuiet, hasRoomWithin } from "../../Transport/Lag.ts"
import type { Outgoing } from "../../Transport/Outgoing.ts"
import { MessageTooLarge, type PeerNotFound, PeerUnavailable, type TooManyRequests } from "../MeshError.ts"
import type { Peer } from "../RoutingTable.ts"
import * as Congestion from "./Congestion.ts"
import type { MeshNode } from "./MeshNode.ts"
import * as Proofs from "./Proofs.ts"
import { find } from "./Search.ts"

/** Seconds by which a broadcast may be stamped ahead, to tell it from an equal one of the same second. */
const maxStampAheadSeconds = 20

/** What is made until others have a turn, in bytes of bodies: some milliseconds. */
const turnBytes = 524_288
/** As many bytes' work is it to sign a message, and to queue one for a peer. */
const signedBytes = 4096
const queuedBytes = 32

/** What is wrong with payloads over the limit, before they are hashed; the frame adds at most some hundred bytes. */
const tooLarge = (node: MeshNode, payload: ReadonlyArray<Packet>): MessageTooLarge | undefined => {
  const packets = payload.length + signatures(node)
  let bytes = overheadBytes + signatures(node) * Proofs.maxSignatureBytes
  for (const packet of payload) bytes += contentOf(packet).length + 5
  const maxBytes = node.options.maxMessageBytes
  return bytes > maxBytes || packets > maxPackets
    ? new MessageTooLarge({ bytes, maxBytes, packets, maxPackets })
    : undefined
}

/** How many a message of this node's has. */
const signatures = (node: MeshNode): 0 | 1 => node.services.signing?.sign === undefined ? 0 : 1

/** Flag, sender, id and time with their lengths, at most. */
const overheadBytes = 512

/**
 * Sends to every peer, with a time of `notBefore` (seconds since 1970) at the earliest; gives what `result` makes of
 * the message. An id covers payload and second at most, so the same payload sent twice within a second would pass
 * for a duplicate: the second one is stamped with the next second that is free.
 *
 * One step of the fiber as a rule: nothing here is waited for but room in the queues of peers that lag, and the turn
 * of others.
 */
export const broadcast = <A>(
  node: MeshNode,
  payload: ReadonlyArray<Packet>,
  result: (message: Message) => A,
  notBefore = 0
): Effect.Effect<A, MessageTooLarge> =>
  Effect.suspend(() => {
    const error = tooLarge(node, payload)
    if (error !== undefined) return Effect.fail(error)
    const message = stamp(node, payload, notBefore, node.nowSeconds(), node.uptimeSeconds())
    if (message === undefined) {
      return Effect.andThen(Effect.sleep("1 second"), broadcast(node, payload, result, notBefore))
    }
    flood(node, message)
    const value = result(message)
    const pause = pauseOf(node)
    return pause === undefined ? Effect.succeed(value) : Effect.as(pause, value)
  })

/**
 * Sends many, each as `broadcast` does, in as few steps of the fiber as can be: it waits for peers that lag, for a free
 * second, and where a step has had its share lets others have a turn.
 */
export const broadcastAll = <A>(
  node: MeshNode,
  items: ReadonlyArray<A>,
  payloadOf: (item: A) => ReadonlyArray<Packet>
): Effect.Effect<void, MessageTooLarge> => {
  const from = (start: number): Effect.Effect<void, MessageTooLarge> =>
    Effect.suspend(() => {
      const nowSeconds = node.nowSeconds()
      const uptimeSeconds = node.uptimeSeconds()
      for (let index = start; index < items.length; index++) {
        const payload = payloadOf(items[index]!)
        const error = tooLarge(node, payload)
        if (error !== undefined) return Effect.fail(error)
        const message = stamp(node, payload, 0, nowSeconds, uptimeSeconds)
        if (message === undefined) return Effect.andThen(Effect.sleep("1 second"), from(index))
        flood(node, message)
        const pause = pauseOf(node)
        if (pause !== undefined) return Effect.andThen(pause, from(index + 1))
      }
      return Effect.void
    })
  return from(0)
}

/** What applications get of a message that they sent. */
export const idOf = (message: Message): string => message.id

/** What is to be waited for before the next broadcast, if anything: peers that lag, or the turn of others. */
const pauseOf = (node: MeshNode): Effect.Effect<void> | undefined =>
  node.congested.size > 0 ? Congestion.awaitRoom(node) : turnOfOthers(node)

/**
 * What lets others have a turn, when it is due. A fiber yields by the number of its steps, and a step here is a large
 * message or a batch of them: a loop over such steps would keep the others waiting for seconds.
 */
const turnOfOthers = (node: MeshNode): Effect.Effect<void> | undefined => {
  if (node.turnBytes < turnBytes) return undefined
  node.turnBytes = 0
  return Effect.yieldNow
}

/** Counts a message that was sent to so many peers. */
const charge = (node: MeshNode, outgoing: Outgoing, peers: number): void => {
  node.counters.sent++
  node.turnBytes += outgoing.bodyBytes + peers * queuedBytes + signatures(node) * signedBytes
}

/** Queues a message for every peer. */
const flood = (node: MeshNode, message: Message): void => {
  const outgoing = node.outgoing(message)
  charge(node, outgoing, node.table.count)
  for (const peer of node.table.values()) {
    peer.link.remember(message)
    Congestion.pass(node, peer, outgoing)
  }
}

const stamp = (
  node: MeshNode,
  payload: ReadonlyArray<Packet>,
  notBefore: number,
  nowSeconds: number,
  uptimeSeconds: number
): Message | undefined => {
  // Others of the network have the same bound, and drop what is beyond it.
  const aheadSeconds = Math.min(maxStampAheadSeconds, node.maxClockSkewSeconds)
  for (let time = Math.max(nowSeconds, notBefore); time <= nowSeconds + aheadSeconds; time++) {
    const message = Proofs.make(node, "broadcast", "", payload, time)
    if (node.seen.add(message.idBytes, uptimeSeconds)) return message
  }
  return undefined
}

/** Sends to one node, which is found and dialed when it is no neighbor; gives the message. */
export const whisper = Effect.fnUntraced(function*(
  node: MeshNode,
  id: string,
  payload: ReadonlyArray<Packet>
): Effect.fn.Return<Message, MessageTooLarge | PeerNotFound | PeerUnavailable | TooManyRequests> {
  const error = tooLarge(node, payload)
  if (error !== undefined) return yield* error
  const peer = yield* find(node, id)
  const message = Proofs.make(node, "whisper", id, payload, node.nowSeconds())
  const outgoing = node.outgoing(message)
  while (!Congestion.send(node, peer, outgoing)) {
    if (!(yield* hasRoomWithin(peer.link.outbox, node.options.slowTimeout))) {
      const detail = `its queue stayed full for ${Duration.toMillis(node.options.slowTimeout)} ms`
      return yield* new PeerUnavailable({ id, detail })
    }
    if (peer.link.outbox.isClosed) return yield* new PeerUnavailable({ id, detail: "the link ended" })
  }
  peer.link.remember(message)
  charge(node, outgoing, 1)
  yield* turnOfOthers(node) ?? Effect.void
  return message
})

/** So long may a peer take nothing for which somebody waits who has much for it. */
const untakenTimeout = "1 minute"

/** Waits until little waits for a neighbor; `false` when it is none, or takes nothing. */
export const untilSent = (node: MeshNode, id: string): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const link = node.table.get(id)?.link
    if (link === undefined) return Effect.succeed(false)
    return Effect.flatMap(becomesQuiet(link.outbox, untakenTimeout), (isQuiet) =>
      // Of two links to it the other one may have taken over, and what is sent next goes over that.
      isQuiet || node.table.get(id)?.link === link ? Effect.succeed(isQuiet) : untilSent(node, id))
  })

/** Whispers to a neighbor without waiting: where its queue has no room the message is dropped, which is counted. */
export const offer = (node: MeshNode, peer: Peer, payload: ReadonlyArray<Packet>): MessageTooLarge | undefined => {
  const error = tooLarge(node, payload)
  if (error !== undefined) return error
  const message = Proofs.make(node, "whisper", peer.id, payload, node.nowSeconds())
  const outgoing = node.outgoing(message)
  if (!Congestion.send(node, peer, outgoing)) return undefined
  peer.link.remember(message)
  charge(node, outgoing, 1)
  return undefined
}
