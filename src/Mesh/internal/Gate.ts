/**
 * Whom a node lets in: accepted connections are looked at before anything is read from them. What a
 * source may have is bounded by its share, so that one of them cannot take what is there for all; when
 * the sum is used up, the source that has most of it makes room.
 *
 * Connections from this machine itself are not told apart by source (`limitsLoopback`): behind a proxy
 * all of them come from here.
 */
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import type { Link } from "../../Transport/Link.ts"
import { reachOf, sourceOf } from "../../Transport/Source.ts"
import { TokenBucket } from "../../Transport/TokenBucket.ts"
import type { MeshNode } from "./MeshNode.ts"

/** Sources whose rates are remembered; past it those go that have been quiet, or else the oldest. */
const maxSources = 4096
/** Connections of one source that are let in at once after a quiet time, in seconds' worth. */
const burstSeconds = 4

/** A connection that has not shown who it is. */
export interface Pending {
  readonly source: string
  readonly isLimited: boolean
  /** Ends it to make room; set once it has a link. */
  end: ((reason: CloseReason) => void) | undefined
}

export class Gate {
  readonly #node: MeshNode
  /** Oldest first. */
  readonly #pending = new Set<Pending>()
  readonly #rates = new Map<string, TokenBucket>()

  constructor(node: MeshNode) {
    this.#node = node
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /** Whether the limits for a single source hold there. */
  isLimited({ hostname }: PeerAddress): boolean {
    return this.#node.options.limitsLoopback || reachOf(hostname) !== "loopback"
  }

  /** A place for a connection that has to show who it is, or why it gets none. */
  admit(remote: PeerAddress): Pending | CloseReason {
    const { bans, options } = this.#node
    const source = sourceOf(remote)
    const isLimited = this.isLimited(remote)
    const now = this.#node.nowMillis()
    const ban = bans.find({ _tag: "Source", source }, now)
    if (ban !== undefined) return { _tag: "Banned", target: source, why: ban.why }
    if (isLimited && !this.#rateOf(source, now).take(now)) {
      return { _tag: "TooManyConnects", source, perSecond: options.maxConnectsPerSource }
    }
    const limit = options.maxPendingPerSource
    if (isLimited && this.#countOf(source) >= limit) return { _tag: "SourceFull", source, slots: "handshakes", limit }
    if (this.#pending.size >= options.maxPendingHandshakes && !this.#makeRoom(source, now)) {
      return { _tag: "Full", limit: options.maxPendingHandshakes }
    }
    const pending: Pending = { source, isLimited, end: undefined }
    this.#pending.add(pending)
    return pending
  }

  settle(pending: Pending): void {
    this.#pending.delete(pending)
  }

  /** Why a link whose handshake is done gets no place among those of its source. */
  refuseLink(link: Link): CloseReason | undefined {
    const { options, table } = this.#node
    if (link.direction === "outbound" || !this.isLimited(link.remote)) return undefined
    const source = sourceOf(link.remote)
    let count = 0
    for (const peer of table.values()) {
      if (peer.link.direction === "inbound" && sourceOf(peer.link.remote) === source) count++
    }
    const limit = options.maxLinksPerSource
    return count < limit ? undefined : { _tag: "SourceFull", source, slots: "links", limit }
  }

  #countOf(source: string): number {
    let count = 0
    for (const pending of this.#pending) {
      if (pending.source === source) count++
    }
    return count
  }

  /** Ends the oldest connection of the source that has most of them, or the worst name; `false` if that is the newcomer's own. */
  #makeRoom(newcomer: string, now: number): boolean {
    const counts = new Map<string, number>()
    for (const { source } of this.#pending) counts.set(source, (counts.get(source) ?? 0) + 1)
    const weightOf = (source: string, count: number) => count * (1 + this.#node.reputation.scoreOf(source, now))
    let worst = newcomer
    let worstWeight = weightOf(newcomer, (counts.get(newcomer) ?? 0) + 1)
    for (const [source, count] of counts) {
      const weight = weightOf(source, count)
      if (weight <= worstWeight) continue
      worst = source
      worstWeight = weight
    }
    if (worst === newcomer) return false
    for (const pending of this.#pending) {
      if (pending.source !== worst || pending.end === undefined) continue
      this.#pending.delete(pending)
      pending.end({ _tag: "Full", limit: this.#node.options.maxPendingHandshakes })
      return true
    }
    return false
  }

  #rateOf(source: string, now: number): TokenBucket {
    const known = this.#rates.get(source)
    if (known !== undefined) return known
    if (this.#rates.size >= maxSources) this.#forget(now)
    const perSecond = this.#node.options.maxConnectsPerSource
    const rate = new TokenBucket(perSecond, perSecond * burstSeconds, now)
    this.#rates.set(source, rate)
    return rate
  }

  #forget(now: number): void {
    for (const [source, rate] of this.#rates) {
      if (rate.isFull(now)) this.#rates.delete(source)
    }
    if (this.#rates.size < maxSources) return
    for (const source of this.#rates.keys()) {
      this.#rates.delete(source)
      return
    }
  }
}
