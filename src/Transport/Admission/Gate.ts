/**
 * Whom a node lets in: accepted connections are looked at before anything is read from them. What a
 * source may have is bounded by its share, so that one of them cannot take what is there for all; when
 * the sum is used up, the source that has most of it makes room.
 *
 * Connections from this machine itself are not told apart by source (`limitsLoopback`): behind a proxy
 * all of them come from here.
 */
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { CloseReason } from "../CloseReason.ts"
import type { Link } from "../Link.ts"
import { reachOf, sourceOf } from "../Source.ts"
import type { BanList } from "./BanList.ts"
import type { Guarded } from "./Guard.ts"
import type { Reputation } from "./Reputation.ts"
import { SourceRates } from "./SourceRates.ts"

/** Connections of one source that are let in at once after a quiet time, in seconds' worth. */
const burstSeconds = 4

/**
 * A connection that has not shown who it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending {
  readonly source: string
  /** Ends it to make room; set once it has a link. */
  end: ((reason: CloseReason) => void) | undefined
}

/**
 * The accept side of a node.
 *
 * @category models
 * @since 0.1.0
 */
export class Gate {
  readonly #node: Pick<Guarded, "limits" | "nowMillis" | "linksFrom">
  readonly #bans: BanList
  readonly #reputation: Reputation
  /** Oldest first. */
  readonly #pending = new Set<Pending>()
  readonly #connects: SourceRates

  constructor(
    node: Pick<Guarded, "limits" | "nowMillis" | "linksFrom">,
    bans: BanList,
    reputation: Reputation
  ) {
    this.#node = node
    this.#bans = bans
    this.#reputation = reputation
    this.#connects = new SourceRates(node.limits.maxConnectsPerSource, burstSeconds)
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /** Whether the limits for a single source hold there. */
  isLimited({ hostname }: PeerAddress): boolean {
    return this.#node.limits.limitsLoopback || reachOf(hostname) !== "loopback"
  }

  /** A place for a connection that has to show who it is, or why it gets none. */
  admit(remote: PeerAddress): Pending | CloseReason {
    const { limits } = this.#node
    const source = sourceOf(remote)
    const isLimited = this.isLimited(remote)
    const now = this.#node.nowMillis()
    const ban = this.#bans.find({ _tag: "Source", source }, now)
    if (ban !== undefined) return { _tag: "Banned", target: source, why: ban.why }
    if (isLimited && !this.#connects.of(source, now).take(now)) {
      return { _tag: "TooManyConnects", source, perSecond: limits.maxConnectsPerSource }
    }
    const limit = limits.maxPendingPerSource
    if (isLimited && this.#countOf(source) >= limit) return { _tag: "SourceFull", source, slots: "handshakes", limit }
    if (this.#pending.size >= limits.maxPendingHandshakes && !this.#makeRoom(source, now)) {
      return { _tag: "Full", limit: limits.maxPendingHandshakes }
    }
    const pending: Pending = { source, end: undefined }
    this.#pending.add(pending)
    return pending
  }

  settle(pending: Pending): void {
    this.#pending.delete(pending)
  }

  /** Why a link whose handshake is done gets no place among those of its source; one that `isCounted` has to leave it. */
  refuseLink(link: Link, isCounted = false): CloseReason | undefined {
    if (link.direction === "outbound" || !this.isLimited(link.remote)) return undefined
    const { source } = link
    const limit = this.#node.limits.maxLinksPerSource
    const others = this.#node.linksFrom(source) - (isCounted ? 1 : 0)
    return others < limit ? undefined : { _tag: "SourceFull", source, slots: "links", limit }
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
    const weightOf = (source: string, count: number) => count * (1 + this.#reputation.scoreOf(source, now))
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
      pending.end({ _tag: "Full", limit: this.#node.limits.maxPendingHandshakes })
      return true
    }
    return false
  }
}
