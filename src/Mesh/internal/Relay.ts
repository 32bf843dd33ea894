/**
 * The flood: what a node does with the messages of a link (`docs/protocol.md`, "Broadcasts"). A broadcast
 * is passed on once, as it came, to all peers but the one it came from and its author; then it is
 * handled like a whisper. Synchronous, a batch at a time.
 *
 * It departs from the originals where they can be hurt or fooled: a message without a payload is
 * not passed on (it would end every js2p node of the network), nor is one from beyond the allowed
 * skew, and it does not go back to where it came from.
 */
import type { Message } from "../../Protocol/Message.ts"
import { isWireFault, type WireFault } from "../../Protocol/WireFault.ts"
import { isPlausible } from "../../Transport/Admission/Hearsay.ts"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import { readGoodbye } from "../../Transport/Goodbye.ts"
import type { Link } from "../../Transport/Link.ts"
import { addressesOf, type Peer } from "../RoutingTable.ts"
import { pass } from "./Congestion.ts"
import type { MeshNode } from "./MeshNode.ts"
import { take } from "./Proofs.ts"
import { maxRequestIdLength, schemesIn } from "./RequestId.ts"

/** Over a link a list of peers is sent once in this time, however often it is asked for: py2p can ask hundreds of times a second. */
const listIntervalMillis = 1000

/** Points for a list of peers beyond what a peer may send. */
const excessListPoints = 1

/** By what the shared dictionary's messages are handled, whichever way the wire says them. */
const syncSubFlag = "sync"

/** Takes a batch; the reason when the link has to end. */
export const receive = (
  node: MeshNode,
  peer: Peer,
  link: Link,
  messages: ReadonlyArray<Message>
): CloseReason | undefined => {
  const nowSeconds = node.nowSeconds()
  const uptimeSeconds = node.uptimeSeconds()
  for (const message of messages) {
    node.counters.received++
    if (message.type === "broadcast" || message.type === "waterfall") {
      if (!isFresh(node, peer, message, nowSeconds, uptimeSeconds)) continue
      // Over a link that only claims to be that peer's, it need not have come from there.
      relay(node, link === peer.link || link === peer.spare ? peer : undefined, message)
      handle(node, peer, link, message)
    } else if (message.type === "whisper" || message.type === "renegotiate") {
      const reason = readGoodbye(message) ?? handle(node, peer, link, message)
      if (reason !== undefined) return reason
    } else node.counters.ignored++
    // For what stood before it: the rest is not looked at.
    if (link.closeReason?._tag === "Banned") return link.closeReason
  }
  return undefined
}

/** Not without payload, not too old or too far ahead, and not seen: it is now. */
const isFresh = (
  node: MeshNode,
  from: Peer,
  message: Message,
  nowSeconds: number,
  uptimeSeconds: number
): boolean => {
  const { counters } = node
  if (message.packetCount === 0) return count(counters, "ignored")
  if (message.time < nowSeconds - node.relayWindowSeconds) return count(counters, "expired")
  if (message.time > nowSeconds + node.maxClockSkewSeconds) return count(counters, "fromFuture")
  // What claimed a known id was not checked: it is a copy, even when its id is forgotten this very second.
  const isNew = message.isVerified && node.seen.add(message.idBytes, uptimeSeconds)
  if (isNew) node.freshCount++
  // A copy that crossed this node's own shows as well that the peer passes on what it gets.
  from.usefulSeconds = uptimeSeconds
  from.usefulCount = node.freshCount
  return isNew || count(counters, "duplicates")
}

const count = (counters: MeshNode["counters"], name: keyof MeshNode["counters"]): false => {
  counters[name]++
  return false
}

const relay = (node: MeshNode, from: Peer | undefined, message: Message): void => {
  if (from !== undefined && node.table.count < 2) return
  const outgoing = node.relayed(message)
  for (const peer of node.table.values()) {
    if (peer === from || peer.id === message.sender) continue
    pass(node, peer, outgoing)
    node.counters.relayed++
  }
}

