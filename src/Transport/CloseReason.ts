/**
 * Why a link ended, or was never made: one typed reason, told to the application in an event or an
 * error and, where the peer understands it, to the other end in a goodbye.
 */
import * as Schema from "effect/Schema"
import { harmless } from "../Protocol/internal/Harmless.ts"
import { WireFaultReason } from "../Protocol/WireFault.ts"
import { describeTls, TlsRefused } from "./TlsFault.ts"

export { TlsRefused } from "./TlsFault.ts"

/** The connection ended without a goodbye. @category models @since 0.1.0 */
export const ConnectionLost = Schema.TaggedStruct("ConnectionLost", { clean: Schema.Boolean, detail: Schema.String })

/** The peer said goodbye; `reason` is the tag of its own reason. @category models @since 0.1.0 */
export const Goodbye = Schema.TaggedStruct("Goodbye", { reason: Schema.String, detail: Schema.String })

/** The peer sent bytes that are no message. @category models @since 0.1.0 */
export const Malformed = Schema.TaggedStruct("Malformed", {
  reason: WireFaultReason,
  offset: Schema.Int,
  detail: Schema.String
})

/** No handshake came in time. @category models @since 0.1.0 */
export const HandshakeTimeout = Schema.TaggedStruct("HandshakeTimeout", { afterMillis: Schema.Number })

/** The first message was no handshake. @category models @since 0.1.0 */
export const HandshakeInvalid = Schema.TaggedStruct("HandshakeInvalid", { detail: Schema.String })

/** The peer belongs to another subnet, encryption or protocol version. @category models @since 0.1.0 */
export const NetworkMismatch = Schema.TaggedStruct("NetworkMismatch", { own: Schema.String, peer: Schema.String })

/** The node at that address is not the one that was looked for. @category models @since 0.1.0 */
export const WrongPeer = Schema.TaggedStruct("WrongPeer", { expected: Schema.String, found: Schema.String })

/** The peer claims an id that does not follow from the key it has proven. @category models @since 0.1.0 */
export const IdentityMismatch = Schema.TaggedStruct("IdentityMismatch", {
  claimed: Schema.String,
  proven: Schema.String
})

/** The other end is this node itself. @category models @since 0.1.0 */
export const SelfConnection = Schema.TaggedStruct("SelfConnection", {})

/** There is a link to that peer already. @category models @since 0.1.0 */
export const Duplicate = Schema.TaggedStruct("Duplicate", { id: Schema.String })

/** All slots for links are taken. @category models @since 0.1.0 */
export const Full = Schema.TaggedStruct("Full", { limit: Schema.Number })

/** It is on this node's list of bans. @category models @since 0.1.0 */
export const Banned = Schema.TaggedStruct("Banned", {
  /** The host, network or id that is banned. */
  target: Schema.String,
  why: Schema.String
})

/** Too many connections a second from one source: a host, or an IPv6 network of 64 bits. @category models @since 0.1.0 */
export const TooManyConnects = Schema.TaggedStruct("TooManyConnects", {
  source: Schema.String,
  perSecond: Schema.Number
})

/** One source has its share of the slots for links, or for handshakes. @category models @since 0.1.0 */
export const SourceFull = Schema.TaggedStruct("SourceFull", {
  source: Schema.String,
  slots: Schema.Literals(["handshakes", "links"]),
  limit: Schema.Number
})

/** A frame began, and its end did not come in time. @category models @since 0.1.0 */
export const FrameTimeout = Schema.TaggedStruct("FrameTimeout", {
  afterMillis: Schema.Number,
  receivedBytes: Schema.Int
})

/** Unfinished frames take all the memory they may, and this one began first. @category models @since 0.1.0 */
export const OverBudget = Schema.TaggedStruct("OverBudget", { receivedBytes: Schema.Int, limitBytes: Schema.Number })

/** The peer did not take what was sent to it in time. @category models @since 0.1.0 */
export const TooSlow = Schema.TaggedStruct("TooSlow", { queuedBytes: Schema.Int, afterMillis: Schema.Number })

/** The peer, which answers pings, did not. @category models @since 0.1.0 */
export const Unresponsive = Schema.TaggedStruct("Unresponsive", { afterMillis: Schema.Number })

/** The peer kept renegotiating. @category models @since 0.1.0 */
export const RenegotiationLimit = Schema.TaggedStruct("RenegotiationLimit", { limit: Schema.Int })

