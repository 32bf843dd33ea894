/**
 * The flags of wire version 0.7 (`docs/protocol-0.7.md`, "A frame"): whole numbers, in three tables of their own.
 */
import * as HexType from "../internal/HexType.ts"
import type { MessageType } from "../Message.ts"
import { contentOf, kindOf, type Packet, TypedPacket } from "../Packet.ts"
import type { SubFlag } from "../Payload.ts"

/** Main flags by number. */
const mainFlags = ["broadcast", "renegotiate", "whisper", "ping", "pong"] as const

/** Sub-flags by number; those without a name here belong to paths, which nobody uses. */
const subFlags = [
  "broadcast",
  "compression",
  "whisper",
  "ping",
  "pong",
  "handshake",
  "notify",
  "peers",
  "request",
  "resend",
  "response",
  "store",
  "retrieve",
  "retrieved",
  undefined,
  undefined,
  undefined,
  "delta"
] as const

/** Compression methods by number. Those from 20 to 31 are named only: nobody has them. */
const compressions = new Map<string, number>([
  ["bz2", 16],
  ["gzip", 17],
  ["lzma", 18],
  ["zlib", 19],
  ["bwtc", 20],
  ["context1", 21],
  ["defsum", 22],
  ["dmc", 23],
  ["fenwick", 24],
  ["huffman", 25],
  ["lzjb", 26],
  ["lzjbr", 27],
  ["lzp3", 28],
  ["mtf", 29],
  ["ppmd", 30],
  ["simple", 31],
  ["snappy", 32]
])
const compressionNames = new Map(Array.from(compressions, ([name, flag]) => [flag, name]))

/**
 * The sub-flags that have a number.
 *
 * @category models
 * @since 0.1.0
 */
export type NamedSubFlag = Exclude<typeof subFlags[number], undefined>

/** One packet for each sub-flag: never write into it. */
const subPackets = new Map<string, TypedPacket>(
  subFlags.flatMap((name, flag) => name === undefined ? [] : [[name, new TypedPacket("value", Uint8Array.of(flag))]])
)
const mainBytes = new Map<string, Uint8Array>(mainFlags.map((type, flag) => [type, Uint8Array.of(flag)]))

/**
 * The type for the main flag in `body` from `start` to `end`, one value.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readType = (body: Uint8Array, start: number, end: number): MessageType => {
  const name = end - start === 1 ? mainFlags[body[start]!] : undefined
  if (name !== undefined) return name
  return HexType.toType(body, start, end)
}

/**
 * The main flag of a type, as msgpack; `undefined` when it is neither a name of this version nor `0x`
 * and whole bytes in hex.
 *
 * @category encoding
 * @since 0.1.0
 */
export const typeBytes = (type: MessageType): Uint8Array | undefined =>
  mainBytes.get(type) ?? (type.length > 2 ? HexType.toBytes(type) : undefined)

/**
 * The name of a sub-flag packet. `custom` is a text or bytes; a number without a name is `unknown`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readSubFlag = (packet: Packet | undefined): SubFlag => {
  if (packet === undefined) return "none"
  if (kindOf(packet) !== "value") return "custom"
  const bytes = contentOf(packet)
  return (bytes.length === 1 ? subFlags[bytes[0]!] : undefined) ?? "unknown"
}

/**
 * The packet of a sub-flag.
 *
 * @category encoding
 * @since 0.1.0
 */
export const subFlagPacket = (name: NamedSubFlag): TypedPacket => subPackets.get(name)!

/**
 * How a method stands in a list on the wire: its number, or the name if it has none.
 *
 * @category encoding
 * @since 0.1.0
 */
export const compressionFlag = (name: string): number | string => compressions.get(name) ?? name

/**
 * The method's name; a text as it came, and a number without a name as its digits.
 *
 * @category decoding
 * @since 0.1.0
 */
export const compressionName = (flag: number | string): string =>
  typeof flag === "string" ? flag : compressionNames.get(flag) ?? String(flag)
