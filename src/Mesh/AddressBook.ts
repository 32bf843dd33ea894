/**
 * The addresses a node knows and may dial, with the waits that failed dials earn them. Plain and
 * synchronous: time and chance are arguments.
 */
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { setLatest } from "../Transport/Latest.ts"
import { hostOf } from "../Transport/Source.ts"

/**
 * What is known of one address.
 *
 * @category models
 * @since 0.1.0
 */
export interface KnownAddress {
  readonly address: PeerAddress
  /** The host, in the one spelling in which hosts are compared. */
  readonly host: string
  /** The id that was met there last; else the one that hearsay named first, good for a guess and no more. */
  id: string | undefined
  /** Whether that id was met there. */
  isMet: boolean
  /** Named by the user: never forgotten, dialed whenever no link to it is left. */
  isBootstrap: boolean
  /** Dials that came to nothing, and links that ended soon, since a link there lasted. */
  failureCount: number
  nextDialMillis: number
  /** Until then only a node that lacks links dials it: whoever is there said that its slots were taken. */
  fullUntilMillis: number
  isDialing: boolean
  /** Of hearsay about one host that goes first whose turn is the lowest, of all that was learned or has failed. */
  turn: number
  /** Where the hearsay of it came from; undefined when the node found it out itself. */
  readonly source: string | undefined
}

/**
 * Waits between dials: `baseMillis` doubled for each failure, up to `maxMillis`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Backoff {
  readonly baseMillis: number
  readonly maxMillis: number
}

/**
 * A node that has its share of links and is turned away by one that has no slot waits ever longer, up to
 * the longest wait times this: else all nodes that were given the same bootstrap address dial it twice
 * a minute for ever. Not from the beginning: sybils may hold those links, and the slots there.
 */
const fullWaits = 4

/**
 * What hearsay may fill of an address book: so much of one source, so much on one host. So nobody can fill
 * all of it, or have many nodes dial one host at each of its ports.
 *
 * @category options
 * @since 0.1.0
 */
export interface HearsayLimits {
  readonly maxPerSource: number
  readonly maxPerHost: number
}

/** What is only said to be there. */
export const isHearsay = ({ isBootstrap, isMet, source }: KnownAddress): boolean =>
  source !== undefined && !isMet && !isBootstrap

/** Hosts remembered on which nobody was met; past it the one that was dialed longest ago is forgotten. */
const maxStrangeHosts = 8192

const unlimited: HearsayLimits = { maxPerSource: Number.POSITIVE_INFINITY, maxPerHost: Number.POSITIVE_INFINITY }

/**
 * Known addresses, bounded in number: past `maxCount` the one learned longest ago goes, unless it
 * is being dialed or the user named it.
 *
 * @category models
 * @since 0.1.0
 */
export class AddressBook {
  readonly #maxCount: number
  readonly #backoff: Backoff
  readonly #limits: HearsayLimits
  readonly #known = new Map<string, KnownAddress>()
  /** Those of them that the user named: a node that has its share of links looks at no others. */
  readonly #bootstrap = new Map<string, KnownAddress>()
  /** How many of them one source told, and how many are on one host. */
  readonly #countBySource = new Map<string, number>()
  readonly #countByHost = new Map<string, number>()
  /**
   * Hosts where hearsay led nowhere: what is said to be there waits as long, whichever address failed, and also what is
   * said anew once it was forgotten. Else whoever names many ports of a victim had it dialed without waits.
   */
  readonly #strangeHosts = new Map<string, Pick<KnownAddress, "failureCount" | "nextDialMillis">>()
  #turnCount = 0

  constructor(maxCount: number, backoff: Backoff, limits: HearsayLimits = unlimited) {
    this.#maxCount = maxCount
    this.#backoff = backoff
    this.#limits = limits
  }

  get count(): number {
    return this.#known.size
  }

  get(address: PeerAddress): KnownAddress | undefined {
    return this.#known.get(format(address))
  }

  /** The address under which a node was announced or met. */
  findById(id: string): KnownAddress | undefined {
    for (const known of this.#known.values()) {
      if (known.id === id) return known
    }
    return undefined
  }

  /**
   * Remembers an address; `true` when it was not known. An id once met there is not overwritten by hearsay.
   * `source`: who told of it, for hearsay, which is bounded.
   */
  learn(address: PeerAddress, id: string | undefined, source?: string): boolean {
    const key = format(address)
    const known = this.#known.get(key)
    if (known !== undefined) {
      known.id ??= id
      return false
    }
    const host = hostOf(address.hostname)
    if (source !== undefined) {
      if ((this.#countByHost.get(host) ?? 0) >= this.#limits.maxPerHost) return false
      this.#makeRoom(() => this.#countBySource.get(source) ?? 0, this.#limits.maxPerSource, source)
    }
    this.#makeRoom(() => this.#known.size, this.#maxCount)
    this.#count(this.#countByHost, host, 1)
    this.#count(this.#countBySource, source, 1)
    this.#known.set(key, {
      address,
      host,
      id,
      isMet: false,
      isBootstrap: false,
      failureCount: 0,
      nextDialMillis: source === undefined ? 0 : this.#strangeHosts.get(host)?.nextDialMillis ?? 0,
      fullUntilMillis: 0,
      isDialing: false,
      turn: ++this.#turnCount,
      source
    })
    return true
  }

