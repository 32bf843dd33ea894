/**
 * What becomes of offenses: a score for the source, and a ban when it is too high. Only what no honest
 * node does counts: the original nodes' storms of requests, second connections and lists are borne.
 *
 * An id is banned besides where the transport has proven it. A claimed one is not: anybody could
 * misbehave in another's name.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { type CloseReason, describe } from "../CloseReason.ts"
import type { Link } from "../Link.ts"
import { sourceOf } from "../Source.ts"
import { type Ban, BanList, type BanTarget, targetText } from "./BanList.ts"
import { Gate } from "./Gate.ts"
import type { GuardEvent } from "./GuardEvent.ts"
import { Reputation } from "./Reputation.ts"
import type { SourceLimits } from "./SourceLimits.ts"

/** Points for the ways in which a link ends. A source is banned at `banScore`, 100 by default. */
const points: Partial<Record<CloseReason["_tag"], number>> = {
  Malformed: 34,
  IdentityMismatch: 34,
  RenegotiationLimit: 20,
  FrameTimeout: 20,
  OverBudget: 10,
  HandshakeInvalid: 10,
  HandshakeTimeout: 5,
  TooManyConnects: 1,
  SourceFull: 1
}

/** Where a connection comes from, and what the transport has proven of it. */
type Origin = Pick<Link, "direction" | "remote" | "identity">

/** A link, by whom it is with. */
interface Held {
  readonly id: string
  readonly link: Pick<Link, "close" | "host" | "source">
}

/**
 * Whom a ban is for: a host, at whatever port (an IPv6 host with its network of 64 bits), or the node that
 * goes by an id.
 *
 * @category models
 * @since 0.1.0
 */
export type Whom = { readonly host: string } | { readonly id: string }

/**
 * Bans by the application's hand, and a list of all: a part of the services that have a guard.
 *
 * @category services
 * @since 0.1.0
 */
export interface Banning {
  /** Whom the node has nothing to do with: those the user banned, and those that did too much harm. */
  readonly bans: Effect.Effect<ReadonlyArray<Ban>>
  /**
   * Ends the links with whoever it is, and neither accepts nor dials them `for` some time (default `banFor`;
   * `Duration.infinity` for as long as the node runs). A ban of the same target is replaced.
   */
  readonly ban: (
    target: Whom,
    options?: { readonly for?: Duration.Input | undefined; readonly why?: string | undefined }
  ) => Effect.Effect<void>
  /** Ends a ban, and forgets what led to it; `false` when there is none. */
  readonly unban: (target: Whom) => Effect.Effect<boolean>
}

/**
 * The node that is guarded.
 *
 * @category options
 * @since 0.1.0
 */
export interface Guarded {
  readonly limits: SourceLimits
  /** Reasons that cost no points here, for honest nodes give them, too. */
  readonly forgiven: ReadonlyArray<CloseReason["_tag"]>
  readonly nowMillis: () => number
  /** Starts a fiber that the node supervises. */
  readonly run: (effect: Effect.Effect<void>) => unknown
  /** The id that follows from a proven key. */
  readonly identityId: (identity: Uint8Array) => string
  readonly emit: (event: GuardEvent) => void
  /** How many accepted links with that source have a place. */
  readonly linksFrom: (source: string) => number
  /** All that are held with whoever has shown an id. */
  readonly held: () => ReadonlyArray<Held>
}

/**
 * Whom a node lets in, what they have done, and whom it has nothing to do with.
 *
 * @category models
 * @since 0.1.0
 */
export class Guard {
  readonly gate: Gate
  readonly bans: BanList
  readonly reputation = new Reputation()
  /** Bans that the node itself found reason for, so far. */
  bannedCount = 0
  readonly #node: Guarded

  constructor(node: Guarded) {
    this.#node = node
    this.bans = new BanList(node.limits.maxBans)
    this.gate = new Gate(node, this.bans, this.reputation)
  }

  /** Bans there are now. */
  get banCount(): number {
    return this.bans.count(this.#node.nowMillis())
  }

  /** Why the user, or this node, wants nothing to do with who is at that host, or with that id. */
  refusalOf(hostname: string | undefined, id: string | undefined): CloseReason | undefined {
    if (this.bans.isEmpty) return undefined
    const now = this.#node.nowMillis()
    const ban =
      (hostname === undefined ? undefined : this.bans.find({ _tag: "Source", source: sourceOf({ hostname }) }, now)) ??
        (id === undefined ? undefined : this.bans.find({ _tag: "Id", id }, now))
    return ban === undefined ? undefined : { _tag: "Banned", target: targetText(ban.target), why: ban.why }
  }

  /** Notes how a link ended, or why a connection became none. */
  ended(link: Origin, reason: CloseReason): void {
    const earned = points[reason._tag]
    if (earned === undefined || this.#node.forgiven.includes(reason._tag)) return
    this.offend(link, earned, () => describe(reason))
  }

  /** Adds points to the source of a link. Nobody is blamed for a place that this node went to itself. */
  offend(link: Origin, earned: number, why: () => string): void {
    if (link.direction === "outbound" || !this.gate.isLimited(link.remote)) return
    const { limits } = this.#node
    const source = sourceOf(link.remote)
    if (this.reputation.offend(source, earned, this.#node.nowMillis()) < limits.banScore) return
    const forMillis = Duration.toMillis(limits.banFor) * this.reputation.banned(source)
    this.#ban({ _tag: "Source", source }, why(), true, forMillis)
    if (link.identity === undefined) return
    this.#ban({ _tag: "Id", id: this.#node.identityId(link.identity) }, why(), true, forMillis)
  }

  /** What the application may do. */
  get banning(): Banning {
    return {
      bans: Effect.sync(() => this.bans.list(this.#node.nowMillis())),
      ban: (target, options) =>
        Effect.sync(() => {
          const { for: duration = this.#node.limits.banFor, why = "by hand" } = options ?? {}
          this.#ban(toTarget(target), why, false, Duration.toMillis(duration))
        }),
      unban: (target) => Effect.sync(() => this.#unban(toTarget(target)))
    }
  }

  /** Bans, tells of it, and ends the links that are there. */
  #ban(target: BanTarget, why: string, isAutomatic: boolean, forMillis: number): void {
    this.bans.add(target, why, isAutomatic, forMillis, this.#node.nowMillis())
    if (isAutomatic) this.bannedCount++
    this.#node.emit({ _tag: "PeerBanned", target: targetText(target), why, isAutomatic, forMillis })
    if (isAutomatic) {
      // One line for each, in words that a program which guards the host can look for.
      this.#node.run(Effect.annotateLogs(Effect.logWarning("banned a peer"), {
        target: targetText(target),
        why,
        forMillis
      }))
    }
    const reason = { _tag: "Banned", target: targetText(target), why } as const
    for (const { id, link } of this.#node.held()) {
      // Where it was dialed by a name, that is not where it is.
      const isMeant = target._tag === "Id"
        ? id === target.id
        : [link.source, link.host && sourceOf({ hostname: link.host })].includes(target.source)
      if (isMeant) link.close(reason)
    }
  }

  #unban(target: BanTarget): boolean {
    if (!this.bans.remove(target, this.#node.nowMillis())) return false
    if (target._tag === "Source") this.reputation.forgive(target.source)
    this.#node.emit({ _tag: "PeerUnbanned", target: targetText(target) })
    return true
  }
}

const toTarget = (target: Whom): BanTarget =>
  "id" in target
    ? { _tag: "Id", id: target.id }
    : { _tag: "Source", source: sourceOf(new PeerAddress({ host: target.host, port: 0 }, { disableChecks: true })) }
