/**
 * The links of one node, by the addresses that calls go to. One link serves the calls of both ends.
 *
 * When two nodes dial each other at the same moment both links stay, so that no call is lost; for new
 * calls both ends take the one dialed by the node with the higher id, and the other one falls idle.
 */
import type { CloseReason } from "../../Transport/CloseReason.ts"
import type { PeerIdentity } from "../../Transport/Handshake.ts"
import type { Link } from "../../Transport/Link.ts"
import type { CallLink } from "./PendingCalls.ts"
import type { RoundTrip } from "./RoundTrip.ts"

/** A link whose handshake is done. */
export interface PeerLink extends CallLink {
  readonly peer: PeerIdentity
  readonly link: Link
  /** The addresses that are known to lead to this node, as texts. */
  readonly keys: ReadonlyArray<string>
  readonly roundTrip: RoundTrip
  /** When the last call or answer went either way, in milliseconds of the node's clock that only grows. */
  lastUsedMillis: number
  /** When the first call went out after the last word of the peer, if one did. */
  unheardSinceMillis: number
  /** Calls of the peer that are in work, and calls of this node that wait. */
  readonly isBusy: boolean
  /** Why the link ends, or has ended; undefined while it is in use. */
  readonly closeReason: CloseReason | undefined
  /** Ends the link in order. Only the first reason counts. */
  readonly close: (reason: CloseReason) => void
  /** Has the link closed when its queue stays more than half full. */
  readonly watch: () => void
}

export class PeerPool {
  readonly #ownId: string
  readonly #all = new Set<PeerLink>()
  /** Nearly always one; of several, that for new calls first. */
  readonly #byAddress = new Map<string, ReadonlyArray<PeerLink>>()
  /** Accepted links, by where they come from. */
  readonly #bySource = new Map<string, number>()
  #inboundCount = 0

  constructor(ownId: string) {
    this.#ownId = ownId
  }

  /** The link for calls to an address. */
  get(address: string): PeerLink | undefined {
    return this.#byAddress.get(address)?.[0]
  }

  /** All links, in the order in which they were made. */
  values(): IterableIterator<PeerLink> {
    return this.#all.values()
  }

  get count(): number {
    return this.#all.size
  }

  countOf(direction: Link["direction"]): number {
    return direction === "inbound" ? this.#inboundCount : this.#all.size - this.#inboundCount
  }

  /** How many links have come from a source. */
  countFrom(source: string): number {
    return this.#bySource.get(source) ?? 0
  }

  add(peerLink: PeerLink): void {
    this.#all.add(peerLink)
    this.#tally(peerLink, 1)
    for (const key of peerLink.keys) {
      const others = this.#byAddress.get(key) ?? []
      const isFirst = others[0] === undefined || this.#isPreferred(others[0], peerLink)
      this.#byAddress.set(key, isFirst ? [peerLink, ...others] : [...others, peerLink])
    }
  }

  /** Another link to the same address takes its place. */
  remove(peerLink: PeerLink): void {
    if (!this.#all.delete(peerLink)) return
    this.#tally(peerLink, -1)
    for (const key of peerLink.keys) {
      const others = (this.#byAddress.get(key) ?? []).filter((other) => other !== peerLink)
      if (others.length === 0) this.#byAddress.delete(key)
      else this.#byAddress.set(key, others)
    }
  }

  /** Of the links dialed by that side and idle, the one used longest ago; of one source, if it is given. */
  leastRecentlyUsed(direction: Link["direction"], source?: string): PeerLink | undefined {
    let oldest: PeerLink | undefined
    for (const candidate of this.#all) {
      if (candidate.link.direction !== direction || candidate.isBusy) continue
      if (source !== undefined && candidate.link.source !== source) continue
      if (oldest === undefined || candidate.lastUsedMillis < oldest.lastUsedMillis) oldest = candidate
    }
    return oldest
  }

  #tally({ link: { direction, source } }: PeerLink, change: 1 | -1): void {
    if (direction === "outbound") return
    this.#inboundCount += change
    const count = this.countFrom(source) + change
    if (count === 0) this.#bySource.delete(source)
    else this.#bySource.set(source, count)
  }

  #isPreferred(known: PeerLink, other: PeerLink): boolean {
    const isOutbound = other.link.direction === "outbound"
    // Who was just dialed at an address is who lives there; who comes from there only says so.
    if (known.peer.id !== other.peer.id) return isOutbound
    if (known.link.direction === other.link.direction) return true
    return isOutbound === isHigher(this.#ownId, other.peer.id)
  }
}

/** Base 58 ids as numbers: the alphabet is in the order of its character codes. */
const isHigher = (a: string, b: string): boolean => a.length === b.length ? a > b : a.length > b.length
