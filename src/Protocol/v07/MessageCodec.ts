/**
 * Bodies of wire version 0.7 to messages and back (`docs/protocol-0.7.md`, "A frame"). A body is a digest and a list in
 * msgpack, `[main flag, sender, time, ...payload]`. The digest, SHA-256 of the list's bytes, is the
 * message's id. It covers everything, so a relay passes a body on as it came.
 */
import * as Frame from "../Frame.ts"
import type { Hashing } from "../Hashing.ts"
import { isAt, view } from "../internal/Bytes.ts"
import { checkPackets, type KnownIds, maxPackets, type Message, type MessageType, PlainMessage } from "../Message.ts"
import { contentOf, contentsOf, kindOf, type Packet } from "../Packet.ts"
import { WireFault } from "../WireFault.ts"
import * as Flags from "./Flags.ts"
import { hex, idBytes, ListMessage, packetAt } from "./ListMessage.ts"
import * as MessagePack from "./MessagePack.ts"

/** Flag, sender and time. */
const fixedValues = 3

const encoder = new TextEncoder()

/**
 * Reads a plain body; the message's parts are views of it. A broadcast with an id that is `known` is not
 * checked.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (hashing: Hashing["Service"], body: Uint8Array, known?: KnownIds): Message | WireFault => {
  if (body.length === 0) return new WireFault("EmptyFrame", 0, "a body without bytes")
  if (body.length <= idBytes) {
    return new WireFault("MissingPackets", body.length, `${body.length} bytes where an id and a list are needed`)
  }
  if (known !== undefined && known.has(body, 0)) {
    const copy = decodeList(body, false)
    if (copy instanceof ListMessage && (copy.type === "broadcast" || copy.type === "waterfall")) return copy
  }
  if (!isIntact(hashing, body)) {
    const digest = hashing.digest("sha256", view(body, idBytes, body.length))
    return new WireFault("ChecksumMismatch", 0, `the id should be ${hex(digest, idBytes)}`)
  }
  return decodeList(body, true)
}

/**
 * Whether the id of a body is the digest of its list.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isIntact = (hashing: Hashing["Service"], body: Uint8Array): boolean => {
  if (body.length <= idBytes) return false
  return isAt(body, 0, idBytes, hashing.digest("sha256", view(body, idBytes, body.length)))
}

const decodeList = (body: Uint8Array, isVerified: boolean): Message | WireFault => {
  const list = MessagePack.readHeader(body, idBytes)
  if (list === undefined) return truncated(idBytes)
  if (list.kind !== "list") return new WireFault("InvalidField", idBytes, "a body that is no list")
  if (list.childCount < fixedValues) {
    return new WireFault("MissingPackets", idBytes, `${list.childCount} of at least ${fixedValues} values`)
  }
  if (list.childCount > fixedValues + maxPackets) {
    return tooMany(list.childCount - fixedValues)
  }
  const flagStart = list.end
  const senderStart = MessagePack.skip(body, flagStart)
  if (senderStart < 0) return truncated(flagStart)
  const timeStart = MessagePack.skip(body, senderStart)
  if (timeStart < 0) return truncated(senderStart)
  const payloadStart = MessagePack.skip(body, timeStart)
  if (payloadStart < 0) return truncated(timeStart)
  const time = MessagePack.readInteger(body, timeStart, payloadStart)
  if (time === undefined || time < 0) {
    return new WireFault("InvalidTime", timeStart, "a time that is no number from 0 on")
  }
  let end = payloadStart
  for (let i = fixedValues; i < list.childCount; i++) {
    const start = end
    end = MessagePack.skip(body, start)
    if (end < 0) return truncated(start)
  }
  // What follows the list is covered by the id; the references take and ignore it.
  const type = Flags.readType(body, flagStart, senderStart)
  const packetCount = list.childCount - fixedValues
  return new ListMessage(type, time, isVerified, body, senderStart, timeStart, payloadStart, packetCount)
}

const tooMany = (count: number): WireFault =>
  new WireFault("TooManyPackets", idBytes, `${count} packets, the limit is ${maxPackets}`)

const truncated = (offset: number): WireFault =>
  new WireFault("PacketOverrun", offset, "a value that is malformed, cut off, or nested too deep")

/**
 * A new message, serialized at once. Throws a `RangeError` for a type or a time that cannot be written, or too many
 * packets.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  hashing: Hashing["Service"],
  type: MessageType,
  sender: string | Uint8Array,
  packets: ReadonlyArray<Packet>,
  time: number | bigint
): Message => {
  checkPackets(packets)
  const senderBytes = typeof sender === "string" ? encoder.encode(sender) : sender
  const body = serialize(hashing, type, senderBytes, packets, time)
  const id = hex(body, idBytes)
  return new PlainMessage(type, senderBytes, id, time, contentsOf(packets), body, packets, view(body, 0, idBytes))
}

/**
 * The body of a message: the one it has, or a new one from its parts.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (hashing: Hashing["Service"], message: Message): Uint8Array =>
  message.body ?? serialize(hashing, message.type, message.senderBytes, message.packets, message.exactTime)

/**
 * The frame of a message, the size and the body.
 *
 * @category encoding
 * @since 0.1.0
 */
export const frame = (hashing: Hashing["Service"], message: Message): Uint8Array =>
  Frame.frame(encode(hashing, message))

/**
 * A packet by itself.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodePacket = (packet: Packet): Uint8Array => {
  const out = new Uint8Array(packetBytes(packet))
  writePacket(packet, out, 0)
  return out
}

/**
 * The packet that bytes are; `undefined` when they are not exactly one value.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodePacket = (bytes: Uint8Array): Packet | undefined =>
  bytes.length > 0 && MessagePack.skip(bytes, 0) === bytes.length ? packetAt(bytes, 0, bytes.length) : undefined

const serialize = (
  hashing: Hashing["Service"],
  type: MessageType,
  sender: Uint8Array,
  packets: ReadonlyArray<Packet>,
  time: number | bigint
): Uint8Array => {
  const flag = Flags.typeBytes(type)
  if (flag === undefined || MessagePack.skip(flag, 0) !== flag.length) {
    throw new RangeError(`not a message type: ${type}`)
  }
  const timeBytes = MessagePack.integer(time)
  const valueCount = fixedValues + packets.length
  let bytes = idBytes + MessagePack.listHeaderBytes(valueCount) + flag.length + timeBytes.length +
    MessagePack.headerBytes("text", sender.length) + sender.length
  for (const packet of packets) bytes += packetBytes(packet)

  const out = new Uint8Array(bytes)
  let position = MessagePack.writeListHeader(valueCount, out, idBytes)
  out.set(flag, position)
  // Ids are texts, from whichever kind they were read: one choice for the whole network.
  position = MessagePack.writePart("text", sender, out, position + flag.length)
  out.set(timeBytes, position)
  position += timeBytes.length
  for (const packet of packets) position = writePacket(packet, out, position)
  out.set(hashing.digest("sha256", out.subarray(idBytes)))
  return out
}

const packetBytes = (packet: Packet): number => {
  const kind = kindOf(packet)
  const size = contentOf(packet).length
  return kind === "value" ? size : MessagePack.headerBytes(kind, size) + size
}

const writePacket = (packet: Packet, out: Uint8Array, offset: number): number => {
  const kind = kindOf(packet)
  const content = contentOf(packet)
  if (kind !== "value") return MessagePack.writePart(kind, content, out, offset)
  out.set(content, offset)
  return offset + content.length
}
