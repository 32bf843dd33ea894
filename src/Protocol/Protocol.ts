/**
 * The wire version, as a service: message to bytes, flags, ids and payload forms. Nothing above
 * this room names a version; `Protocol04` and `Protocol07` are the layers for versions 0.4 and 0.7.
 *
 * All functions are synchronous and plain, for they run for every message; the two Schemas are the
 * same transformations for whoever composes codecs.
 */
import * as Context from "effect/Context"
import type * as Schema from "effect/Schema"
import type { Capabilities } from "./Capabilities.ts"
import type { CompressionMethod } from "./Compression/Compression.ts"
import type { HashAlgorithm } from "./Hashing.ts"
import type { KnownIds, Message, MessageType } from "./Message.ts"
import type { Packet } from "./Packet.ts"
import type { Payload, SubFlag } from "./Payload.ts"
import type { WireFault } from "./WireFault.ts"

/**
 * What differs between versions in how their original chord nodes see a ring, and what they bear.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChordManners {
  /**
   * How many zero bits a digest has behind it on a ring of 2^`bits`: its number there, of which
   * `BigInt.asUintN` gives the position, is the digest shifted by so many.
   */
  readonly keyShift: (table: HashAlgorithm, bits: number) => number
  /** Where a node is on a ring of 2^`bits`; `undefined` when its id is not in base 58. */
  readonly ringPosition: (id: string, bits: number) => bigint | undefined
  /** Nodes of ours that an original is told of at a time: those that follow its place. */
  readonly maxListed: number
  /** Whether an original wants to find itself in a list of peers. */
  readonly listsReceiver: boolean
  /** Whether nodes say behind their handshake that they store (`ChordState`). */
  readonly saysState: boolean
}

/**
 * Everything that differs between wire versions. A frame is, in each of them, a size of four bytes
 * (big-endian, `Frame`) and a body that may be compressed as a whole.
 *
 * @category services
 * @since 0.1.0
 */
export class Protocol extends Context.Service<Protocol, {
  /** The version's name, `"0.4"` or `"0.7"`. */
  readonly version: string
  /** Whether packets keep their kind on the wire (`TypedPacket`): else all of them arrive as bytes. */
  readonly isTyped: boolean
  /** The compression methods this node reads and writes, most preferred first (`Compression`). */
  readonly methods: ReadonlyArray<CompressionMethod>

  /** Identifies a network: only nodes with the same subnet name, encryption and version talk. */
  readonly networkId: (subnet: string, encryption: string) => string
  /** Identifies a network of chord nodes, which have a ring of 2^`bits` positions in common. */
  readonly chordNetworkId: (networkId: string, bits: number) => string
  /** How the version's original chord nodes see a ring. */
  readonly chord: ChordManners
  /** A node's id, from where it listens, its network and a salt of its own. */
  readonly nodeId: (
    address: { readonly host: string; readonly port: number },
    networkId: string,
    salt: string
  ) => string
  /** The id of a node that has a key, from its public key (DER) and its network. */
  readonly identityId: (publicKey: Uint8Array, networkId: string) => string

  /**
   * A new message with its id; its body is a copy of the payload. Throws a `RangeError` for a type or a
   * time that the version cannot write, and for more than `maxPackets` packets.
   */
  readonly make: (
    type: MessageType,
    sender: string | Uint8Array,
    payload: ReadonlyArray<Packet>,
    time: number | bigint
  ) => Message
  /** The body of a message: plain, without the size header. */
  readonly encode: (message: Message) => Uint8Array
  /** The frame of a message: its body, plain, behind the size header. */
  readonly frame: (message: Message) => Uint8Array
  /** The frame with which a broadcast is passed on: same sender, id, time and payload. */
  readonly frameRelay: (message: Message) => Uint8Array
  /**
   * Reads a plain body and checks the id against the content, unless it is a broadcast whose id is `known`.
   * Never throws.
   */
  readonly decode: (body: Uint8Array, known?: KnownIds) => Message | WireFault
  /**
   * Undoes the compression of a received body, recognizing the method by its bytes among
   * `methods`; a plain body is returned as it is. Gives up past `maxBytes`. Never throws.
   */
  readonly unpack: (
    body: Uint8Array,
    methods: ReadonlyArray<CompressionMethod>,
    maxBytes: number
  ) => Uint8Array | WireFault

  /** A packet by itself as it stands on the wire. */
  readonly encodePacket: (packet: Packet) => Uint8Array
  /** The packet that bytes of the wire are; `undefined` when they are not exactly one. */
  readonly decodePacket: (bytes: Uint8Array) => Packet | undefined
  /**
   * What a packet says: a text, bytes, or where the wire is typed any value, with plain objects for maps;
   * `undefined` when it cannot be read. Where it is not typed all packets are bytes.
   */
  readonly valueOf: (packet: Packet) => unknown
  /** A packet that says a value; throws a `RangeError` for one that the wire cannot carry. */
  readonly packetOf: (value: unknown) => Packet

  /** What a peer can do, from the methods in its handshake. */
  readonly capabilities: (methods: ReadonlyArray<string>) => Capabilities

  /** The sub-flag by name, from the packets of a message. */
  readonly subFlag: (packets: ReadonlyArray<Packet>) => SubFlag
  /** Payload packets from what a message says. */
  readonly encodePayload: (payload: Payload) => ReadonlyArray<Packet>
  /** What a message says, from its packets. Never throws. */
  readonly decodePayload: (packets: ReadonlyArray<Packet>) => Payload | WireFault

  /** `encode` and `decode` as a Schema. */
  readonly Message: Schema.Codec<Message, Uint8Array>
  /** `encodePayload` and `decodePayload` as a Schema. */
  readonly Payload: Schema.Codec<Payload, ReadonlyArray<Packet>>
}>()("effect-p2p/Protocol/Protocol") {}
