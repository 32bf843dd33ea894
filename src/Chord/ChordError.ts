/** The ways in which an operation on the dictionary, or on the ring, can fail. */
import * as Schema from "effect/Schema"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import { CallError } from "./CallError.ts"

/**
 * The ring could not be joined at that address. `reason` says why: the call to the node there failed,
 * the way to this node's place was not found, or all positions that this node tried are taken.
 *
 * @category errors
 * @since 0.1.0
 */
export class JoinError extends Schema.TaggedError<JoinError>()("JoinError", {
  address: PeerAddress,
  reason: Schema.Union([
    CallError,
    Schema.TaggedStruct("NoPlace", { detail: Schema.String })
  ])
}) {
  override get message(): string {
    return `could not join at ${this.address}: ` +
      (this.reason._tag === "NoPlace" ? this.reason.detail : this.reason.message)
  }
}

/**
 * Nobody that answers for a position was found: every way to it ended, or it took too long. The ring
 * may be repairing itself; try again after a stabilize interval.
 *
 * @category errors
 * @since 0.1.0
 */
export class LookupError extends Schema.TaggedError<LookupError>()("LookupError", {
  /** Nodes that answered on the way. */
  hops: Schema.Int,
  /** Nodes that did not. */
  timeouts: Schema.Int,
  detail: Schema.String
}) {
  override get message(): string {
    return `the owner was not found after ${this.hops} hops and ${this.timeouts} nodes that did not answer: ${this.detail}`
  }
}

/**
 * Too few of a key's five placements answered. A write that failed so may have reached some of them
 * and be read later; a read that failed so tells nothing of the key.
 *
 * @category errors
 * @since 0.1.0
 */
export class QuorumError extends Schema.TaggedError<QuorumError>()("QuorumError", {
  operation: Schema.Literals(["read", "write"]),
  wanted: Schema.Number,
  reached: Schema.Int,
  /** What went wrong at the others. */
  causes: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `the ${this.operation} reached ${this.reached} placements where ${this.wanted} are needed: ` +
      [...new Set(this.causes)].join("; ")
  }
}
