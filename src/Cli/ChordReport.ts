/**
 * What `p2p chord` tells whoever runs it. The fields are the JSON that programs read; `ChordDisplay`
 * makes the same into lines for people.
 */
import * as Option from "effect/Option"
import type { CallError } from "../Chord/CallError.ts"
import type { Chord, Lookup, RingMember } from "../Chord/Chord.ts"
import type { JoinError } from "../Chord/ChordError.ts"
import type { ChordEvent } from "../Chord/ChordEvent.ts"
import type { Entry } from "../Chord/ChordOperation.ts"
import type { ChordStats } from "../Chord/ChordStats.ts"
import { type Contact, isPadding } from "../Chord/Contact.ts"
import * as Membership from "../Chord/Membership.ts"
import { toHex } from "../Chord/Ring.ts"
import { format } from "../Protocol/PeerAddress.ts"
import { describe } from "../Transport/CloseReason.ts"
import { tlsFaultOf } from "../Transport/TlsFault.ts"
import { type BanReport, fromGuardEvent } from "./BanReport.ts"
import type { Explain, OtherKind } from "./OtherKind.ts"
import { harmlessJson } from "./Style.ts"

/**
 * A member of the ring: the id of its node, where that can be dialed, and its position in hexadecimal.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemberReport {
  readonly id: string
  readonly address: string
  readonly position: string
}

/**
 * What one position of this node knows.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlaceReport {
  readonly position: string
  /** It is new in its place, and gets records from those that had its arc. */
  readonly syncing: boolean
  readonly predecessor: MemberReport | null
  /** Clockwise, without this position itself. */
  readonly successors: ReadonlyArray<MemberReport>
  readonly fingers: ReadonlyArray<MemberReport & { readonly index: number }>
}

/**
 * One thing that happened. `get` has `degraded` only when it is true: copies of the value are missing,
 * or on their way. `size` of a ring counts positions: exact when `whole`, else an estimate. `tag` is
 * the tag of an error. `help` and `note` are for people.
 *
 * @category models
 * @since 0.1.0
 */
export type ChordReport =
  | { readonly event: "listening"; readonly id: string; readonly address: string }
  | { readonly event: "dashboard" | "metrics"; readonly url: string }
  | { readonly event: "joined"; readonly position: string; readonly successor: MemberReport | null }
  | { readonly event: "get"; readonly key: string; readonly value: string | null; readonly degraded?: true }
  | { readonly event: "set"; readonly key: string }
  | { readonly event: "deleted"; readonly key: string }
  | { readonly event: "has"; readonly key: string; readonly value: boolean }
  | {
    readonly event: "lookup"
    readonly key: string
    readonly owner: string
    readonly hops: number
    readonly address: string
    readonly position: string
    readonly path: ReadonlyArray<MemberReport>
    readonly timeouts: number
  }
  | {
    readonly event: "ring"
    readonly id: string
    readonly address: string
    readonly bits: number
    readonly size: number
    readonly whole: boolean
    readonly members: ReadonlyArray<PlaceReport>
  }
  | { readonly event: "stats" } & ChordStats
  | { readonly event: "neighbor-came" | "neighbor-went" | "other-ring" } & MemberReport
  | { readonly event: "alone"; readonly last: boolean }
  | { readonly event: "repaired"; readonly sent: number; readonly received: number }
  | { readonly event: "handed-over"; readonly count: number }
  | {
    readonly event: "looked-up"
    readonly position: string
    readonly owner: MemberReport
    readonly path: ReadonlyArray<MemberReport>
    readonly timeouts: number
  }
  | { readonly event: "rejected"; readonly address: string; readonly reason: string; readonly detail: string }
  | BanReport
  | { readonly event: "throttled"; readonly id: string; readonly what: "messages"; readonly count: number }
  | { readonly event: "error"; readonly tag: string; readonly message: string }
  | { readonly event: "invite"; readonly text: string }
  | { readonly event: "help"; readonly lines: ReadonlyArray<string> }
  | { readonly event: "note"; readonly text: string }

