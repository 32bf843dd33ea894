/**
 * Where linked nodes can be dialed, as far as it is proven. What a peer says of its address may be
 * a lie: one that names the address of a bootstrap node would keep this node from dialing that one.
 * So an address counts as linked when this node dialed it, or when the connection comes from the
 * host that is announced; what is only announced is hearsay, like an entry in a list of peers.
 */
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { isProxied } from "../../Transport/Admission/Hearsay.ts"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import { isWord } from "../../Transport/Goodbye.ts"
import type { PeerIdentity } from "../../Transport/Handshake.ts"
import type { Link } from "../../Transport/Link.ts"
import { leadsTo } from "../../Transport/Source.ts"
import type { Waiting } from "../../Transport/Waiting.ts"
import type { KnownAddress } from "../AddressBook.ts"
import { addressesOf, type Admission, type Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"

/** A link that ends sooner was of no use: its address keeps the wait that it had earned. In seconds. */
const lastingSeconds = 5

/** Notes the addresses of a link that was admitted, or refused since there are two to that peer already. */
export const file = (
  node: MeshNode,
  identity: PeerIdentity,
  link: Link,
  dialed: PeerAddress | undefined,
  admission: Admission
): void => {
  const { id } = identity
  const proven = dialed === undefined ? [] : [dialed]
  for (const address of addressesOf(identity)) {
    if (!node.canDial(address)) continue
    if (leadsTo(link, address.hostname) && !isProxied(link)) proven.push(address)
    else node.hear(address, id, link)
  }
  for (const place of proven) node.book.met(place, id, place === dialed ? undefined : node.sourceOf(place, link))
  node.places.set(link, new Map(proven.map((address) => [format(address), address])))
  if (dialed === undefined || admission._tag === "Joined") return
  // Another link to that id stays until the contest is settled: whether it leads there too is not said.
  if (isSameEnd(admission.peer.link, link)) prove(node, admission.peer, dialed)
  else failed(node, dialed)
}

/** The peer's link leads to that address. */
export const prove = (node: MeshNode, peer: Peer, address: PeerAddress): void => {
  node.places.set(peer.link, new Map([...node.places.get(peer.link) ?? [], [format(address), address]]))
}

/** Whether both links were dialed by this node, or lead to the same host. */
export const isSameEnd = (one: Link, other: Link): boolean =>
  one.direction === "outbound" && other.direction === "outbound" ||
  leadsTo(one, other.remote.hostname) || leadsTo(other, one.remote.hostname)

/** The peer whose link leads to that address. */
export const peerAt = (node: MeshNode, address: PeerAddress): Peer | undefined => peerAtText(node, format(address))

const peerAtText = (node: MeshNode, text: string): Peer | undefined => {
  for (const peer of node.table.values()) {
    if (node.places.get(peer.link)?.has(text) === true) return peer
  }
  return undefined
}

/**
 * What the node may dial: not where links lead, nor, unless the user named that address, where a linked node was met
 * before or announces that it is. What others say of whose an address is does not count: one peer could say of all that
 * they are its own. Nor, while it has links, where it met itself: behind one name there may be several nodes.
 */
export const candidates = (node: MeshNode, isBootstrapOnly: boolean): Array<KnownAddress> => {
  const isLeftOut = (text: string) => node.table.count > 0 && node.ownAddresses.has(text)
  if (isBootstrapOnly) {
    return node.book.candidates((_, text) => isLeftOut(text) || peerAtText(node, text) !== undefined, true)
  }
  const linked = new Set<string>()
  const announced = new Set<string>()
  for (const peer of node.table.values()) {
    for (const text of node.places.get(peer.link)?.keys() ?? []) linked.add(text)
    for (const address of addressesOf(peer)) announced.add(format(address))
  }
  const isOfLinked = ({ id, isMet }: KnownAddress, text: string) =>
    announced.has(text) || (isMet && id !== undefined && node.table.get(id) !== undefined)
  return node.book.candidates((known, text) =>
    linked.has(text) || isLeftOut(text) || (!known.isBootstrap && isOfLinked(known, text))
  )
}

/** What may be dialed, but not yet. A node that has its share of links waits longer where it was turned away. */
export const waiting = (node: MeshNode): ReadonlyArray<Waiting> => {
  const now = node.nowMillis()
  const hasShare = node.table.countOf("outbound") >= node.options.maxOutboundLinks
  const found = candidates(node, hasShare).map(({ address, failureCount, fullUntilMillis, nextDialMillis }) => ({
    address,
    failureCount,
    leftMillis: (hasShare ? Math.max(nextDialMillis, fullUntilMillis) : nextDialMillis) - now
  }))
  return found.filter(({ leftMillis }) => leftMillis > 0).toSorted((a, b) => a.leftMillis - b.leftMillis)
}

/** The user does not want a link: where it was dialed, the node does not dial for a while, nor keep to it. */
export const release = (node: MeshNode, link: Link): void => {
  for (const address of node.places.get(link)?.values() ?? []) node.book.release(address, node.nowMillis())
}

/** The node gives a peer up: it counts no more from here on, and its links are for the caller to close. */
export const drop = (node: MeshNode, peer: Peer, reason: CloseReason): void => {
  node.table.drop(peer)
  left(node, peer, peer.link, reason)
  node.emit({ _tag: "PeerLeft", id: peer.id, address: peer.address, reason })
}

/** The last link to a peer has ended: whether it is worth dialing again, and when. */
export const left = (node: MeshNode, peer: Peer, link: Link, reason: CloseReason): void => {
  const { book } = node
  const hasLasted = node.uptimeSeconds() - peer.joinedSeconds >= lastingSeconds
  for (const address of node.places.get(link)?.values() ?? []) {
    if (hasLasted) book.lasted(address)
    if (reason._tag === "Disconnected") book.release(address, node.nowMillis())
    else if (isWord(reason, "Disconnected")) book.rest(address, node.nowMillis())
    else if (isWord(reason, "Stopped") && book.get(address)?.isBootstrap !== true) book.forget(address)
    else failed(node, address)
  }
}

const failed = (node: MeshNode, address: PeerAddress): void =>
  node.book.failed(address, node.nowMillis(), node.services.random.nextDoubleUnsafe())
