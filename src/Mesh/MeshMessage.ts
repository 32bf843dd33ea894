/**
 * A message as the application gets it.
 */
import type { Message } from "../Protocol/Message.ts"

/**
 * What an application hands over to be sent: a text, bytes, or several of them. A text is sent as
 * UTF-8; each item is one packet.
 *
 * @category models
 * @since 0.1.0
 */
export type Packets = string | Uint8Array | ReadonlyArray<string | Uint8Array>

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Packets as bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toBytes = (packets: Packets): ReadonlyArray<Uint8Array> => {
  if (typeof packets === "string") return [encoder.encode(packets)]
  if (packets instanceof Uint8Array) return [packets]
  return packets.map((packet) => typeof packet === "string" ? encoder.encode(packet) : packet)
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
 * of the received bytes; `sender` is what the message claims, `proof` what that is worth, `from` the id
 * of the peer it came from, a neighbor.
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
  readonly #message: Message

  /** `packetCount`: how many packets of the payload are the message's own; the rest is its signature. */
  constructor(message: Message, from: string, proof: Proof = "claimed", packetCount = message.payload.length) {
    this.kind = message.type === "broadcast" || message.type === "waterfall" ? "broadcast" : "whisper"
    this.from = from
    this.proof = proof
    this.packets = message.payload.slice(1, packetCount)
    this.#message = message
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

  /** The packets read as UTF-8. */
  get texts(): ReadonlyArray<string> {
    return this.packets.map((packet) => decoder.decode(packet))
  }

  /** The first packet read as UTF-8; empty when there is none. */
  get text(): string {
    return decoder.decode(this.packets[0])
  }
}