/**
 * A report as one line of JSON; none for what is for people only.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toJsonLines = (report: ChordReport): ReadonlyArray<string> =>
  report.event === "note" ? [] : [harmlessJson(report)]

/**
 * What a read found.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEntry = (key: string, entry: Option.Option<Entry>): ChordReport => ({
  event: "get",
  key,
  value: Option.isSome(entry) ? entry.value.value : null,
  ...(Option.isSome(entry) && entry.value.isDegraded ? { degraded: true as const } : {})
})

/**
 * Where a key lies.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLookup = (bits: number, key: string, { hops, owner, path, timeouts }: Lookup): ChordReport => ({
  event: "lookup",
  key,
  owner: owner.nodeId,
  hops,
  address: format(owner.address),
  position: toHex(bits, owner.position),
  path: path.map((contact) => toMember(bits, contact)),
  timeouts
})

/**
 * What a node knows of its ring.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromRing = (
  chord: Chord["Service"],
  members: ReadonlyArray<RingMember>
): Extract<ChordReport, { readonly event: "ring" }> => {
  const { bits } = chord
  const first = members[0]?.membership
  return {
    event: "ring",
    id: chord.id,
    address: format(chord.address),
    bits,
    size: first === undefined ? 0 : Math.round(Membership.estimateSize(first)),
    whole: first === undefined || Membership.isWhole(first),
    members: members.map(({ fingers, isSyncing, membership }) => ({
      position: toHex(bits, membership.self.position),
      syncing: isSyncing,
      predecessor: membership.predecessor === undefined ? null : toMember(bits, membership.predecessor),
      successors: membership.successors.filter((contact) => !isPadding(contact)).map((contact) =>
        toMember(bits, contact)
      ),
      fingers: [...fingers].map(([index, contact]) => ({ index, ...toMember(bits, contact) }))
    }))
  }
}

/**
 * An event of the ring.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEvent = (bits: number, event: ChordEvent): ChordReport => {
  switch (event._tag) {
    case "Joined":
      return {
        event: "joined",
        position: toHex(bits, event.position),
        successor: event.successor === undefined ? null : toMember(bits, event.successor)
      }
    case "JoinFailed":
      return fromError(event.error)
    case "NeighborCame":
      return { event: "neighbor-came", ...toMember(bits, event.contact) }
    case "NeighborWent":
      return { event: "neighbor-went", ...toMember(bits, event.contact) }
    case "Alone":
      return { event: "alone", last: event.isLast }
    case "OtherRing":
      return { event: "other-ring", ...toMember(bits, event.contact) }
    case "Repaired":
      return { event: "repaired", sent: event.sent, received: event.received }
    case "HandedOver":
      return { event: "handed-over", count: event.count }
    case "TakeOverFailed": {
      const message = `the records of a new place have not come, it goes on trying: ${event.error.message}`
      return { event: "error", tag: event._tag, message }
    }
    case "StorageFailed":
      return fromError(event.error)
    case "LookedUp":
      return {
        event: "looked-up",
        position: toHex(bits, event.position),
        owner: toMember(bits, event.owner),
        path: event.path.map((contact) => toMember(bits, contact)),
        timeouts: event.timeouts
      }
    case "PeerBanned":
    case "PeerUnbanned":
      return fromGuardEvent(event)
    case "PeerThrottled":
      return { event: "throttled", id: event.id, what: "messages", count: event.count }
    case "Rejected":
      return {
        event: "rejected",
        address: format(event.remote),
        reason: event.reason._tag === "TlsRefused" ? event.reason.fault : event.reason._tag,
        detail: describe(event.reason)
      }
  }
}

const toMember = (bits: number, contact: Contact): MemberReport => ({
  id: contact.nodeId,
  address: format(contact.address),
  position: toHex(bits, contact.position)
})

/** Whatever can go wrong: its tag, and a sentence for people. */
interface Failure {
  readonly _tag: string
  readonly message: string
  readonly reason?: unknown
}

/**
 * A failure; its tag is that of the reason that is behind it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromError = (error: Failure | JoinError): ChordReport => {
  if (isJoinError(error)) return fromJoinError(error)
  const { reason } = error
  const isWrapped = typeof reason === "object" && reason !== null && "_tag" in reason
  return { event: "error", tag: isWrapped ? String(reason._tag) : error._tag, message: error.message }
}

const isJoinError = (error: Failure | JoinError): error is JoinError => error._tag === "JoinError"

/**
 * The same, where it is known that the other end is no chord node at all.
 *
 * @category decoding
 * @since 0.1.0
 */
export const explained = <E extends Failure>(explain: Explain, error: E): E | OtherKind => {
  if (!isJoinError(error) || error.reason._tag === "NoPlace" || error.reason.reason._tag !== "Unreachable") return error
  return explain(format(error.address), error.reason.reason.cause) ?? error
}

/** Says what is in the way, without how it was found out. */
const fromJoinError = (error: JoinError): ChordReport => {
  const { address, reason } = error
  const [tag, message] = reason._tag === "NoPlace"
    ? [reason._tag, `could not join at ${address}: ${reason.detail}`] as const
    : fromCallError(reason)
  return { event: "error", tag, message }
}

const fromCallError = ({ address, message, reason }: CallError): readonly [tag: string, message: string] => {
  if (reason._tag !== "Unreachable") return [reason._tag, `could not join at ${address}: ${message}`]
  const { cause } = reason
  if (cause._tag === "DialError") return [tlsFaultOf(cause) ?? cause._tag, cause.message]
  const tag = tlsFaultOf(cause) ?? (cause._tag === "Goodbye" ? cause.reason : cause._tag)
  const detail = tag === "NetworkMismatch"
    ? "that node is of another network; all nodes of a ring have the same --subnet and --bits"
    : describe(cause)
  return [tag, `could not join at ${address}: ${detail}`]
}
