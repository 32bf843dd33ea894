/**
 * A message as every wire version has it: a type, a sender, an id that is the digest of what it
 * carries, a time and a payload of packets. A plain class, because one is made for each
 * message that arrives; its Schema is the wire version's (`Protocol`).
 */

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
 * (`"0x"` when it is empty).
 *
 * @category models
 * @since 0.1.0
 */
export type MessageType = typeof knownTypes[number] | `0x${string}`

// A byte order mark is kept: without it two senders would have one text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/**
 * One message. `id` is its text form; `time` is whole seconds since 1970 UTC, exact up to 2^53
 * (`exactTime` beyond); `payload` is what its packets hold, views of the bytes it was decoded from:
 * copy what you keep.
 *
 * @category models
 * @since 0.1.0
 */
export class Message {
  readonly type: MessageType
  readonly senderBytes: Uint8Array
  readonly id: string
  readonly time: number
  readonly payload: ReadonlyArray<Uint8Array>
  /** The same packets with their kinds, where the wire version has any. */
  readonly packets: ReadonlyArray<Packet>
  /** The body it was decoded from, so that a relay need not serialize it again. */
  readonly body: Uint8Array | undefined
  readonly #largeTime: bigint | undefined
  #sender: string | undefined

  constructor(
    type: MessageType,
    senderBytes: Uint8Array,
    id: string,
    time: number | bigint,
    payload: ReadonlyArray<Uint8Array>,
    body?: Uint8Array,
    packets: ReadonlyArray<Packet> = payload
  ) {
    this.type = type
    this.senderBytes = senderBytes
    this.id = id
    this.time = Number(time)
    this.payload = payload
    this.packets = packets
    this.body = body
    this.#largeTime = typeof time === "bigint" && time > Number.MAX_SAFE_INTEGER ? time : undefined
    this.#sender = undefined
  }

  /** The sender's id as text; bytes that are not UTF-8 read as U+FFFD. A claim, not a proof. */
  get sender(): string {
    return this.#sender ??= decoder.decode(this.senderBytes)
  }

  /** The time without the rounding of numbers above 2^53. */
  get exactTime(): bigint {
    return this.#largeTime ?? BigInt(this.time)
  }
}
