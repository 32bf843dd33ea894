/**
 * The flags of wire version 0.4 (`docs/protocol.md`, "A frame"), each table both ways: main flags are message types,
 * sub-flags say what a payload is, compression flags stand in handshakes as texts of one character.
 */
import * as HexType from "../internal/HexType.ts"
import { knownTypes, type MessageType } from "../Message.ts"

/** Sub-flags by byte. */
const subFlags = [
  "broadcast",
  "compression",
  "whisper",
  "handshake",
  "ping",
  "pong",
  "notify",
  "peers",
  "request",
  "resend",
  "response",
  "store",
  "retrieve"
] as const

/** Compression methods by byte, from 0x10 on. Those from 0x14 on are named only: nobody has them. */
const compressions = [
  "bz2",
  "gzip",
  "lzma",
  "zlib",
  "bwtc",
  "context1",
  "defsum",
  "dmc",
  "fenwick",
  "huffman",
  "lzjb",
  "lzjbr",
  "lzp3",
  "mtf",
  "ppmd",
  "simple"
] as const

const firstCompression = 0x10

/**
 * The sub-flags that have a byte.
 *
 * @category models
 * @since 0.1.0
 */
export type NamedSubFlag = typeof subFlags[number]

/** Each flag is one and the same packet everywhere, so nothing is allocated for it: never write into it. */
const packets = Array.from(
  { length: Math.max(knownTypes.length, subFlags.length) },
  (_, flag) => Uint8Array.of(flag)
)
const mainPackets = new Map<string, Uint8Array>(knownTypes.map((type, flag) => [type, packets[flag]!]))
const subPackets = new Map<string, Uint8Array>(subFlags.map((name, flag) => [name, packets[flag]!]))
const compressionTexts = new Map<string, string>(
  compressions.map((name, index) => [name, String.fromCharCode(firstCompression + index)])
)
const compressionNames = new Map<string, string>(Array.from(compressionTexts, ([name, text]) => [text, name]))

/**
 * The byte with which a broadcast is passed on.
 *
 * @category models
 * @since 0.1.0
 */
export const waterfall = 0x01

/**
 * The type for the main flag in `body` from `start` to `end`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readType = (body: Uint8Array, start: number, end: number): MessageType => {
  const name = end - start === 1 ? knownTypes[body[start]!] : undefined
  if (name !== undefined) return name
  return HexType.toType(body, start, end)
}

/**
 * The main flag of a type; `undefined` when it is neither a known name nor `0x` and whole bytes in hex.
 *
 * @category encoding
 * @since 0.1.0
 */
export const typePacket = (type: MessageType): Uint8Array | undefined => mainPackets.get(type) ?? HexType.toBytes(type)

/**
 * The name of a sub-flag packet.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readSubFlag = (packet: Uint8Array | undefined): NamedSubFlag | "custom" | "none" => {
  if (packet === undefined) return "none"
  return (packet.length === 1 ? subFlags[packet[0]!] : undefined) ?? "custom"
}

/**
 * The packet of a sub-flag.
 *
 * @category encoding
 * @since 0.1.0
 */
export const subFlagPacket = (name: NamedSubFlag): Uint8Array => subPackets.get(name)!

/**
 * How a method stands in a list on the wire: its flag as a character, or the name if it has none.
 *
 * @category encoding
 * @since 0.1.0
 */
export const compressionText = (name: string): string => compressionTexts.get(name) ?? name

/**
 * The method's name, or the text as it came when it is no flag.
 *
 * @category decoding
 * @since 0.1.0
 */
export const compressionName = (text: string): string => compressionNames.get(text) ?? text