/** The application asked for it. @category models @since 0.1.0 */
export const Disconnected = Schema.TaggedStruct("Disconnected", {})

/** This node failed in serving the link: a mistake of this library or of a service it was given. @category models @since 0.1.0 */
export const Defect = Schema.TaggedStruct("Defect", { detail: Schema.String })

/** This node is shutting down. @category models @since 0.1.0 */
export const Stopped = Schema.TaggedStruct("Stopped", {})

/**
 * Every reason; match on `_tag`.
 *
 * @category models
 * @since 0.1.0
 */
export const CloseReason = Schema.Union([
  ConnectionLost,
  Goodbye,
  Malformed,
  HandshakeTimeout,
  HandshakeInvalid,
  NetworkMismatch,
  WrongPeer,
  TlsRefused,
  IdentityMismatch,
  SelfConnection,
  Duplicate,
  Full,
  Banned,
  TooManyConnects,
  SourceFull,
  FrameTimeout,
  OverBudget,
  TooSlow,
  Unresponsive,
  RenegotiationLimit,
  Disconnected,
  Defect,
  Stopped
])

/**
 * @category models
 * @since 0.1.0
 */
export type CloseReason = typeof CloseReason.Type

/** A reason in a word, for counting: what was malformed says more than that something was. @category encoding @since 0.1.0 */
export const wordOf = (reason: CloseReason): string => reason._tag === "Malformed" ? reason.reason : reason._tag

/**
 * A reason in a sentence a person can act on. It is one line without control characters, whatever a peer said: it
 * goes to logs and terminals.
 *
 * @category encoding
 * @since 0.1.0
 */
export const describe = (reason: CloseReason): string => harmless(sentence(reason))

const sentence = (reason: CloseReason): string => {
  switch (reason._tag) {
    case "ConnectionLost":
      return reason.clean ? "the peer closed the connection" : `the connection was lost (${reason.detail})`
    case "Goodbye":
      return `the peer closed the link: ${reason.detail} (${reason.reason})`
    case "Malformed":
      return `the peer sent something that is no message: ${reason.detail} (${reason.reason} at ${reason.offset})`
    case "HandshakeTimeout":
      return `no handshake came within ${Math.round(reason.afterMillis)} ms`
    case "HandshakeInvalid":
      return `the peer did not begin with a handshake: ${reason.detail}`
    case "NetworkMismatch":
      return `the peer is on another network (subnet, encryption or protocol version differ): its network id is ` +
        `${reason.peer}, ours ${reason.own}`
    case "WrongPeer":
      return `another node answered: expected ${reason.expected}, found ${reason.found}`
    case "TlsRefused":
      return describeTls(reason)
    case "IdentityMismatch":
      return `the peer claims the id ${reason.claimed}, but its key is that of ${reason.proven}`
    case "SelfConnection":
      return "that address is this node itself"
    case "Duplicate":
      return `there is a link to ${reason.id} already`
    case "Full":
      return `all ${reason.limit} slots for links are taken`
    case "Banned":
      return `${reason.target} is banned: ${reason.why}`
    case "TooManyConnects":
      return `${reason.source} connects more than ${reason.perSecond} times a second`
    case "SourceFull":
      return `${reason.source} has its ${reason.limit} slots for ${reason.slots} already`
    case "FrameTimeout":
      return `a message of which ${reason.receivedBytes} bytes came was not whole within ${reason.afterMillis} ms`
    case "OverBudget":
      return `unfinished messages take more than ${reason.limitBytes} bytes, and this one (${reason.receivedBytes}) is the oldest`
    case "TooSlow":
      return `the peer did not take ${reason.queuedBytes} queued bytes within ${reason.afterMillis} ms`
    case "Unresponsive":
      return `the peer did not answer pings for ${reason.afterMillis} ms`
    case "RenegotiationLimit":
      return `the peer renegotiated more than ${reason.limit} times`
    case "Disconnected":
      return "the application closed the link"
    case "Defect":
      return `this node failed, please report it: ${reason.detail}`
    case "Stopped":
      return "the node is shutting down"
  }
}

/**
 * A link ended for this reason.
 *
 * @category errors
 * @since 0.1.0
 */
export class LinkClosed extends Schema.TaggedError<LinkClosed>()("LinkClosed", { reason: CloseReason }) {
  override get message(): string {
    return describe(this.reason)
  }
}
