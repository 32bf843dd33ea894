/**
 * Calls between chord nodes as messages: whispers with a sub-flag that the wire version has no name
 * for, which original nodes ignore. The packets behind the sub-flag:
 *
 * - `call`: number (4 bytes, big-endian), kind, packets of the request;
 * - `tell`: kind, packets; nothing is answered;
 * - `answer`: number, `ok`, packets of the answer; or number, `no`, tag, detail.
 *
 * A number counts on the link that it came over. Kinds and tags are short and of visible ASCII
 * characters; a detail is a sentence in UTF-8.
 */
import { isEqual } from "../../Protocol/internal/Bytes.ts"
import { WireFault } from "../../Protocol/WireFault.ts"

/** A request that wants an answer. */
export interface CallPackets {
  readonly _tag: "Call"
  readonly number: number
  readonly kind: string
  /** Views of the message: copy what you keep. */
  readonly packets: ReadonlyArray<Uint8Array>
}

/** A request that wants none. */
export interface TellPackets {
  readonly _tag: "Tell"
  readonly kind: string
  readonly packets: ReadonlyArray<Uint8Array>
}

/** What was asked for. */
export interface AnswerPackets {
  readonly _tag: "Answer"
  readonly number: number
  readonly packets: ReadonlyArray<Uint8Array>
}

/** The other node answered no. */
export interface RefusalPackets {
  readonly _tag: "Refusal"
  readonly number: number
  readonly tag: string
  readonly detail: string
}

/** Everything that is said in a call. */
export type CallMessage = CallPackets | TellPackets | AnswerPackets | RefusalPackets

/** The longest kind and tag, in characters. */
const maxKindLength = 32
/** The longest detail of a refusal, in bytes; more is cut off, on both sides. */
const maxDetailBytes = 512
/** The largest number of a call. */
export const maxNumber = 0xffff_ffff

const numberBytes = 4
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** One and the same packet each time, so that nothing is allocated for it: never write into it. */
const callFlag = encoder.encode("call")
const tellFlag = encoder.encode("tell")
const answerFlag = encoder.encode("answer")
const ok = encoder.encode("ok")
const no = encoder.encode("no")

type Packets = ReadonlyArray<Uint8Array>

/** Flag, sender, id, time, and what a call adds, with their lengths, at most. */
const overheadBytes = 512

/** The length of the message that carries these packets, in bytes; not less than it really is. */
export const messageBytes = (packets: Packets): number => {
  let bytes = overheadBytes
  for (const packet of packets) bytes += packet.length + 4
  return bytes
}

/** The payload of a request. Throws a `RangeError` for a kind that is too long, empty or not ASCII. */
export const encodeCall = (number: number, kind: string, packets: Packets): Packets => [
  callFlag,
  writeNumber(number),
  writeWord(kind),
  ...packets
]

/** The payload of a request without an answer. Throws as `encodeCall` does. */
export const encodeTell = (kind: string, packets: Packets): Packets => [tellFlag, writeWord(kind), ...packets]

/** The payload of an answer. */
export const encodeAnswer = (number: number, packets: Packets): Packets => [
  answerFlag,
  writeNumber(number),
  ok,
  ...packets
]

/** The payload of a refusal. Throws as `encodeCall` does, for the tag. */
export const encodeRefusal = (number: number, tag: string, detail: string): Packets => [
  answerFlag,
  writeNumber(number),
  no,
  writeWord(tag),
  encoder.encode(detail).slice(0, maxDetailBytes)
]

/** What a payload says; undefined when it is no part of a call. Never throws. */
export const decode = (payload: Packets): CallMessage | WireFault | undefined => {
  const flag = payload[0]
  if (flag === undefined) return undefined
  if (isEqual(flag, callFlag)) return decodeCall(payload)
  if (isEqual(flag, answerFlag)) return decodeAnswer(payload)
  return isEqual(flag, tellFlag) ? decodeTell(payload) : undefined
}

const decodeCall = (payload: Packets): CallMessage | WireFault => {
  const number = readNumber(payload, 1)
  if (number instanceof WireFault) return number
  const kind = readWord(payload, 2)
  return kind instanceof WireFault ? kind : { _tag: "Call", number, kind, packets: payload.slice(3) }
}

const decodeTell = (payload: Packets): CallMessage | WireFault => {
  const kind = readWord(payload, 1)
  return kind instanceof WireFault ? kind : { _tag: "Tell", kind, packets: payload.slice(2) }
}

const decodeAnswer = (payload: Packets): CallMessage | WireFault => {
  const number = readNumber(payload, 1)
  if (number instanceof WireFault) return number
  const verdict = payload[2]
  if (verdict === undefined) return missing(2, payload)
  if (isEqual(verdict, ok)) return { _tag: "Answer", number, packets: payload.slice(3) }
  if (!isEqual(verdict, no)) return new WireFault("InvalidField", 2, "an answer that is neither ok nor no")
  const tag = readWord(payload, 3)
  if (tag instanceof WireFault) return tag
  const detail = payload[4]
  if (detail === undefined) return missing(4, payload)
  return { _tag: "Refusal", number, tag, detail: decoder.decode(detail.subarray(0, maxDetailBytes)) }
}

const missing = (index: number, payload: Packets): WireFault =>
  new WireFault("MissingPacket", index, `a call of ${payload.length} packets where at least ${index + 1} are needed`)

const writeNumber = (number: number): Uint8Array => {
  const out = new Uint8Array(numberBytes)
  out[0] = number >>> 24
  out[1] = number >>> 16
  out[2] = number >>> 8
  out[3] = number
  return out
}

const readNumber = (payload: Packets, index: number): number | WireFault => {
  const packet = payload[index]
  if (packet === undefined) return missing(index, payload)
  if (packet.length !== numberBytes) {
    return new WireFault("InvalidField", index, `a number of ${packet.length} bytes where ${numberBytes} are needed`)
  }
  return ((packet[0]! << 24) | (packet[1]! << 16) | (packet[2]! << 8) | packet[3]!) >>> 0
}

/** Visible ASCII, from `!` to `~`. */
const isVisible = (code: number): boolean => code > 0x20 && code < 0x7f

/** Throws a `RangeError` for a text that cannot be a kind or a tag. */
export const checkWord = (word: string): void => {
  let isWord = word.length > 0 && word.length <= maxKindLength
  for (let i = 0; i < word.length && isWord; i++) isWord = isVisible(word.charCodeAt(i))
  if (isWord) return
  throw new RangeError(
    `a kind or a tag has 1 to ${maxKindLength} visible ASCII characters, unlike ${JSON.stringify(word)}`
  )
}

const writeWord = (word: string): Uint8Array => {
  checkWord(word)
  const out = new Uint8Array(word.length)
  for (let i = 0; i < word.length; i++) out[i] = word.charCodeAt(i)
  return out
}

const readWord = (payload: Packets, index: number): string | WireFault => {
  const packet = payload[index]
  if (packet === undefined) return missing(index, payload)
  if (packet.length === 0 || packet.length > maxKindLength) {
    return new WireFault("InvalidField", index, `a word of ${packet.length} bytes where 1 to ${maxKindLength} are`)
  }
  let word = ""
  for (let i = 0; i < packet.length; i++) {
    if (!isVisible(packet[i]!)) return new WireFault("InvalidField", index, "a word that is not visible ASCII")
    word += String.fromCharCode(packet[i]!)
  }
  return word
}
