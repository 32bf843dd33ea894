/**
 * lz-string as a compression method, the same on Node and in browsers. Packed bodies are the four
 * bytes "LZS1" and what the package's `compressToUint8Array` makes of the bytes, taken as one
 * character each.
 *
 * The package's decompressor is not used: it has no bound (1.7 kB make a megabyte, and the output grows
 * with the square), and takes a truncated stream for an empty one. The one here reads the same format
 * into bytes, stops at the limit and refuses every code that is not defined yet. Its compressor takes a microsecond for
 * each byte, and more the more they repeat: three seconds for two megabytes of zeros. So it is given none but small bodies,
 * or a peer that reads nothing else would hold up whoever sends to it.
 */
import LzStringPackage from "lz-string"
import type { CompressingMethod, DecompressionFault } from "./Compression.ts"
import { GrowingOutput } from "./internal/GrowingOutput.ts"

/** "LZS1". A plain body of 0.4 that begins so would have a first packet of over 1 GB. */
const magic = /* @__PURE__ */ Uint8Array.of(0x4c, 0x5a, 0x53, 0x31)

/** Longer bodies go out as they are; those that come are read at any length. */
const maxWrittenBytes = 65_536

/**
 * The codes below 3: a new character of 8 bits follows, one of 16 bits (1, never made from bytes), or
 * the stream ends.
 */
const newByte = 0
const endOfStream = 2
const firstPhrase = 3

/**
 * The method `"lz-string"`, which only nodes of this library know. Bodies of more than 64 KiB are not packed by it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lzString: CompressingMethod = {
  name: "lz-string",
  compress: (bytes) => {
    if (bytes.length > maxWrittenBytes) return bytes
    const packed = LzStringPackage.compressToUint8Array(toCharacters(bytes))
    const out = new Uint8Array(magic.length + packed.length)
    out.set(magic)
    out.set(packed, magic.length)
    return out
  },
  decompress: (bytes, maxBytes) => recognizes(bytes) ? inflate(bytes, maxBytes) : "malformed",
  recognizes: (bytes) => recognizes(bytes)
}

/** Looked at for each body that comes. */
const recognizes = (bytes: Uint8Array): boolean => {
  for (let index = 0; index < magic.length; index++) if (bytes[index] !== magic[index]) return false
  return true
}

/** One character for each byte, in pieces that fit the stack. */
const toCharacters = (bytes: Uint8Array): string => {
  let text = ""
  for (let start = 0; start < bytes.length; start += 4096) {
    text += String.fromCharCode(...bytes.subarray(start, start + 4096))
  }
  return text
}

/**
 * As in LZW, each new phrase is the last one and the first byte of the next: it stands in the output
 * already, so a phrase is a place and a length there. Codes grow by a bit as phrases do.
 */
const inflate = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFault => {
  const bits = new BitReader(bytes, magic.length)
  const phrases = new Phrases()
  const output = new GrowingOutput(maxBytes, bytes.length * 4)
  let lastStart = 0
  let lastLength = 0
  for (;;) {
    const code = bits.read(phrases.codeBits)
    if (code === endOfStream) return output.finish()
    const known = code >= firstPhrase && code < phrases.count
    // The phrase that this very code completes: the last one and its own first byte again.
    const repeats = code === phrases.count && lastLength > 0
    const byte = code === newByte ? bits.read(8) : 0
    if (byte < 0 || (code !== newByte && !known && !repeats)) return "malformed"

    const place = output.count
    const start = known ? phrases.start(code) : repeats ? lastStart : place
    const length = known ? phrases.length(code) : repeats ? lastLength + 1 : 1
    if (!output.reserve(length)) return "tooLarge"
    if (code === newByte) {
      output.bytes[output.count++] = byte
      phrases.add(place, 1)
    } else output.repeat(place - start, length)
    if (lastLength > 0) phrases.add(lastStart, lastLength + 1)
    lastStart = place
    lastLength = length
  }
}

/** Where each phrase stands in the output, and how wide the codes are that name so many. */
class Phrases {
  readonly #starts: Array<number> = [0, 0, 0]
  readonly #lengths: Array<number> = [0, 0, 0]
  codeBits = 2
  #untilWider = 1

  get count(): number {
    return this.#starts.length
  }

  start(code: number): number {
    return this.#starts[code]!
  }

  length(code: number): number {
    return this.#lengths[code]!
  }

  add(start: number, length: number): void {
    this.#starts.push(start)
    this.#lengths.push(length)
    if (--this.#untilWider === 0) {
      this.#untilWider = 2 ** this.codeBits
      this.codeBits++
    }
  }
}

/** Bits from the highest of each byte on; the first bit read is the lowest of a code. */
class BitReader {
  readonly #bytes: Uint8Array
  #position: number

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes
    this.#position = start * 8
  }

  /** The next number of so many bits, or -1 when fewer are left. */
  read(count: number): number {
    if (this.#position + count > this.#bytes.length * 8) return -1
    let value = 0
    for (let i = 0; i < count; i++, this.#position++) {
      value |= ((this.#bytes[this.#position >>> 3]! >>> (7 - (this.#position & 7))) & 1) << i
    }
    return value
  }
}
