/**
 * What a message says, typed: one case for each sub-flag of the wire, the same for every wire
 * version. The wire version's `Protocol` service turns payload packets into these and back.
 */
import * as Schema from "effect/Schema"
import { PeerAddress } from "./PeerAddress.ts"

/** An entry of a list of peers. `address` is null when the teller does not know it yet. */
const PeerEntryFields = { address: Schema.NullOr(PeerAddress), id: Schema.String }

/**
 * A node as lists of peers name it.
 *
 * @category models
 * @since 0.1.0
 */
export const PeerEntry = Schema.Struct(PeerEntryFields)

/**
 * @category models
 * @since 0.1.0
 */
export type PeerEntry = typeof PeerEntry.Type

/**
 * The first message on a connection, from both sides at once: who one is, on which network, where
 * one can be dialed, and which compression methods one reads (names; unknown ones as they came,
 * see `Capabilities`).
 *
 * @category models
 * @since 0.1.0
 */
export const Handshake = Schema.TaggedStruct("Handshake", {
  nodeId: Schema.String,
  networkId: Schema.String,
  address: Schema.NullOr(PeerAddress),
  methods: Schema.Array(Schema.String)
})

/** The nodes in the teller's routing table. @category models @since 0.1.0 */
export const Peers = Schema.TaggedStruct("Peers", { peers: Schema.Array(PeerEntry) })

/** Asks for `Peers`. @category models @since 0.1.0 */
export const RequestPeers = Schema.TaggedStruct("RequestPeers", {})

/** Asks, by broadcast, where a node can be dialed. @category models @since 0.1.0 */
export const Request = Schema.TaggedStruct("Request", { requestId: Schema.String, nodeId: Schema.String })

/** Answers a `Request`. @category models @since 0.1.0 */
export const Response = Schema.TaggedStruct("Response", {
  requestId: Schema.String,
  address: Schema.NullOr(PeerAddress),
  nodeId: Schema.String
})

/** Renegotiation: the methods the teller reads from now on. @category models @since 0.1.0 */
export const CompressionList = Schema.TaggedStruct("CompressionList", { methods: Schema.Array(Schema.String) })

/** Renegotiation: asks for the last message once more. @category models @since 0.1.0 */
export const Resend = Schema.TaggedStruct("Resend", {})

/** Asks for a `Pong` with the same packets. @category models @since 0.1.0 */
export const Ping = Schema.TaggedStruct("Ping", { packets: Schema.Array(Schema.Uint8Array) })

/** Answers a `Ping`. @category models @since 0.1.0 */
export const Pong = Schema.TaggedStruct("Pong", { packets: Schema.Array(Schema.Uint8Array) })

/** Reserved by the protocol; the originals neither send nor handle it. @category models @since 0.1.0 */
export const Notify = Schema.TaggedStruct("Notify", { packets: Schema.Array(Schema.Uint8Array) })

/** A chord key: a digest as a number, of at most 512 bits, not reduced to the ring. */
const Key = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: (1n << 512n) - 1n }))

/** Chord: keep a value under a position of one of the five hash tables. @category models @since 0.1.0 */
export const Store = Schema.TaggedStruct("Store", {
  table: Schema.String,
  key: Key,
  value: Schema.Uint8Array
})

/** Chord: asks for the value at a position of a hash table. @category models @since 0.1.0 */
export const Retrieve = Schema.TaggedStruct("Retrieve", { table: Schema.String, key: Key })

/** Chord: answers a `Retrieve`. @category models @since 0.1.0 */
export const Retrieved = Schema.TaggedStruct("Retrieved", {
  table: Schema.String,
  key: Key,
  value: Schema.Uint8Array
})

/**
 * Lists and maps in each other in a value of the shared dictionary, at most.
 *
 * @category models
 * @since 0.1.0
 */
export const maxSyncDepth = 32

/**
 * Whether a value nests no deeper than the shared dictionary takes. A text of JSON can nest so deep that whatever
 * goes through its value by recursion has no stack left.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isShallow = (value: unknown, maxDepth = maxSyncDepth): boolean =>
  typeof value !== "object" || value === null ||
  Object.values(value).every((item) => maxDepth > 0 && isShallow(item, maxDepth - 1))

/**
 * The shared dictionary: a key has this value now; null deletes it. `origin` is who wrote it and when
 * (whole seconds since 1970), where that is not the message's sender and time: a copy for a newcomer.
 *
 * @category models
 * @since 0.1.0
 */
export const SyncStore = Schema.TaggedStruct("SyncStore", {
  key: Schema.String,
  value: Schema.Json,
  origin: Schema.NullOr(Schema.Struct({
    owner: Schema.String,
    time: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
  }))
})

/**
 * The shared dictionary: these entries of the map under a key have these values now.
 *
 * @category models
 * @since 0.1.0
 */
export const SyncDelta = Schema.TaggedStruct("SyncDelta", {
  key: Schema.String,
  changes: Schema.Record(Schema.String, Schema.Json)
})

/** Chord, from version 0.7 on: whether the teller stores values, or only uses the ring. @category models @since 0.1.0 */
export const ChordState = Schema.TaggedStruct("ChordState", { isStoring: Schema.Boolean })

/** What a user broadcast. @category models @since 0.1.0 */
export const UserBroadcast = Schema.TaggedStruct("UserBroadcast", { packets: Schema.Array(Schema.Uint8Array) })

/** What a user whispered. @category models @since 0.1.0 */
export const UserWhisper = Schema.TaggedStruct("UserWhisper", { packets: Schema.Array(Schema.Uint8Array) })

/** A sub-flag the wire version has no name for: protocols of one's own, by a text or bytes. @category models @since 0.1.0 */
export const Custom = Schema.TaggedStruct("Custom", {
  subFlag: Schema.Uint8Array,
  packets: Schema.Array(Schema.Uint8Array)
})

/**
 * Everything a message can say.
 *
 * @category models
 * @since 0.1.0
 */
export const Payload = Schema.Union([
  Handshake,
  Peers,
  RequestPeers,
  Request,
  Response,
  CompressionList,
  Resend,
  Ping,
  Pong,
  Notify,
  Store,
  Retrieve,
  Retrieved,
  ChordState,
  SyncStore,
  SyncDelta,
  UserBroadcast,
  UserWhisper,
  Custom
])

/**
 * @category models
 * @since 0.1.0
 */
export type Payload = typeof Payload.Type

/** @category models @since 0.1.0 */
export type Handshake = typeof Handshake.Type
/** @category models @since 0.1.0 */
export type Peers = typeof Peers.Type
/** @category models @since 0.1.0 */
export type Request = typeof Request.Type
/** @category models @since 0.1.0 */
export type Response = typeof Response.Type

/**
 * The sub-flag of a message by name: cheap to tell, without decoding the payload. `custom` is one of
 * a protocol of one's own, `unknown` one that belongs to nobody, `none` a message without any packet.
 *
 * @category models
 * @since 0.1.0
 */
export type SubFlag =
  | "broadcast"
  | "compression"
  | "whisper"
  | "handshake"
  | "ping"
  | "pong"
  | "notify"
  | "peers"
  | "request"
  | "resend"
  | "response"
  | "store"
  | "retrieve"
  | "retrieved"
  | "delta"
  | "custom"
  | "unknown"
  | "none"
