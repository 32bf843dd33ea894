/**
 * Bodies of wire version 0.4 to messages and back (`docs/protocol.md`, "A frame"). A body is the lengths of all
 * packets, four bytes each, and then the packets: main flag, sender, id, time, payload. How many
 * there are is not written: the lengths end where they add up to what is left of the body.
 *
 * The id is the digest of the payload packets joined and of the time in its shortest form. Neither
 * main flag, sender nor the borders between packets are covered by it.
 */
import * as Base58 from "../Base58.ts"
import * as Frame from "../Frame.ts"
import { copy, isAt, view } from "../internal/Bytes.ts"
import { type IdText, maxIdBytes } from "../internal/Ids.ts"
import * as Slab from "../internal/Slab.ts"
import { checkPackets, knownIdBytes, type KnownIds, maxPackets, type Message, type MessageType } from "../Message.ts"
import { WireFault } from "../WireFault.ts"
import { BodyMessage, fixedPackets, lengthBytes } from "./BodyMessage.ts"
import * as Flags from "./Flags.ts"

/**
 * Significant digits of a time. A body could hold a time of megabytes, whose conversion takes time
 * quadratic in its length; the references take any length.
 */
const maxTimeDigits = 64
/** Where the lengths of a message end that has all the packets it may have. */
const maxLengthsEnd = (fixedPackets + maxPackets) * lengthBytes

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Reads a plain body; the message's parts are views of it. A broadcast with an id that is `known` is not
 * checked.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (idText: IdText, body: Uint8Array, known?: KnownIds): Message | WireFault => {
  const total = body.length
  if (total === 0) return new WireFault("EmptyFrame", 0, "a body without bytes")
  let lengthsEnd = 0
  let announced = 0
  while (lengthsEnd + announced < total) {
    if (lengthsEnd === maxLengthsEnd) {
      return new WireFault(
        "TooManyPackets",
        lengthsEnd,
        `${maxPackets + 1} packets or more, the limit is ${maxPackets}`
      )
    }
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
  return decodePackets(idText, body, lengthsEnd, known)
}

const decodePackets = (
  idText: IdText,
  body: Uint8Array,
  lengthsEnd: number,
  known: KnownIds | undefined
): Message | WireFault => {
  const senderStart = lengthsEnd + Frame.readHeader(body, 0)
  const idStart = senderStart + Frame.readHeader(body, lengthBytes)
  const timeStart = idStart + Frame.readHeader(body, 2 * lengthBytes)
  const payloadStart = timeStart + Frame.readHeader(body, 3 * lengthBytes)

  let time: number | bigint | undefined = lastTime
  let timeText = lastTimeText
  if (!isAt(body, timeStart, payloadStart, lastTimeText)) {
    timeText = Base58.shortest(view(body, timeStart, payloadStart))
    if (timeText.length > maxTimeDigits) {
      return new WireFault("InvalidTime", timeStart, `a time of ${timeText.length} digits, more than ${maxTimeDigits}`)
    }
    time = Base58.readInteger(timeText)
    if (time === undefined) return new WireFault("InvalidTime", timeStart, "a time that is not in base 58")
    if (typeof time === "number") keepTime(time, timeText)
  }

  const type = Flags.readType(body, lengthsEnd, senderStart)
  const isKnown = known !== undefined && (type === "broadcast" || type === "waterfall") &&
    timeStart - idStart >= knownIdBytes && known.has(body, idStart)
  if (!isKnown) {
    const id = idText(view(body, payloadStart, body.length), timeText)
    // As text: another text of the same number is refused, by the references too.
    if (!isAt(body, idStart, timeStart, id)) {
      return new WireFault("ChecksumMismatch", idStart, `the id should be ${decoder.decode(id)}`)
    }
  }
  return new BodyMessage(type, time, !isKnown, body, 0, lengthsEnd, senderStart, idStart, timeStart, payloadStart)
}

/**
 * A new message, serialized at once: the payload has to be joined for the digest anyway. Throws a
 * `RangeError` for a type or a time that cannot be written, or too many packets.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  idText: IdText,
  type: MessageType,
  sender: string | Uint8Array,
  payload: ReadonlyArray<Uint8Array>,
  time: number | bigint
): Message => {
  checkPackets(payload)
  const flag = flagPacket(type)
  const senderBytes = typeof sender === "string" ? encodeSender(sender) : sender
  const timeText = encodeTime(time)
  const lengthsEnd = (fixedPackets + payload.length) * lengthBytes
  let payloadBytes = 0
  for (const packet of payload) payloadBytes += packet.length

  // Laid out for the longest id, and what comes before it filled in last, so that the payload is copied once;
  // behind it the time once more, because the digest is of both.
  const fixedBytes = lengthsEnd + flag.length + senderBytes.length + timeText.length
  const payloadEnd = Frame.headerBytes + fixedBytes + maxIdBytes + payloadBytes
  const room = Slab.allocate(payloadEnd + timeText.length)
  let position = payloadEnd - payloadBytes
  for (const packet of payload) position = copy(packet, room, position)
  copy(timeText, room, payloadEnd)
  const id = idText(view(room, payloadEnd - payloadBytes, room.length))
  const idBytes = id.length
  copy(id, room, payloadEnd - payloadBytes - timeText.length - idBytes)

  const frame = view(room, maxIdBytes - idBytes, payloadEnd)
  const start = Frame.headerBytes
  Frame.writeHeader(frame.length - start, frame, 0)
  const senderStart = lengthsEnd + flag.length
  const idStart = senderStart + senderBytes.length
  const timeStart = idStart + idBytes
  writeLengths(payload, frame, start, flag.length, senderBytes.length, idBytes, timeText.length)
  copy(senderBytes, frame, copy(flag, frame, start + lengthsEnd))
  copy(timeText, frame, start + timeStart)
  return new BodyMessage(
    Flags.readType(flag, 0, flag.length),
    time,
    true,
    frame,
    start,
    lengthsEnd,
    senderStart,
    idStart,
    timeStart,
    timeStart + timeText.length
  )
}

/**
 * The body of a message: the one it has, or a new one from its parts.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (message: Message): Uint8Array => message.body ?? serialize(message, flagPacket(message.type))

/**
 * The frame of a message, the size and the body.
 *
 * @category encoding
 * @since 0.1.0
 */
export const frame = (message: Message): Uint8Array =>
  (message instanceof BodyMessage ? message.frame : undefined) ?? Frame.frame(encode(message))

/**
 * The frame of a message with the main flag `waterfall`, everything else as it is.
 *
 * @category encoding
 * @since 0.1.0
 */
export const frameRelay = (message: Message): Uint8Array => {
  if (!(message instanceof BodyMessage) || message.flagLength !== 1) {
    return Frame.frame(serialize(message, flagPacket("waterfall")))
  }
  const out = Frame.frame(message.body)
  out[Frame.headerBytes + message.flagStart] = Flags.waterfall
  return out
}

const serialize = (message: Message, flag: Uint8Array): Uint8Array => {
  const id = encoder.encode(message.id)
  const timeText = encodeTime(message.exactTime)
  const lengthsEnd = (fixedPackets + message.payload.length) * lengthBytes
  const fixedBytes = flag.length + message.senderBytes.length + id.length + timeText.length
  const payloadBytes = message.payload.reduce((sum, packet) => sum + packet.length, 0)
  const out = new Uint8Array(lengthsEnd + fixedBytes + payloadBytes)
  writeLengths(message.payload, out, 0, flag.length, message.senderBytes.length, id.length, timeText.length)
  let position = copy(timeText, out, copy(id, out, copy(message.senderBytes, out, copy(flag, out, lengthsEnd))))
  for (const packet of message.payload) position = copy(packet, out, position)
  return out
}

/** Writes the lengths of all packets into a body that begins at `start`. */
const writeLengths = (
  payload: ReadonlyArray<Uint8Array>,
  out: Uint8Array,
  start: number,
  flagBytes: number,
  senderBytes: number,
  idBytes: number,
  timeBytes: number
): void => {
  Frame.writeHeader(flagBytes, out, start)
  Frame.writeHeader(senderBytes, out, start + lengthBytes)
  Frame.writeHeader(idBytes, out, start + 2 * lengthBytes)
  Frame.writeHeader(timeBytes, out, start + 3 * lengthBytes)
  let position = start + fixedPackets * lengthBytes
  for (const packet of payload) {
    Frame.writeHeader(packet.length, out, position)
    position += lengthBytes
  }
}

const flagPacket = (type: MessageType): Uint8Array => {
  const flag = Flags.typePacket(type)
  if (flag === undefined) throw new RangeError(`not a message type: ${type}`)
  return flag
}

/** A node says the same sender again and again, and for a second all say the same time. */
let lastSender = ""
let lastSenderBytes: Uint8Array = encoder.encode(lastSender)

const encodeSender = (sender: string): Uint8Array => {
  if (sender !== lastSender) {
    lastSenderBytes = encoder.encode(sender)
    lastSender = sender
  }
  return lastSenderBytes
}

let lastTime = 0
let lastTimeText: Uint8Array = encoder.encode(Base58.fromInteger(lastTime))

const encodeTime = (time: number | bigint): Uint8Array => {
  if (time === lastTime) return lastTimeText
  const text = encoder.encode(Base58.fromInteger(time))
  if (typeof time === "number") keepTime(time, text)
  return text
}

const keepTime = (time: number, text: Uint8Array): void => {
  lastTime = time
  // Of its own: a view would keep the whole body.
  lastTimeText = text.slice()
}
