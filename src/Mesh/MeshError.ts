/**
 * The ways in which what an application asks of the mesh can fail.
 */
import * as Schema from "effect/Schema"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import { CloseReason, describe } from "../Transport/CloseReason.ts"
import { DialError } from "../Transport/Transport.ts"

export { InvalidAddress } from "../Protocol/PeerAddress.ts"

/**
 * `connect` came to nothing: nobody could be dialed (`DialError`), or the link ended in the
 * handshake, for the reason that is there.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectError extends Schema.TaggedError<ConnectError>()("ConnectError", {
  address: PeerAddress,
  reason: Schema.Union([DialError, CloseReason])
}) {
  override get message(): string {
    return this.reason instanceof DialError
      ? this.reason.message
      : `no link to ${this.address}: ${describe(this.reason)}`
  }
}

/**
 * The message is larger than `maxMessageBytes`, or has more packets than any may have, its sub-flag and its
 * signature among them; nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class MessageTooLarge extends Schema.TaggedError<MessageTooLarge>()("MessageTooLarge", {
  bytes: Schema.Int,
  maxBytes: Schema.Number,
  packets: Schema.Int,
  maxPackets: Schema.Int
}) {
  override get message(): string {
    if (this.packets > this.maxPackets) {
      return `the message has ${this.packets} packets, the limit is ${this.maxPackets}: put several values into one ` +
        "packet, as JSON for example, or send several messages"
    }
    return `the message takes ${this.bytes} bytes, the limit is ${this.maxBytes} (maxMessageBytes)`
  }
}

/**
 * There is no link to that node, and nobody said in time where it can be dialed, or the answers did not lead there, or
 * this node is shutting down.
 *
 * @category errors
 * @since 0.1.0
 */
export class PeerNotFound extends Schema.TaggedError<PeerNotFound>()("PeerNotFound", {
  id: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `found no node ${this.id}: ${this.detail}`
  }
}

/**
 * The peer did not take the message: its queue stayed full, or the link ended.
 *
 * @category errors
 * @since 0.1.0
 */
export class PeerUnavailable extends Schema.TaggedError<PeerUnavailable>()("PeerUnavailable", {
  id: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `could not send to ${this.id}: ${this.detail}`
  }
}

/**
 * `maxPendingRequests` searches and questions are under way.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  limit: Schema.Number
}) {
  override get message(): string {
    return `${this.limit} requests are under way already (maxPendingRequests)`
  }
}

/**
 * No answer to a question came within the time.
 *
 * @category errors
 * @since 0.1.0
 */
export class AskTimeout extends Schema.TaggedError<AskTimeout>()("AskTimeout", {
  query: Schema.String,
  id: Schema.String,
  afterMillis: Schema.Number
}) {
  override get message(): string {
    return `${this.id} did not answer "${this.query}" within ${this.afterMillis} ms`
  }
}

/**
 * The other node could not answer: nobody responds to that question there, it refused the value,
 * or its responder failed. Or this node is shutting down, and hears no answer any more.
 *
 * @category errors
 * @since 0.1.0
 */
export class AskRefused extends Schema.TaggedError<AskRefused>()("AskRefused", {
  query: Schema.String,
  id: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.id} did not answer "${this.query}": ${this.detail}`
  }
}

/**
 * A sub-flag that is not free: it belongs to the protocol, or has a handler on this node already.
 *
 * @category errors
 * @since 0.1.0
 */
export class SubFlagTaken extends Schema.TaggedError<SubFlagTaken>()("SubFlagTaken", { subFlag: Schema.String }) {
  override get message(): string {
    return `the sub-flag "${this.subFlag}" is taken: choose a name of two characters or more that no other ` +
      `protocol on this node uses`
  }
}
