/**
 * A message as the application gets it.
 */
import type { Message } from "../Protocol/Message.ts"
import { contentOf, kindOf, type Packet, text } from "../Protocol/Packet.ts"

/**
 * What an application hands over to be sent: a text, bytes, or several of them. A text is sent as
 * UTF-8, marked as text where the wire version can; each item is one packet.
 *
 * @category models
 * @since 0.1.0
 */
export type Packets = string | Uint8Array | ReadonlyArray<string | Uint8Array>

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** What the objects of a message take, and those of each packet: measured, on Node 24. */
const messageBytes = 450
const packetBytes = 170

/**
 * Packets as the wire takes them.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toWire = (packets: Packets): ReadonlyArray<Packet> => {
  if (typeof packets === "string") return [text(packets)]
  if (packets instanceof Uint8Array) return [packets]
  return packets.map((packet) => typeof packet === "string" ? text(packet) : packet)
}

/**
 * Whether the sender of a message is who it says: `proven` by a signature, or by the link it came over
 * when that is the sender's own and its transport proved whose; `claimed` otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export type Proof = "claimed" | "proven"

/**
 * One message for the application. `packets` are those after the sub-flag, without a signature, views
 * of the received bytes (what is kept for long is better a `copy`); `sender` is what the message claims,
 * `proof` what that is worth, `from` the id of the peer it came from, a neighbor.
 *
 * @category models
 * @since 0.1.0
 */
export class MeshMessage {
  /** To everyone, or to this node alone. */
  readonly kind: "broadcast" | "whisper"
  readonly from: string
  readonly proof: Proof
  readonly packets: ReadonlyArray<Uint8Array>
  /** All packets, the sub-flag first, with their kinds. */
  readonly payload: ReadonlyArray<Packet>
  readonly #message: Message
  readonly #valueOf: (packet: Packet) => unknown

  /**
   * `valueOf`: the wire version's. `packetCount`: how many packets of the payload are the message's own; the
   * rest is its signature.
   */
  constructor(
    message: Message,
    from: string,
    proof: Proof = "claimed",
    valueOf: (packet: Packet) => unknown = contentOf,
    packetCount = message.payload.length
  ) {
    this.kind = message.type === "broadcast" || message.type === "waterfall" ? "broadcast" : "whisper"
    this.from = from
    this.proof = proof
    this.packets = message.payload.slice(1, packetCount)
    this.payload = packetCount === message.packets.length ? message.packets : message.packets.slice(0, packetCount)
    this.#message = message
    this.#valueOf = valueOf
  }

  /** The digest of payload and time, in base 58: the same at every node. */
  get id(): string {
    return this.#message.id
  }

  /** The id of the author, as the message claims; see `proof`. */
  get sender(): string {
    return this.#message.sender
  }

  /** When it was made, by the author's clock, in whole seconds since 1970 UTC. */
  get time(): number {
    return this.#message.time
  }

  /** The bytes that it takes, those of the frame around its packets included. */
  get bodyBytes(): number {
    return this.#message.body?.length ?? 0
  }

  /** What it holds of memory, roughly: its bytes, and the objects that it consists of. */
  get heldBytes(): number {
    return messageBytes + packetBytes * this.#message.packetCount + this.bodyBytes
  }

  /** What was received together with it, and stays in memory as long as it, where that is more than twice as much. */
  get sharedMemory(): ArrayBufferLike | undefined {
    const body = this.#message.body
    return body !== undefined && body.buffer.byteLength > 2 * body.length ? body.buffer : undefined
  }

  /** The same message over bytes of its own. */
  copy(): MeshMessage {
    return new MeshMessage(this.#message.copy(), this.from, this.proof, this.#valueOf, this.payload.length)
  }

  /** The packets read as UTF-8; in wire version 0.7 those that are neither text nor bytes as JSON. */
  get texts(): ReadonlyArray<string> {
    return this.payload.slice(1).map((packet) => this.#textOf(packet))
  }

  /** One of `texts`; `undefined` when there are not so many. */
  textAt(index: number): string | undefined {
    // The first one is the sub-flag, which is none of them.
    const packet = index < 0 ? undefined : this.payload[index + 1]
    return packet === undefined ? undefined : this.#textOf(packet)
  }

  #textOf(packet: Packet): string {
    return kindOf(packet) === "value" ? JSON.stringify(this.#valueOf(packet)) ?? "" : decoder.decode(contentOf(packet))
  }

  /**
   * What the packets say: texts, bytes, and in wire version 0.7 whatever else its nodes send, numbers, lists,
   * plain objects. In version 0.4 all are bytes. `undefined` for what cannot be read.
   */
  get values(): ReadonlyArray<unknown> {
    return this.payload.slice(1).map(this.#valueOf)
  }

  /** The first packet read as UTF-8; empty when there is none. */
  get text(): string {
    return decoder.decode(this.packets[0])
  }
}
