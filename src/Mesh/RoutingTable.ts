/**
 * The peers a node has links to, by id, and the rule for two links to the same id.
 *
 * An id is a claim that anybody can make, so no link replaces another on its word alone: the newer
 * one contends, is read but not written to, and takes over when the older one has ended or does not
 * answer (`internal/Contest.ts`). Of two live links between two of ours, the end with the higher id
 * closes the one it admitted last, and the other end goes by that, so that both keep the same one.
 * Towards an original node, which has rules of its own (`docs/protocol.md`, "What ours say to each other") and answers no
 * pings, the first link stays in use, the second is read and takes over when the first goes.
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
  /** Where it can be dialed, as it said itself over that link. */
  address: PeerAddress | undefined
  /** Where else it can be dialed: by other transports. */
  furtherAddresses: ReadonlyArray<PeerAddress>
  /** The link in use. */
  link: Link
  /** A second link of an original node, read but not written to. */
  spare: Link | undefined
  /** A second link of one of ours, read but not written to, until it is decided which one stays. */
  contender: Link | undefined
  /** It takes less than it is sent: broadcasts no longer wait for it. */
  isSlow: boolean
  /** It was behind for longer than broadcasts wait. */
  hasLagged: boolean
  /** A fiber watches whether it catches up. */
  isWatched: boolean
  /** When it joined, and when it last passed on a broadcast, new or not, in seconds of uptime. */
  readonly joinedSeconds: number
  usefulSeconds: number
  /** How many new broadcasts the node had got by then. */
  usefulCount: number
}

/**
 * All addresses of a peer, as it said itself.
 *
 * @category models
 * @since 0.1.0
 */
export const addressesOf = (
  peer: { readonly address: PeerAddress | undefined; readonly furtherAddresses: ReadonlyArray<PeerAddress> }
): ReadonlyArray<PeerAddress> =>
  peer.address === undefined ? peer.furtherAddresses : [peer.address, ...peer.furtherAddresses]

/**
 * What became of a new link: the peer is new; it is a spare one; it contends with the link there
 * is; or it is to be closed, since two links to that peer are enough.
 *
 * @category models
 * @since 0.1.0
 */
export type Admission =
  | { readonly _tag: "Joined"; readonly peer: Peer }
  | { readonly _tag: "Spare"; readonly peer: Peer }
  | { readonly _tag: "Contends"; readonly peer: Peer }
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
  /** What was said over each link: a node that came back may be elsewhere. */
  readonly #identities = new WeakMap<Link, PeerIdentity>()

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

  /** How many peers have come from a source. */
  countFrom(source: string): number {
    let count = 0
    for (const { link } of this.#peers.values()) {
      if (link.direction === "inbound" && link.source === source) count++
    }
    return count
  }

  /** Whether it is this node that closes one of two live links to that peer. */
  isDecider(peer: Peer): boolean {
    return isHigher(this.#ownId, peer.id)
  }

  /** Files a link whose handshake is done; `uptimeSeconds` and `freshCount` as in `Peer`. */
  admit(identity: PeerIdentity, link: Link, uptimeSeconds: number, freshCount: number): Admission {
    this.#identities.set(link, identity)
    const peer = this.#peers.get(identity.id)
    if (peer === undefined) {
      const joined: Peer = {
        ...identity,
        link,
        spare: undefined,
        contender: undefined,
        isSlow: false,
        hasLagged: false,
        isWatched: false,
        joinedSeconds: uptimeSeconds,
        usefulSeconds: uptimeSeconds,
        usefulCount: freshCount
      }
      this.#peers.set(identity.id, joined)
      return { _tag: "Joined", peer: joined }
    }
    const slot = link.capabilities.extended && peer.link.capabilities.extended ? "contender" : "spare"
    if (peer[slot] !== undefined) return { _tag: "Refused", peer }
    peer[slot] = link
    return { _tag: slot === "spare" ? "Spare" : "Contends", peer }
  }

  /** The contender takes over; gives the link that is to be closed. */
  replace(peer: Peer): Link {
    const replaced = peer.link
    this.#use(peer, peer.contender ?? replaced)
    peer.contender = undefined
    return replaced
  }

  /**
   * Takes a link out that has ended. `"left"` when it was the last one to that peer, `"kept"` when
   * another one is left or the peer had been taken out before.
   */
  remove(peer: Peer, link: Link): "left" | "kept" {
    if (peer.spare === link) peer.spare = undefined
    else if (peer.contender === link) peer.contender = undefined
    else if (peer.link === link) {
      const heir = peer.contender ?? peer.spare
      if (heir === undefined) return this.drop(peer) ? "left" : "kept"
      if (heir === peer.contender) peer.contender = undefined
      else peer.spare = undefined
      this.#use(peer, heir)
    }
    return "kept"
  }

  #use(peer: Peer, link: Link): void {
    peer.link = link
    const { address, furtherAddresses } = this.#identities.get(link) ?? peer
    peer.address = address
    peer.furtherAddresses = furtherAddresses
  }

  /** Takes a peer out, whatever links it has; `false` when it was out. */
  drop(peer: Peer): boolean {
    return this.#peers.get(peer.id) === peer && this.#peers.delete(peer.id)
  }
}

/**
 * All links to a peer, the one in use first.
 *
 * @category models
 * @since 0.1.0
 */
export const linksOf = ({ contender, link, spare }: Peer): ReadonlyArray<Link> =>
  [link, spare, contender].filter((each) => each !== undefined)

/** Base 58 ids as numbers: the alphabet is in the order of its character codes. */
const isHigher = (a: string, b: string): boolean => a.length === b.length ? a > b : a.length > b.length
