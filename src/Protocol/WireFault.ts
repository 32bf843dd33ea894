/**
 * What can be wrong with bytes from a peer. Decoders are plain functions on the path of every
 * message, so they return a `WireFault`, a plain object without a stack; `WireError` is the same
 * as an error of Effect's channel, for the Schemas and for the edges of the library.
 */
import * as Schema from "effect/Schema"

/**
 * Every reason for which bytes are refused.
 *
 * - `FrameTooLarge`: a size header above the limit.
 * - `TruncatedFrame`: the bytes end before the frame that their header announces.
 * - `TrailingBytes`: bytes after the frame where exactly one was expected.
 * - `EmptyFrame`: a frame without a body.
 * - `MalformedCompression`: a body that none of the agreed methods can read.
 * - `DecompressedTooLarge`: a body that would inflate past the limit.
 * - `TruncatedLength` (0.4): fewer bytes left than a packet length takes.
 * - `PacketOverrun`: packet lengths that add up to more than the body (0.4); a value that is malformed, cut off
 *   or nests too deep (0.7).
 * - `MissingPackets`: fewer than flag, sender, id and time (0.4); no id and list, or a list of fewer than flag,
 *   sender and time (0.7).
 * - `TooManyPackets`: a payload of more packets than a message may have (`maxPackets`).
 * - `InvalidTime`: a time that is not a number in base 58, or endless (0.4), or no number from 0 on (0.7).
 * - `ChecksumMismatch`: a message id that is not the digest of payload and time (0.4), or of the list (0.7).
 * - `MissingPacket`, `InvalidText`, `InvalidJson` (0.4), `InvalidField`: a payload that lacks a packet
 *   its sub-flag asks for, or whose packet does not hold what it must; on 0.7 also a body that is no list.
 *
 * @category models
 * @since 0.1.0
 */
export const WireFaultReason = Schema.Literals([
  "FrameTooLarge",
  "TruncatedFrame",
  "TrailingBytes",
  "EmptyFrame",
  "MalformedCompression",
  "DecompressedTooLarge",
  "TruncatedLength",
  "PacketOverrun",
  "MissingPackets",
  "TooManyPackets",
  "InvalidTime",
  "ChecksumMismatch",
  "MissingPacket",
  "InvalidText",
  "InvalidJson",
  "InvalidField"
])

/**
 * @category models
 * @since 0.1.0
 */
export type WireFaultReason = typeof WireFaultReason.Type

/**
 * Why bytes were refused: `offset` is where in the bytes handed in (frame or body; for payload
 * faults the index of the packet), `detail` says what was found and what was expected.
 *
 * @category models
 * @since 0.1.0
 */
export class WireFault {
  readonly _tag = "WireFault"
  readonly reason: WireFaultReason
  readonly offset: number
  readonly detail: string
  constructor(reason: WireFaultReason, offset: number, detail: string) {
    this.reason = reason
    this.offset = offset
    this.detail = detail
  }
}

/**
 * Tells a fault from a value.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isWireFault = (value: unknown): value is WireFault => value instanceof WireFault

/**
 * A `WireFault` as a typed failure.
 *
 * @category errors
 * @since 0.1.0
 */
export class WireError extends Schema.TaggedError<WireError>()("WireError", {
  reason: WireFaultReason,
  offset: Schema.Int,
  detail: Schema.String
}) {
  static fromFault(fault: WireFault): WireError {
    return new WireError({ reason: fault.reason, offset: fault.offset, detail: fault.detail })
  }
  override get message(): string {
    return `${this.detail} (${this.reason} at ${this.offset})`
  }
}
