/**
 * Messages as lines: JSON for people and programs, hex for the wire. Each function takes one line
 * and gives one line; what is wrong with the input is answered on that line, too.
 *
 * Times are whole numbers of any size in JSON: neither direction rounds them.
 */
import type { CompressingMethod, CompressionMethod } from "../Protocol/Compression/Compression.ts"
import * as Frame from "../Protocol/Frame.ts"
import { knownTypes, type Message, type MessageType } from "../Protocol/Message.ts"
import type { Packet } from "../Protocol/Packet.ts"
import type { Protocol } from "../Protocol/Protocol.ts"
import { isWireFault, type WireFault, type WireFaultReason } from "../Protocol/WireFault.ts"
import { harmlessJson } from "./Style.ts"

/**
 * What is wrong with a line: not hex, not JSON, not the fields of a message, or no frame.
 *
 * @category errors
 * @since 0.1.0
 */
class LineError {
  readonly tag: "InvalidHex" | "InvalidJson" | "InvalidField" | WireFaultReason
  readonly message: string
  constructor(tag: LineError["tag"], message: string) {
    this.tag = tag
    this.message = message
  }
}

/** A frame says its size in four bytes; a line cannot be that long. */
const maxFrameBytes = 0xffffffff

/** A compressed frame may inflate to 64 MiB. */
const maxPlainBytes = 64 * 1024 * 1024

/** Readers take 64 digits in base 58. */
const endOfTime = 58n ** 64n

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** What `JSON` has since Node 22, and TypeScript's library does not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const parseJson = JSON.parse as (text: string, reviver: Reviver) => unknown
const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON

/**
 * The JSON of a message as the hex of its frame, compressed with `method` if there is one. `now` is
 * the time of a message that does not say its own, in seconds.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeLine = (
  protocol: Protocol["Service"],
  method: CompressingMethod | undefined,
  line: string,
  now: number
): string => {
  const message = readMessage(protocol, line, now)
  if (message instanceof LineError) return writeError(message)
  const body = protocol.encode(message)
  return toHex(Frame.frame(method === undefined ? body : method.compress(body)))
}

/**
 * The hex of a frame as the JSON of its message. `methods` are those that the frame may be
 * compressed with.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeLine = (
  protocol: Protocol["Service"],
  methods: ReadonlyArray<CompressionMethod>,
  line: string
): string => {
  const message = readFrame(protocol, methods, line.trim())
  return message instanceof LineError ? writeError(message) : writeMessage(protocol, message)
}

const readFrame = (
  protocol: Protocol["Service"],
  methods: ReadonlyArray<CompressionMethod>,
  hex: string
): Message | LineError => {
  const bytes = fromHex(hex)
  if (bytes instanceof LineError) return new LineError("InvalidHex", `a frame ${bytes.message}`)
  const body = Frame.decodeFrame(bytes, maxFrameBytes)
  if (isWireFault(body)) return fromFault(body, "frame")
  const plain = protocol.unpack(body, methods, maxPlainBytes)
  if (isWireFault(plain)) return fromFault(plain, "body")
  const message = protocol.decode(plain)
  if (!isWireFault(message)) return message
  const others = plain === body ? protocol.methods.filter((method) => method.recognizes(body)) : []
  if (others.length === 0) return fromFault(message, "body")
  const names = others.map((method) => method.name).join(" or ")
  return new LineError("MalformedCompression", `the frame looks compressed: pass --compression ${names} to read it`)
}

const writeMessage = (protocol: Protocol["Service"], message: Message): string =>
  harmlessJson({
    type: message.type,
    sender: message.sender,
    ...(isText(message) ? {} : { senderHex: toHex(message.senderBytes) }),
    time: rawJson(String(message.exactTime)),
    payload: message.packets.map((packet) => toHex(protocol.encodePacket(packet))),
    ...(protocol.isTyped ? { values: message.packets.map((packet) => toJson(protocol.valueOf(packet))) } : {}),
    id: message.id
  })

const isText = (message: Message): boolean => Buffer.compare(encoder.encode(message.sender), message.senderBytes) === 0

const fromFault = (fault: WireFault, part: "frame" | "body"): LineError =>
  new LineError(fault.reason, `${fault.detail} (at byte ${fault.offset} of the ${part})`)

const writeError = (error: LineError): string => harmlessJson({ error: { tag: error.tag, message: error.message } })

/** The fields of a message, of any type yet; `time` is the text of a whole number where it is one. */
interface Fields {
  readonly type?: unknown
  readonly sender?: unknown
  readonly senderHex?: unknown
  readonly time?: unknown
  readonly payload?: unknown
  readonly values?: unknown
  readonly id?: unknown
}

const fieldNames = ["type", "sender", "senderHex", "time", "payload", "id"]
const typedFieldNames = ["type", "sender", "senderHex", "time", "payload", "values", "id"]

const readMessage = (protocol: Protocol["Service"], line: string, now: number): Message | LineError => {
  const fields = readFields(line, protocol.isTyped ? typedFieldNames : fieldNames)
  if (fields instanceof LineError) return fields
  const type = readType(fields.type)
  if (type instanceof LineError) return type
  const sender = readSender(fields)
  if (sender instanceof LineError) return sender
  const time = fields.time === undefined ? now : readTime(fields.time)
  if (time instanceof LineError) return time
  const payload = readPackets(protocol, fields)
  if (payload instanceof LineError) return payload
  const message = makeMessage(protocol, type, sender, payload, time)
  if (message instanceof LineError) return message
  return fields.id === undefined || fields.id === message.id
    ? message
    : field("id", `is not that of this payload and time, which is "${message.id}"; leave it out to have it made`)
}