/** What a message asks of this node. A whisper that cannot be understood ends the link. */
const handle = (node: MeshNode, peer: Peer, link: Link, message: Message): CloseReason | undefined => {
  switch (node.services.protocol.subFlag(message.packets)) {
    case "broadcast":
    case "whisper":
      node.deliver(take(node, peer, link, message))
      return undefined
    case "custom":
      handleOwn(node, peer, link, message, decoder.decode(message.payload[0]))
      return undefined
    case "store":
    case "delta":
      // Where the wire has numbers for the shared dictionary, in place of a sub-flag of its own.
      handleOwn(node, peer, link, message, syncSubFlag)
      return undefined
    case "peers":
      return message.type === "whisper" ? takeList(node, peer, link, message) : undefined
    case "response":
      // Without a search there is nothing to be answered: not worth decoding.
      return node.searches.size === 0 ? undefined : handleRouting(node, peer, link, message)
    case "request":
      return handleRouting(node, peer, link, message)
    default:
      // A second handshake cannot change who is at the other end; ping, notify and the chord's
      // words mean nothing here. The originals ignore them as well.
      node.counters.ignored++
      return undefined
  }
}

const decoder = new TextDecoder()

/** A message of a protocol of one's own, which whoever claimed that sub-flag takes. */
const handleOwn = (node: MeshNode, peer: Peer, link: Link, message: Message, subFlag: string): void => {
  const handler = node.handlers.get(subFlag)
  if (handler === undefined) {
    node.counters.ignored++
    return
  }
  const taken = take(node, peer, link, message)
  if (taken === undefined) return
  node.counters.handled++
  handler(taken)
}

const handleRouting = (node: MeshNode, peer: Peer, link: Link, message: Message): CloseReason | undefined => {
  const isWhisper = message.type === "whisper"
  const payload = node.services.protocol.decodePayload(message.packets)
  // Whoever passed on a malformed broadcast need not have made it.
  if (isWireFault(payload)) return isWhisper ? malformed(payload) : undefined
  switch (payload._tag) {
    case "RequestPeers":
      tellPeers(node, peer, link)
      return undefined
    case "Request":
      if (node.allowanceOf(link).searches.take(node.nowMillis())) {
        answer(node, link, payload.requestId, payload.nodeId)
      } else node.throttled(peer, link, "searches")
      return undefined
    case "Response":
      if (payload.address !== null && payload.address.port > 0) {
        const address = node.fromPeer(payload.address, link)
        if (isPlausible(address, link, node.options.dialNames, node.services.transport)) {
          node.searches.get(payload.requestId)?.({ id: payload.nodeId, address })
        }
      }
      return undefined
    default:
      return undefined
  }
}

/** Lists come one for each handshake, and for each request: who sends many more fills address books. */
const takeList = (node: MeshNode, peer: Peer, link: Link, message: Message): CloseReason | undefined => {
  if (!node.allowanceOf(link).lists.take(node.nowMillis())) {
    node.throttled(peer, link, "lists")
    node.guard.offend(link, excessListPoints, () => "it sent too many lists of peers")
    return undefined
  }
  const payload = node.services.protocol.decodePayload(message.packets)
  if (isWireFault(payload)) return malformed(payload)
  if (payload._tag === "Peers") node.learn(payload.peers, link, peer)
  return undefined
}

const malformed = ({ detail, offset, reason }: WireFault): CloseReason => ({
  _tag: "Malformed",
  reason,
  offset,
  detail
})

const tellPeers = (node: MeshNode, peer: Peer, link: Link): void => {
  const now = node.nowMillis()
  const last = node.listedMillis.get(link)
  if (last !== undefined && now - last < listIntervalMillis) return
  node.listedMillis.set(link, now)
  link.tell(node.listFor(link, peer))
}

/**
 * Says where a node can be dialed, to the link that asked: a broadcast on that link alone, which
 * floods back to whoever searches. The originals never answer for themselves; this node does. Of its
 * addresses, those that the searcher can dial. Not where that would fill the link's queue, for answers are never
 * dropped: a peer that has many and reads none would keep broadcasts waiting.
 */
const answer = (node: MeshNode, link: Link, requestId: string, nodeId: string): void => {
  if (requestId.length > maxRequestIdLength || !link.outbox.hasRoom) {
    node.counters.ignored++
    return
  }
  const peer = nodeId === node.id ? undefined : node.table.get(nodeId)
  const known = nodeId === node.id ? node.addresses : peer === undefined ? [] : addressesOf(peer)
  const schemes = schemesIn(requestId)
  const { protocol } = node.services
  for (const address of known) {
    const said = node.toPeer(address, link)
    if (said.port === 0 || !schemes.includes(said.scheme)) continue
    const payload = protocol.encodePayload({ _tag: "Response", requestId, address: said, nodeId })
    const message = link.make("broadcast", payload)
    node.seen.add(message.idBytes, node.uptimeSeconds())
    link.say(message)
  }
}
