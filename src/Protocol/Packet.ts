/**
 * One packet of a payload. Wire version 0.4 knows bytes alone; 0.7 tells bytes from texts, and has
 * packets that are other values: numbers, lists, maps. What is not bytes carries its kind along, so
 * that the layers above can treat every packet as bytes and still send on what they got.
 */
import * as Utf8 from "./internal/Utf8.ts"

/**
 * A packet that is not bytes. `text`: `bytes` are its UTF-8. `value`: `bytes` are the value as the
 * wire version writes it (`Protocol.packetOf`).
 *
 * @category models
 * @since 0.1.0
 */
export class TypedPacket {
  readonly kind: "text" | "value"
  readonly bytes: Uint8Array
  constructor(kind: "text" | "value", bytes: Uint8Array) {
    this.kind = kind
    this.bytes = bytes
  }
}

/**
 * A packet: bytes, or one that says what else it is.
 *
 * @category models
 * @since 0.1.0
 */
export type Packet = Uint8Array | TypedPacket

/**
 * A text: UTF-8 in every wire version, marked as text where the version can.
 *
 * @category constructors
 * @since 0.1.0
 */
export const text = (content: string): TypedPacket => new TypedPacket("text", Utf8.encode(content))

/**
 * What is in a packet, whatever its kind: bytes as they are, a text as UTF-8.
 *
 * @category decoding
 * @since 0.1.0
 */
export const contentOf = (packet: Packet): Uint8Array => packet instanceof TypedPacket ? packet.bytes : packet

/**
 * The contents of packets: the same list where all of them are bytes.
 *
 * @category decoding
 * @since 0.1.0
 */
export const contentsOf = (packets: ReadonlyArray<Packet>): ReadonlyArray<Uint8Array> =>
  isAllBytes(packets) ? packets : packets.map(contentOf)

const isAllBytes = (packets: ReadonlyArray<Packet>): packets is ReadonlyArray<Uint8Array> => {
  for (const packet of packets) {
    if (packet instanceof TypedPacket) return false
  }
  return true
}

/**
 * The kind of a packet.
 *
 * @category decoding
 * @since 0.1.0
 */
export const kindOf = (packet: Packet): "bytes" | "text" | "value" =>
  packet instanceof TypedPacket ? packet.kind : "bytes"