/** What only one of the wire versions can write, it refuses itself. */
const makeMessage = (protocol: Protocol["Service"], ...parts: Parameters<Protocol["Service"]["make"]>) => {
  try {
    return protocol.make(...parts)
  } catch (error) {
    return new LineError("InvalidField", `wire version ${protocol.version} cannot write that: ${String(error)}`)
  }
}

const readFields = (line: string, fieldNames: ReadonlyArray<string>): Fields | LineError => {
  let value: unknown
  try {
    value = parseJson(line, (key, value, { source }) => key === "time" && isWhole(source) ? BigInt(source) : value)
  } catch (error) {
    return new LineError("InvalidJson", `not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new LineError(
      "InvalidField",
      "a message is an object: {\"type\":\"broadcast\",\"payload\":[\"00\",\"6869\"]}"
    )
  }
  const unknown = Object.keys(value).filter((key) => !fieldNames.includes(key))
  if (unknown.length === 0) return value
  const names = unknown.map((key) => JSON.stringify(key)).join(", ")
  return new LineError("InvalidField", `unknown: ${names}; a message has ${fieldNames.join(", ")}`)
}

/** Long enough for every time, and short enough to be read at once. */
const isWhole = (source: string | undefined): source is string => source !== undefined && /^\d{1,120}$/.test(source)

const readType = (type: unknown): MessageType | LineError =>
  typeof type === "string" && isType(type)
    ? type
    : field("type", `must be one of ${knownTypes.join(", ")}, or a flag in hex such as "0x20"`)

const isType = (type: string): type is MessageType =>
  (knownTypes as ReadonlyArray<string>).includes(type) || /^0x(?:[0-9a-f]{2})*$/i.test(type)

const readSender = ({ sender, senderHex }: Fields): string | Uint8Array | LineError => {
  if (sender !== undefined && (typeof sender !== "string" || !sender.isWellFormed())) {
    return field("sender", "must be a text; bytes that are none go into \"senderHex\"")
  }
  if (senderHex === undefined) return sender ?? ""
  if (typeof senderHex !== "string") return field("senderHex", "must be a text in hex")
  const bytes = fromHex(senderHex)
  if (bytes instanceof LineError) return field("senderHex", bytes.message)
  return sender === undefined || sender === decoder.decode(bytes)
    ? bytes
    : field("sender", "says something else than \"senderHex\"; give one of the two")
}

const readTime = (time: unknown): number | bigint | LineError => {
  const exact = typeof time === "number" && Number.isSafeInteger(time) ? BigInt(time) : time
  return typeof exact === "bigint" && exact >= 0n && exact < endOfTime
    ? exact
    : field("time", "must be a whole number of seconds, from 0 to 58^64 - 1")
}

/** The packets by their bytes on the wire, or, where that is typed, by what they say. */
const readPackets = (protocol: Protocol["Service"], fields: Fields): ReadonlyArray<Packet> | LineError => {
  if (fields.values !== undefined && fields.payload === undefined) {
    if (!Array.isArray(fields.values)) return field("values", "must be an array, an item for each packet")
    return readValues(protocol, fields.values)
  }
  const payload = readPayload(fields.payload)
  if (payload instanceof LineError) return payload
  const packets: Array<Packet> = []
  for (const [index, bytes] of payload.entries()) {
    const packet = protocol.decodePacket(bytes)
    if (packet === undefined) return field(`payload[${index}]`, "must be exactly one value of msgpack")
    packets.push(packet)
  }
  return packets
}

const readValues = (
  protocol: Protocol["Service"],
  values: ReadonlyArray<unknown>
): ReadonlyArray<Packet> | LineError => {
  const packets: Array<Packet> = []
  for (const [index, value] of values.entries()) {
    try {
      packets.push(protocol.packetOf(fromJson(value)))
    } catch (error) {
      return field(`values[${index}]`, `cannot be written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return packets
}

/**
 * Bytes have no JSON: `{"hex": "00ff"}` stands for them. A whole number under the name of "time", at whatever depth, was
 * read as if it were that of the message.
 */
const fromJson = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(fromJson)
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first?.[0] === "hex" && typeof first[1] === "string") {
    const bytes = fromHex(first[1])
    if (!(bytes instanceof LineError)) return bytes
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, fromJson(item)]))
}

const toJson = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return { hex: toHex(value) }
  if (typeof value === "bigint") return rawJson(String(value))
  if (Array.isArray(value)) return value.map(toJson)
  return typeof value !== "object" || value === null
    ? value
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]))
}

const readPayload = (payload: unknown): ReadonlyArray<Uint8Array> | LineError => {
  if (!Array.isArray(payload)) return field("payload", "must be an array of packets, each a text in hex")
  const packets: Array<Uint8Array> = []
  for (const [index, packet] of payload.entries()) {
    const bytes = typeof packet === "string" ? fromHex(packet) : field(`payload[${index}]`, "must be a text in hex")
    if (bytes instanceof LineError) {
      return bytes.tag === "InvalidHex"
        ? field(`payload[${index}]`, bytes.message)
        : bytes
    }
    packets.push(bytes)
  }
  return packets
}

const field = (name: string, problem: string): LineError => new LineError("InvalidField", `"${name}" ${problem}`)

const fromHex = (text: string): Uint8Array | LineError => {
  const wrong = text.search(/[^0-9a-f]/i)
  if (wrong >= 0) return new LineError("InvalidHex", `must be hex, character ${wrong + 1} is no hex digit`)
  if (text.length % 2 !== 0) {
    return new LineError("InvalidHex", `must be hex, two digits a byte: ${text.length} digits are no whole bytes`)
  }
  return Buffer.from(text, "hex")
}

const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")
