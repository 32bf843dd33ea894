/**
 * Who made a message: how this node signs its own, and what it takes those of others for. A signature
 * counts only from the key that the sender's id follows from, so nobody can sign for another, nor pass
 * on what another signed as their own.
 */
import type { Message } from "../../Protocol/Message.ts"
import type { Packet } from "../../Protocol/Packet.ts"
import * as Signature from "../../Protocol/Signature.ts"
import type { Link } from "../../Transport/Link.ts"
import { MeshMessage, type Proof } from "../MeshMessage.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"
import { proofRefused, type Reason } from "./Refusals.ts"

/** What a signature adds to a message, at most, in bytes. */
export const maxSignatureBytes = 256

/** Points for a whisper with a wrong signature, which no honest node sends. */
const forgedPoints = 10

const encoder = new TextEncoder()

/** A message of this node's own, signed when it signs. `receiver` is empty for a broadcast. */
export const make = (
  node: MeshNode,
  kind: "broadcast" | "whisper",
  receiver: string,
  payload: ReadonlyArray<Packet>,
  time: number
): Message => {
  const { protocol, random, signing } = node.services
  if (signing?.sign === undefined || signing.publicKey === undefined) {
    return protocol.make(kind, node.id, payload, time)
  }
  const nonce = (random.nextIntUnsafe() >>> 0).toString(36)
  const bytes = Signature.toBytes({
    networkId: node.networkId,
    kind,
    receiver,
    sender: encoder.encode(node.id),
    time: BigInt(time),
    nonce,
    payload,
    isTyped: protocol.isTyped
  })
  const packet = Signature.toPacket({ publicKey: signing.publicKey, nonce, signature: signing.sign(bytes) })
  return protocol.make(kind, node.id, [...payload, packet], time)
}

/** The message as the application gets it; undefined when it is refused, which is counted and told. */
export const take = (node: MeshNode, peer: Peer, link: Link, message: Message): MeshMessage | undefined => {
  const isSigned = Signature.isSigned(message.payload)
  const verdict = isSigned && node.services.signing !== undefined
    ? check(node, link, message)
    : byLink(peer, link, message)
  if (verdict === "proven") remember(node, message.sender)
  else if (verdict !== "claimed") {
    if (verdict === "Forged" && message.type === "whisper") blame(node, link)
    return proofRefused(node, peer, link, verdict, message.sender)
  } else if (isProofDue(node, message)) return proofRefused(node, peer, link, "Unproven", message.sender)
  const packetCount = message.payload.length - (isSigned ? 1 : 0)
  return new MeshMessage(message, peer.id, verdict, node.services.protocol.valueOf, packetCount)
}

/**
 * Nobody passes on whispers: whoever is at the other end made it, where a broadcast may have come through honest
 * hands. One ban is enough for all that comes in one go.
 */
const blame = (node: MeshNode, link: Link): void => {
  if (node.guard.refusalOf(link.remote.hostname, undefined) !== undefined) return
  node.guard.offend(link, forgedPoints, () => "a signature that is not the sender's")
}

/** What comes over the sender's own link is from the sender, where the transport proved whose it is. */
const byLink = (peer: Peer, link: Link, message: Message): Proof =>
  link.identity !== undefined && message.sender === peer.id ? "proven" : "claimed"

const check = (node: MeshNode, link: Link, message: Message): Proof | Reason => {
  const { protocol, signing } = node.services
  const found = Signature.read(message.payload)
  if (found === undefined || signing === undefined) return "Forged"
  // The author may be of another network, from where a node that stands in both relayed it.
  const networkId = node.networkIds.find((id) => protocol.identityId(found.publicKey, id) === message.sender)
  if (networkId === undefined) return "Forged"
  const kind = message.type === "broadcast" || message.type === "waterfall" ? "broadcast" : "whisper"
  const bytes = Signature.toBytes({
    networkId,
    kind,
    receiver: kind === "whisper" ? node.id : "",
    sender: message.senderBytes,
    time: message.exactTime,
    nonce: found.nonce,
    payload: message.packets.slice(0, -1),
    isTyped: protocol.isTyped
  })
  node.allowanceOf(link).signatureChecked()
  if (!signing.verify(found.publicKey, found.signature, bytes)) return "Forged"
  return isFresh(node, kind, message, found.signature) ? "proven" : "Replayed"
}

/**
 * Of whispers the protocol asks nothing. Broadcasts were looked at before they were relayed, but by ids, and
 * where the wire is typed a relay can write the same message in other bytes, with another id: what cannot
 * be written otherwise is the signature.
 */
const isFresh = (
  node: MeshNode,
  kind: "broadcast" | "whisper",
  message: Message,
  signature: Uint8Array
): boolean => {
  const now = node.nowSeconds()
  if (message.time < now - node.relayWindowSeconds || message.time > now + node.maxClockSkewSeconds) return false
  return node.seenSignatures[kind].add(signature, node.uptimeSeconds())
}

const remember = (node: MeshNode, sender: string): void => {
  if (node.provenIds.size < node.options.maxProvenIds) node.provenIds.add(sender)
}

const isProofDue = (node: MeshNode, message: Message): boolean => {
  const { requireProof } = node.options
  return requireProof === "always" || (requireProof === "known" && node.provenIds.has(message.sender))
}
