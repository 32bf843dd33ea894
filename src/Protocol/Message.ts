/**
 * A message as every wire version has it: a type, a sender, an id that is the digest of what it
 * carries, a time and a payload of packets. Plain classes, because one is made for each
 * message that arrives; their Schema is the wire version's (`Protocol`).
 */

import { isAt } from "./internal/Bytes.ts"
import type { Packet } from "./Packet.ts"

/**
 * The main flags by name.
 *
 * @category models
 * @since 0.1.0
 */
export const knownTypes = ["broadcast", "waterfall", "whisper", "renegotiate", "ping", "pong"] as const

/**
 * The main flag by name; a flag without a name is given in hex as it stands on the wire, `"0x20"`
 * (`"0x"` when it is empty, and the first 16 bytes of a longer one).
 *
 * @category models
 * @since 0.1.0
 */
export type MessageType = typeof knownTypes[number] | `0x${string}`

// A byte order mark is kept: without it two senders would have one text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const encoder = new TextEncoder()

/** Many messages in a row are of one sender: one text for all of them. */
let lastSender = ""
let lastSenderBytes = new Uint8Array(0)

const senderText = (bytes: Uint8Array): string => {
  if (!isAt(bytes, 0, bytes.length, lastSenderBytes)) {
    lastSender = decoder.decode(bytes)
    lastSenderBytes = bytes.slice()
  }
  return lastSender
}

/**
 * One message. `id` is its text form; `time` is whole seconds since 1970 UTC, exact up to 2^53
 * (`exactTime` beyond); `payload` is what its packets hold, views of the bytes it was decoded from:
 * copy what you keep. `Protocol.make` and `Protocol.decode` make messages whose parts are read from
 * their body when they are asked for, since most of what a node receives it has seen before.
 *
 * @category models
 * @since 0.1.0
 */
export abstract class Message {
  readonly type: MessageType
  readonly time: number
  readonly #largeTime: bigint | undefined
  #sender: string | undefined

  constructor(type: MessageType, time: number | bigint) {
    this.type = type
    this.time = Number(time)
    this.#largeTime = typeof time === "bigint" && time > Number.MAX_SAFE_INTEGER ? time : undefined
    this.#sender = undefined
  }

  /** The id as it stands on the wire. */
  abstract readonly idBytes: Uint8Array
  abstract readonly id: string
  abstract readonly senderBytes: Uint8Array
  abstract readonly payload: ReadonlyArray<Uint8Array>
  /** The same packets with their kinds, where the wire version has any. */
  abstract readonly packets: ReadonlyArray<Packet>
  abstract readonly packetCount: number
  /** The body it was decoded from, or made as. */
  abstract readonly body: Uint8Array | undefined
  /**
   * Whether the id is that of its content. Not so of a broadcast that claims an id which `Protocol.decode` was
   * told is known: it is a copy, or worth nothing.
   */
  abstract readonly isVerified: boolean
  /** The same over a body of its own, where it was decoded: its views keep the whole of what was received alive. */
  abstract copy(): Message

  /** The sender's id as text; bytes that are not UTF-8 read as U+FFFD. A claim, not a proof. */
  get sender(): string {
    return this.#sender ??= senderText(this.senderBytes)
  }

  /** The time as the constructor takes it. */
  protected get wholeTime(): number | bigint {
    return this.#largeTime ?? this.time
  }

  /** The time without the rounding of numbers above 2^53. */
  get exactTime(): bigint {
    return this.#largeTime ?? BigInt(this.time)
  }
}

/**
 * Ids of broadcasts that need not be checked again, because nothing becomes of a second copy.
 *
 * @category models
 * @since 0.1.0
 */
export interface KnownIds {
  /** Whether the id is known whose first 24 bytes on the wire are those from `start` on. */
  readonly has: (bytes: Uint8Array, start: number) => boolean
}

/**
 * What `KnownIds` looks at of an id: enough that nobody finds two alike.
 *
 * @category models
 * @since 0.1.0
 */
export const knownIdBytes = 24

/**
 * Packets of a payload, at most, the sub-flag and a signature among them. The originals have no limit; but a packet
 * becomes an object, and takes a byte on the wire, or next to nothing where it is packed. Ours send a thousand at most.
 *
 * @category models
 * @since 0.1.0
 */
export const maxPackets = 4096

/** Throws a `RangeError` for more packets than a message may have, which no node of ours would read. */
export const checkPackets = (payload: ReadonlyArray<unknown>): void => {
  if (payload.length > maxPackets) {
    throw new RangeError(`a message has ${maxPackets} packets at most, not ${payload.length}`)
  }
}

/**
 * A message all of whose parts are given.
 *
 * @category models
 * @since 0.1.0
 */
export class PlainMessage extends Message {
  readonly senderBytes: Uint8Array
  readonly id: string
  readonly payload: ReadonlyArray<Uint8Array>
  readonly packets: ReadonlyArray<Packet>
  readonly body: Uint8Array | undefined
  readonly isVerified: boolean
  readonly #idBytes: Uint8Array | undefined

  constructor(
    type: MessageType,
    senderBytes: Uint8Array,
    id: string,
    time: number | bigint,
    payload: ReadonlyArray<Uint8Array>,
    body?: Uint8Array,
    packets: ReadonlyArray<Packet> = payload,
    idBytes?: Uint8Array,
    isVerified = true
  ) {
    super(type, time)
    this.senderBytes = senderBytes
    this.id = id
    this.payload = payload
    this.packets = packets
    this.body = body
    this.isVerified = isVerified
    this.#idBytes = idBytes
  }

  get packetCount(): number {
    return this.payload.length
  }

  /** The same one: its parts are not for it to copy. */
  copy(): Message {
    return this
  }

  get idBytes(): Uint8Array {
    return this.#idBytes ?? encoder.encode(this.id)
  }
}