  /** The user named this address: it stays, and is dialed whenever no link to it is left. */
  keep(address: PeerAddress): KnownAddress {
    const key = format(address)
    this.learn(address, undefined)
    const known = this.#known.get(key)!
    known.isBootstrap = true
    this.#bootstrap.set(key, known)
    return known
  }

  forget(address: PeerAddress): void {
    this.#remove(format(address))
  }

  /**
   * A node answered there, or said from that very host that it does (`source`, as in `learn`). It may hang up at
   * once: the failures still count until the link has lasted.
   */
  met(address: PeerAddress, id: string, source?: string): void {
    this.learn(address, id, source)
    const known = this.get(address)
    if (known === undefined) return
    known.id = id
    known.isMet = true
    known.nextDialMillis = 0
    this.#strangeHosts.delete(known.host)
  }

  /** A link to that address has been of use: whatever failed before it counts no more. */
  lasted(address: PeerAddress): void {
    const known = this.get(address)
    if (known !== undefined) known.failureCount = 0
  }

  /** A dial came to nothing, or the link did not last; `chance` in 0 to 1 spreads the waits by a fifth each way. */
  failed(address: PeerAddress, nowMillis: number, chance: number): void {
    const known = this.get(address)
    if (known === undefined) return
    const isHeard = isHearsay(known)
    const waiting = isHeard ? this.#strangeHosts.get(known.host) ?? { failureCount: 0, nextDialMillis: 0 } : known
    waiting.nextDialMillis = nowMillis + this.#wait(waiting, this.#backoff.maxMillis, chance)
    waiting.failureCount++
    if (!isHeard) return
    known.failureCount++
    known.turn = ++this.#turnCount
    setLatest(this.#strangeHosts, known.host, waiting, maxStrangeHosts)
    for (const other of this.#known.values()) {
      if (other.host === known.host && isHearsay(other)) other.nextDialMillis = waiting.nextDialMillis
    }
  }

  /** A dial met a node that has no slot for this one; `chance` as in `failed`. */
  turnedAway(address: PeerAddress, nowMillis: number, chance: number): void {
    const known = this.get(address)
    if (known === undefined) return
    known.fullUntilMillis = nowMillis + this.#wait(known, fullWaits * this.#backoff.maxMillis, chance)
    this.failed(address, nowMillis, chance)
  }

  /** The peer does not want the link: no dial of the node's own accord for the longest wait. */
  rest(address: PeerAddress, nowMillis: number): void {
    const known = this.get(address)
    if (known !== undefined) known.nextDialMillis = nowMillis + this.#backoff.maxMillis
  }

  /** The user does not want the link: as `rest`, and the node does not keep to the address any more. */
  release(address: PeerAddress, nowMillis: number): void {
    this.rest(address, nowMillis)
    const known = this.get(address)
    if (known !== undefined) known.isBootstrap = false
    this.#bootstrap.delete(format(address))
  }

  /** What may be dialed, in the order it was learned: not under way, and not `isLinked`. */
  candidates(isLinked: (known: KnownAddress, text: string) => boolean, isBootstrapOnly = false): Array<KnownAddress> {
    const found: Array<KnownAddress> = []
    const from = isBootstrapOnly ? this.#bootstrap : this.#known
    // Not by entries: a pair for each address is much garbage.
    from.forEach((known, text) => {
      if (!known.isDialing && !isLinked(known, text)) found.push(known)
    })
    return found
  }

  /**
   * Of what is to be dialed, all but hearsay, and of that one address of each host: the one that waited longest, so that
   * what liars tell anew goes behind it; none while another one is dialed there.
   */
  byTurns(due: ReadonlyArray<KnownAddress>): ReadonlyArray<KnownAddress> {
    // A node that has its share of links looks at no others, and wakes often.
    if (due.length === 0) return due
    const turns = new Map<unknown, KnownAddress>()
    const dialing = [...this.#known.values()].filter((known) => known.isDialing)
    for (const known of [...dialing, ...due]) {
      const turn = isHearsay(known) ? known.host : known
      const other = turns.get(turn)
      if (other && (other.isDialing || other.turn <= known.turn)) continue
      turns.set(turn, known)
    }
    return [...turns.values()].filter((known) => !known.isDialing)
  }

  #wait({ failureCount }: Pick<KnownAddress, "failureCount">, maxMillis: number, chance: number): number {
    return Math.round(
      Math.min(maxMillis, this.#backoff.baseMillis * 2 ** Math.min(30, failureCount)) * (0.8 + 0.4 * chance)
    )
  }

  /** For one more: forgets the oldest of all, or of those that one source told, those as well that were dialed when it was their turn. */
  #makeRoom(count: () => number, maxCount: number, source?: string): void {
    if (count() < maxCount) return
    for (const [key, known] of this.#known) {
      if (known.isBootstrap || known.isDialing || (source !== undefined && known.source !== source)) continue
      this.#remove(key)
      if (count() < maxCount) return
    }
  }

  #remove(key: string): void {
    const known = this.#known.get(key)
    if (known === undefined) return
    this.#known.delete(key)
    this.#bootstrap.delete(key)
    this.#count(this.#countByHost, known.host, -1)
    this.#count(this.#countBySource, known.source, -1)
  }

  #count(counts: Map<string, number>, name: string | undefined, change: number): void {
    if (name === undefined) return
    const count = (counts.get(name) ?? 0) + change
    if (count > 0) counts.set(name, count)
    else counts.delete(name)
  }
}
