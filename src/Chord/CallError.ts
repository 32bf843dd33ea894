/**
 * The ways in which a call from one chord node to another can fail.
 */
import * as Schema from "effect/Schema"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import { CloseReason, describe, WrongPeer } from "../Transport/CloseReason.ts"
import { DialError } from "../Transport/Transport.ts"
import { checkWord } from "./internal/CallCodec.ts"

/**
 * No link to that node could be made, or it ended before the answer came: `cause` says why. Whether
 * the call was carried out is not known when a link ended.
 *
 * @category models
 * @since 0.1.0
 */
export const Unreachable = Schema.TaggedStruct("Unreachable", { cause: Schema.Union([DialError, CloseReason]) })

/**
 * The link stands, but no answer came in time. Whether the call was carried out is not known.
 *
 * @category models
 * @since 0.1.0
 */
export const TimedOut = Schema.TaggedStruct("TimedOut", { afterMillis: Schema.Number })

/**
 * The other node answered no. `tag` is for programs, `detail` for people. Tags of the layer itself:
 * `Busy` (too many calls of this node are in work there), `Failed` (its handler broke), `TooLarge`
 * (the answer is larger than a message may be), `Unsupported` (an original node, which knows no calls).
 *
 * @category models
 * @since 0.1.0
 */
export const Refused = Schema.TaggedStruct("Refused", { tag: Schema.String, detail: Schema.String })

/**
 * The request is larger than a message may be; nothing was sent.
 *
 * @category models
 * @since 0.1.0
 */
export const TooLarge = Schema.TaggedStruct("TooLarge", { bytes: Schema.Int, maxBytes: Schema.Number })

/**
 * As many calls as are allowed are under way from this node; nothing was sent.
 *
 * @category models
 * @since 0.1.0
 */
export const TooManyCalls = Schema.TaggedStruct("TooManyCalls", { limit: Schema.Number })

/**
 * Every reason; match on `_tag`. `WrongPeer`: the node at that address is not the one that was named.
 *
 * @category models
 * @since 0.1.0
 */
export const CallFailure = Schema.Union([Unreachable, TimedOut, Refused, TooLarge, TooManyCalls, WrongPeer])

/**
 * @category models
 * @since 0.1.0
 */
export type CallFailure = typeof CallFailure.Type

/**
 * A call came to nothing: `address` and `kind` say which, `reason` says why. Match on the reason
 * with `Effect.catchReason`.
 *
 * @category errors
 * @since 0.1.0
 */
export class CallError extends Schema.TaggedError<CallError>()("CallError", {
  address: PeerAddress,
  kind: Schema.String,
  reason: CallFailure
}) {
  override get message(): string {
    return `"${this.kind}" to ${this.address} failed: ${describeFailure(this.reason)}`
  }
}

const describeFailure = (reason: CallFailure): string => {
  switch (reason._tag) {
    case "Unreachable":
      return reason.cause instanceof DialError ? reason.cause.message : describe(reason.cause)
    case "TimedOut":
      return `no answer came within ${Math.round(reason.afterMillis)} ms`
    case "Refused":
      return `the other node refused: ${reason.detail} (${reason.tag})`
    case "TooLarge":
      return `the request takes ${reason.bytes} bytes, the limit is ${reason.maxBytes} (maxMessageBytes)`
    case "TooManyCalls":
      return `${reason.limit} calls are under way already (maxPendingCalls)`
    case "WrongPeer":
      return `another node answered: expected ${reason.expected}, found ${reason.found}`
  }
}

/**
 * What a handler answers when it says no: `tag` (1 to 32 visible ASCII characters) for programs,
 * `detail` (up to 512 bytes) for people. A plain object without a stack, because one may be made for
 * each request; the asker gets it as `Refused`. Throws a `RangeError` for another tag.
 *
 * @category errors
 * @since 0.1.0
 */
export class CallRefused {
  readonly _tag = "CallRefused"
  readonly tag: string
  readonly detail: string
  constructor(tag: string, detail: string) {
    checkWord(tag)
    this.tag = tag
    this.detail = detail
  }
}
