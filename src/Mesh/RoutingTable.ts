/**
 * The peers a node has links to, by id, and the rule for two links between the same two nodes.
 *
 * Between two of ours both ends keep the same one: the one dialed by the node with the higher id;
 * of two dialed by the same node, the newer, since a node dials again only when it has lost the
 * older. Towards an original node, which has rules of its own (protocol 0.4, section 7), the first
 * link stays in use, the second is read and takes over when the first goes.
 */
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import type { PeerIdentity } from "../Transport/Handshake.ts"
import type { Link } from "../Transport/Link.ts"

/**
 * A node this one has a link to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly id: string
  /** Where it can be dialed, as it said itself. */
  readonly address: PeerAddress | undefined
  /** The link in use. */
  link: Link
  /** A second link of an original node, read but not written to. */
  spare: Link | undefined
  /** It takes less than it is sent: broadcasts no longer wait for it. */
  isSlow: boolean
  /** A fiber watches whether it catches up. */
  isWatched: boolean
}

/**
 * What became of a new link: the peer is new; the link takes the place of `replaced`; it is a
 * spare one; or it is to be closed, since another link to that peer stays.
 *
 * @category models
 * @since 0.1.0
 */
export type Admission =
  | { readonly _tag: "Joined"; readonly peer: Peer }
  | { readonly _tag: "Replaced"; readonly peer: Peer; readonly replaced: Link }
  | { readonly _tag: "Spare"; readonly peer: Peer }
  | { readonly _tag: "Refused"; readonly peer: Peer }

/**
 * The routing table of one node.
 *
 * @category models
 * @since 0.1.0
 */
export class RoutingTable {
  readonly #ownId: string
  readonly #peers = new Map<string, Peer>()

  constructor(ownId: string) {
    this.#ownId = ownId
  }

  get count(): number {
    return this.#peers.size
  }

  get(id: string): Peer | undefined {
    return this.#peers.get(id)
  }

  /** All peers, in the order in which they joined. */
  values(): IterableIterator<Peer> {
    return this.#peers.values()
  }

  /** How many peers are reached over a connection opened in that direction. */
  countOf(direction: Link["direction"]): number {
    let count = 0
    for (const peer of this.#peers.values()) {
      if (peer.link.direction === direction) count++
    }
    return count
  }

  /** Files a link whose handshake is done. */
  admit(identity: PeerIdentity, link: Link): Admission {
    const peer = this.#peers.get(identity.id)
    if (peer === undefined) {
      const joined: Peer = { ...identity, link, spare: undefined, isSlow: false, isWatched: false }
      this.#peers.set(identity.id, joined)
      return { _tag: "Joined", peer: joined }
    }
    if (!link.capabilities.extended || !peer.link.capabilities.extended) {
      if (peer.spare !== undefined) return { _tag: "Refused", peer }
      peer.spare = link
      return { _tag: "Spare", peer }
    }
    if (!this.#isPreferred(peer, link)) return { _tag: "Refused", peer }
    const replaced = peer.link
    peer.link = link
    return { _tag: "Replaced", peer, replaced }
  }

  #isPreferred(peer: Peer, link: Link): boolean {
    if (link.direction !== peer.link.direction) {
      const dialer = link.direction === "outbound" ? this.#ownId : peer.id
      const other = link.direction === "outbound" ? peer.id : this.#ownId
      return isHigher(dialer, other)
    }
    return dialOrder(link) > dialOrder(peer.link)
  }

  /** Takes a link out that has ended. `"left"` when it was the last one to that peer. */
  remove(peer: Peer, link: Link): "left" | "kept" {
    if (peer.spare === link) {
      peer.spare = undefined
      return "kept"
    }
    if (peer.link !== link) return "kept"
    if (peer.spare !== undefined) {
      peer.link = peer.spare
      peer.spare = undefined
      return "kept"
    }
    this.#peers.delete(peer.id)
    return "left"
  }
}

/** When the dialer opened it, in the dialer's own count: both ends know it. */
const dialOrder = (link: Link): number => link.direction === "outbound" ? link.key : Number(link.capabilities.nonce)

/** Base 58 ids as numbers: the alphabet is in the order of its character codes. */
const isHigher = (a: string, b: string): boolean => a.length === b.length ? a > b : a.length > b.length
