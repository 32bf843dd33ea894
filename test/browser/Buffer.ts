/**
 * As much of Node's `Buffer` as the tests use that run in browsers too. What is tested uses none of it. Recordings of a
 * megabyte go through here, so nothing is done byte by byte that need not be.
 */
import { join } from "../utils/bytes.ts"

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

class Bytes extends Uint8Array {
  override toString(encoding?: string): string {
    if (encoding !== "hex") return new TextDecoder().decode(this)
    let text = ""
    for (const byte of this) text += pairs[byte]!
    return text
  }
}

const digits = new Map(Array.from("0123456789abcdef", (digit, value) => [digit.charCodeAt(0), value]))

/** Hex up to the first character that is none. */
const fromHex = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length >> 1)
  for (let index = 0; index < bytes.length; index++) {
    const high = digits.get(text.charCodeAt(2 * index) | 0x20)
    const low = digits.get(text.charCodeAt(2 * index + 1) | 0x20)
    if (high === undefined || low === undefined) return bytes.subarray(0, index)
    bytes[index] = 16 * high + low
  }
  return bytes
}

const fromText = (text: string, encoding: unknown): Uint8Array =>
  encoding === "hex" ? fromHex(text) : new TextEncoder().encode(text)

const statics = {
  from: (source: string | Uint8Array | Iterable<number>, encoding?: unknown) => {
    const bytes = typeof source === "string" ? fromText(source, encoding) : source
    return new Bytes(bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes))
  },
  concat: (parts: ReadonlyArray<Uint8Array>) => new Bytes(join(parts)),
  compare: (a: Uint8Array, b: Uint8Array) => {
    const index = a.findIndex((byte, at) => byte !== b[at])
    return index === -1 ? a.length - b.length : a[index]! - (b[index] ?? -1)
  },
  isBuffer: (bytes: unknown) => bytes instanceof Bytes
}

Object.defineProperty(globalThis, "Buffer", { value: Object.assign(Bytes, statics), configurable: true })
