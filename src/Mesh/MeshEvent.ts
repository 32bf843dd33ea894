/**
 * What happens to a node, told in order: who joined and left and why, who was refused, what was
 * lost. The command line prints them; an application may act on them.
 */
import * as Schema from "effect/Schema"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import { PeerBanned, PeerUnbanned } from "../Transport/Admission/GuardEvent.ts"
import { CloseReason } from "../Transport/CloseReason.ts"
import { DialError } from "../Transport/Transport.ts"

export { PeerBanned, PeerUnbanned } from "../Transport/Admission/GuardEvent.ts"

const direction = Schema.Literals(["inbound", "outbound"])

/**
 * A peer is linked: handshakes are done on both sides. `address` is where it says that it can be dialed,
 * `dialed` where this node did.
 *
 * @category events
 * @since 0.1.0
 */
export const PeerJoined = Schema.TaggedStruct("PeerJoined", {
  id: Schema.String,
  address: Schema.UndefinedOr(PeerAddress),
  dialed: Schema.UndefinedOr(PeerAddress),
  direction
})

/** The last link to a peer ended. @category events @since 0.1.0 */
export const PeerLeft = Schema.TaggedStruct("PeerLeft", {
  id: Schema.String,
  address: Schema.UndefinedOr(PeerAddress),
  reason: CloseReason
})

/** A connection did not become a link. @category events @since 0.1.0 */
export const Rejected = Schema.TaggedStruct("Rejected", { remote: PeerAddress, direction, reason: CloseReason })

/** A dial of the node's own accord came to nothing. @category events @since 0.1.0 */
export const DialFailed = Schema.TaggedStruct("DialFailed", { address: PeerAddress, error: DialError })

/** A peer takes less than it is sent; broadcasts no longer wait for it. @category events @since 0.1.0 */
export const PeerSlow = Schema.TaggedStruct("PeerSlow", { id: Schema.String, queuedBytes: Schema.Int })

/** A slow peer caught up; `droppedCount` messages did not reach it over this link so far. @category events @since 0.1.0 */
export const PeerRecovered = Schema.TaggedStruct("PeerRecovered", { id: Schema.String, droppedCount: Schema.Int })

/** A reader of this node's own lost messages, being too slow. @category events @since 0.1.0 */
export const ReaderLagged = Schema.TaggedStruct("ReaderLagged", { reader: Schema.String, lostCount: Schema.Int })

/**
 * Something for a topic, or a question, that its schema does not take; it was dropped. Told at the first, the second,
 * the fourth, ... time for each `name`; `count` is how often so far. `sender` and `detail` have 256 characters at most.
 *
 * @category events
 * @since 0.1.0
 */
export const ValueRefused = Schema.TaggedStruct("ValueRefused", {
  name: Schema.String,
  sender: Schema.String,
  detail: Schema.String,
  count: Schema.Int
})

/**
 * A message was not delivered for what it did not prove: it has no proof and `requireProof` asks for
 * one (`Unproven`), its signature is not its sender's (`Forged`), or it is a signed whisper that came
 * before, or too late (`Replayed`). `from` is the neighbor that passed it on, who need not have made it. Told at the
 * first, the second, the fourth, ... time for each neighbor and reason; `count` is how often so far.
 *
 * @category events
 * @since 0.1.0
 */
export const ProofRefused = Schema.TaggedStruct("ProofRefused", {
  reason: Schema.Literals(["Unproven", "Forged", "Replayed"]),
  sender: Schema.String,
  from: Schema.String,
  count: Schema.Int
})

/**
 * A peer sends more than it may: `messages` beyond the limit are read later, `searches` and `lists` are not
 * looked at. Told at the first, the second, the fourth, ... time; `count` is how often so far.
 *
 * @category events
 * @since 0.1.0
 */
export const PeerThrottled = Schema.TaggedStruct("PeerThrottled", {
  id: Schema.String,
  what: Schema.Literals(["messages", "searches", "lists"]),
  count: Schema.Int
})

/**
 * A handler of the application failed or threw; other messages go on. `detail` has 4096 characters at most.
 *
 * @category events
 * @since 0.1.0
 */
export const HandlerFailed = Schema.TaggedStruct("HandlerFailed", { name: Schema.String, detail: Schema.String })

/**
 * Every event; match on `_tag`.
 *
 * @category events
 * @since 0.1.0
 */
export const MeshEvent = Schema.Union([
  PeerJoined,
  PeerLeft,
  Rejected,
  DialFailed,
  PeerSlow,
  PeerRecovered,
  ReaderLagged,
  ValueRefused,
  ProofRefused,
  PeerBanned,
  PeerUnbanned,
  PeerThrottled,
  HandlerFailed
])

/**
 * @category events
 * @since 0.1.0
 */
export type MeshEvent = typeof MeshEvent.Type
