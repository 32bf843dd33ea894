/**
 * Bodies of wire version 0.4 to messages and back (sections 1 and 2). A body is the lengths of all
 * packets, four bytes each, and then the packets: main flag, sender, id, time, payload. How many
 * there are is not written: the lengths end where they add up to what is left of the body.
 *
 * The id is the digest of the payload packets joined and of the time in its shortest form. Neither
 * main flag, sender nor the borders between packets are covered by it.
 */
import * as Base58 from "../Base58.ts"
import * as Frame from "../Frame.ts"
import type { Hashing } from "../Hashing.ts"
import { Message, type MessageType } from "../Message.ts"
import { WireFault } from "../WireFault.ts"
import * as Flags from "./Flags.ts"

/** Flag, sender, id and time. */
const fixedPackets = 4
const lengthBytes = 4
/** A digest of 48 bytes in base 58. */
const maxIdBytes = 66
/**
 * Significant digits of a time. A body could hold a time of megabytes, whose conversion takes time
 * quadratic in its length; the references take any length.
 */
const maxTimeDigits = 64

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const idScratch = new Uint8Array(maxIdBytes)
/** Ten digits hold 2^53 - 1. */
const timeScratch = new Uint8Array(10)
const emptyPacket = new Uint8Array(0)

/**
 * Reads a plain body; the message's parts are views of it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (hashing: Hashing["Service"], body: Uint8Array): Message | WireFault => {
  const total = body.length
  if (total === 0) return new WireFault("EmptyFrame", 0, "a body without bytes")
  let lengthsEnd = 0
  let announced = 0
  while (lengthsEnd + announced < total) {
    if (total - lengthsEnd < lengthBytes) {
      return new WireFault("TruncatedLength", lengthsEnd, `${total - lengthsEnd} of ${lengthBytes} bytes of a length`)
    }
    announced += Frame.readHeader(body, lengthsEnd)
    lengthsEnd += lengthBytes
  }
  if (lengthsEnd + announced > total) {
    const detail = `packets of ${announced} bytes where ${total - lengthsEnd} are left`
    return new WireFault("PacketOverrun", lengthsEnd - lengthBytes, detail)
  }
  const packetCount = lengthsEnd / lengthBytes
  if (packetCount < fixedPackets) {
    return new WireFault("MissingPackets", lengthsEnd, `${packetCount} of at least ${fixedPackets} packets`)
  }
  return decodePackets(hashing, body, lengthsEnd)
}

const decodePackets = (hashing: Hashing["Service"], body: Uint8Array, lengthsEnd: number): Message | WireFault => {
  const senderStart = lengthsEnd + Frame.readHeader(body, 0)
  const idStart = senderStart + Frame.readHeader(body, lengthBytes)
  const timeStart = idStart + Frame.readHeader(body, 2 * lengthBytes)
  const payloadStart = timeStart + Frame.readHeader(body, 3 * lengthBytes)

  const timeText = Base58.shortest(view(body, timeStart, payloadStart))
  if (timeText.length > maxTimeDigits) {
    return new WireFault("InvalidTime", timeStart, `a time of ${timeText.length} digits, more than ${maxTimeDigits}`)
  }
  const time = Base58.readInteger(timeText)
  if (time === undefined) return new WireFault("InvalidTime", timeStart, "a time that is not in base 58")

  const digest = hashing.digest("sha384", view(body, payloadStart, body.length), timeText)
  // As text: another text of the same number is refused, by the references too.
  if (!Base58.equalsBytes(digest, body, idStart, timeStart)) {
    return new WireFault("ChecksumMismatch", idStart, `the id should be ${Base58.fromBytes(digest)}`)
  }
  const payload: Array<Uint8Array> = []
  let start = payloadStart
  for (let i = fixedPackets * lengthBytes; i < lengthsEnd; i += lengthBytes) {
    const end = start + Frame.readHeader(body, i)
    payload.push(view(body, start, end))
    start = end
  }
  return new Message(
    Flags.readType(body, lengthsEnd, senderStart),
    view(body, senderStart, idStart),
    decoder.decode(view(body, idStart, timeStart)),
    time,
    payload,
    body
  )
}

/**
 * A new message, serialized at once: the payload has to be joined for the digest anyway. Throws a
 * `RangeError` for a type or a time that cannot be written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  hashing: Hashing["Service"],
  type: MessageType,
  sender: string | Uint8Array,
  payload: ReadonlyArray<Uint8Array>,
  time: number | bigint
): Message => {
  const flag = flagPacket(type)
  const senderBytes = typeof sender === "string" ? encoder.encode(sender) : sender
  const timeText = encodeTime(time)
  const lengthsEnd = (fixedPackets + payload.length) * lengthBytes
  let payloadBytes = 0
  for (const packet of payload) payloadBytes += packet.length

  // Laid out for the longest id and filled from the end, so that the payload is copied only once.
  const out = new Uint8Array(
    lengthsEnd + flag.length + senderBytes.length + maxIdBytes + timeText.length + payloadBytes
  )
  const payloadStart = out.length - payloadBytes
  let position = payloadStart
  for (const packet of payload) {
    position = copy(packet, out, position)
  }
  const digest = hashing.digest("sha384", view(out, payloadStart, out.length), timeText)
  const idBytes = Base58.writeBytes(digest, idScratch, 0)
  const id = idScratch.subarray(0, idBytes)
  const body = idBytes === maxIdBytes ? out : out.subarray(maxIdBytes - idBytes)
  writeFixed(body, lengthsEnd, flag, senderBytes, id, timeText)
  for (let i = 0; i < payload.length; i++) {
    Frame.writeHeader(payload[i]!.length, body, (fixedPackets + i) * lengthBytes)
  }
  return new Message(Flags.readType(flag, 0, flag.length), senderBytes, decoder.decode(id), time, payload, body)
}

/**
 * The body of a message: the one it has, or a new one from its parts.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (message: Message): Uint8Array => message.body ?? serialize(message, flagPacket(message.type))

/**
 * The body of a message with the main flag `waterfall`, everything else as it is.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRelay = (message: Message): Uint8Array => {
  const body = message.body
  if (body === undefined || Frame.readHeader(body, 0) !== 1) return serialize(message, flagPacket("waterfall"))
  const out = new Uint8Array(body)
  out[(fixedPackets + message.payload.length) * lengthBytes] = Flags.waterfall
  return out
}

const serialize = (message: Message, flag: Uint8Array): Uint8Array => {
  const id = encoder.encode(message.id)
  const timeText = encodeTime(message.exactTime)
  const lengthsEnd = (fixedPackets + message.payload.length) * lengthBytes
  const fixedBytes = flag.length + message.senderBytes.length + id.length + timeText.length
  const payloadBytes = message.payload.reduce((sum, packet) => sum + packet.length, 0)
  const out = new Uint8Array(lengthsEnd + fixedBytes + payloadBytes)
  let position = writeFixed(out, lengthsEnd, flag, message.senderBytes, id, timeText)
  message.payload.forEach((packet, index) => {
    Frame.writeHeader(packet.length, out, (fixedPackets + index) * lengthBytes)
    position = copy(packet, out, position)
  })
  return out
}

/** Writes the first four packets and their lengths; returns where the payload begins. */
const writeFixed = (
  out: Uint8Array,
  lengthsEnd: number,
  flag: Uint8Array,
  sender: Uint8Array,
  id: Uint8Array,
  timeText: Uint8Array
): number => {
  Frame.writeHeader(flag.length, out, 0)
  Frame.writeHeader(sender.length, out, lengthBytes)
  Frame.writeHeader(id.length, out, 2 * lengthBytes)
  Frame.writeHeader(timeText.length, out, 3 * lengthBytes)
  return copy(timeText, out, copy(id, out, copy(sender, out, copy(flag, out, lengthsEnd))))
}

const flagPacket = (type: MessageType): Uint8Array => {
  const flag = Flags.typePacket(type)
  if (flag === undefined) throw new RangeError(`not a message type: ${type}`)
  return flag
}

const encodeTime = (time: number | bigint): Uint8Array => {
  if (typeof time === "bigint" || !Number.isSafeInteger(time) || time < 0) {
    return encoder.encode(Base58.fromInteger(time))
  }
  // A copy, not a view: a view would move the few bytes out of the engine's own heap, at 1 µs.
  return timeScratch.slice(0, Base58.writeInteger(time, timeScratch, 0))
}

/** Returns where the copy ends. For a few bytes a loop takes a fraction of what `set` does. */
const copy = (bytes: Uint8Array, out: Uint8Array, position: number): number => {
  if (bytes.length > 24) out.set(bytes, position)
  else for (let i = 0; i < bytes.length; i++) out[position + i] = bytes[i]!
  return position + bytes.length
}

/** A view by offsets. Unlike `subarray`, of a plain `Uint8Array` whatever class `bytes` has. */
const view = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  start === end ? emptyPacket : new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)
