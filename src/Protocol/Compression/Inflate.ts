/**
 * Reads a deflate stream (RFC 1951), for browsers, which have no synchronous zlib. It stops at the
 * limit, says where the stream ended, and takes time that is bounded by the bytes in and out.
 *
 * fflate, which compresses there, is not used to read: it does not check that a Huffman code is
 * possible before it fills a table of 32,768 entries for each of its words, so that 62 bytes held it
 * for 80 ms; and it tells neither where a stream ends nor that it cut one off at the size of its
 * output.
 */
import type { DecompressionFault } from "./Compression.ts"
import { GrowingOutput } from "./internal/GrowingOutput.ts"

/**
 * The output of a stream, and the position right behind it in the input.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inflated {
  readonly bytes: Uint8Array
  readonly end: number
}

const maxCodeBits = 15
/** Words up to this length are looked up at once, longer ones are read bit by bit. */
const tableBits = 9
const literalCount = 288
const endOfBlock = 256
const firstLength = 257

/** The lengths and distances that symbols stand for, and how many bits are added to each. */
const lengthBases = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163]
  .concat([195, 227, 258])
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const distanceBits = Array.from({ length: 30 }, (_, symbol) => Math.max(0, (symbol >> 1) - 1))
const distanceBases = distanceBits.map((bits, symbol) => symbol < 4 ? symbol + 1 : (2 + (symbol & 1)) * 2 ** bits + 1)

/** The order in which a block gives the lengths of the code that its other codes are written in. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/**
 * Reads the stream that begins at `start`; what follows it is left alone.
 *
 * @category decoding
 * @since 0.1.0
 */
export const inflate = (bytes: Uint8Array, start: number, maxBytes: number): Inflated | DecompressionFault => {
  const input = new BitReader(bytes, start)
  const output = new GrowingOutput(maxBytes, (bytes.length - start) * 4)
  for (let isLast = false; !isLast;) {
    isLast = input.read(1) === 1
    const fault = readBlock(input, output)
    if (fault !== undefined) return fault
  }
  return { bytes: output.finish(), end: input.align() }
}

const readBlock = (input: BitReader, output: GrowingOutput): DecompressionFault | undefined => {
  switch (input.read(2)) {
    case 0:
      return readStored(input, output)
    case 1:
      return readSymbols(input, output, fixedLiterals(), fixedDistances())
    case 2:
      return readCodes(input) ? readSymbols(input, output, blockLiterals, blockDistances) : "malformed"
    default:
      return "malformed"
  }
}

const readStored = (input: BitReader, output: GrowingOutput): DecompressionFault | undefined => {
  const start = input.align() + 4
  const { bytes } = input
  if (start > bytes.length) return "malformed"
  const length = bytes[start - 4]! | (bytes[start - 3]! << 8)
  const inverse = bytes[start - 2]! | (bytes[start - 1]! << 8)
  if ((length ^ inverse) !== 0xffff || start + length > bytes.length) return "malformed"
  if (!output.reserve(length)) return "tooLarge"
  output.bytes.set(bytes.subarray(start, start + length), output.count)
  output.count += length
  input.moveTo(start + length)
  return undefined
}

/** The compressed data of one block: literals, and pairs of a length and a distance back. */
const readSymbols = (
  input: BitReader,
  output: GrowingOutput,
  literals: HuffmanCode,
  distances: HuffmanCode
): DecompressionFault | undefined => {
  for (;;) {
    const symbol = literals.read(input)
    // Behind its end the input reads as zeros, so this has to be asked before the symbol counts.
    if (symbol < 0 || input.isPastEnd) return "malformed"
    if (symbol === endOfBlock) return undefined
    if (symbol < endOfBlock) {
      if (!output.reserve(1)) return "tooLarge"
      output.bytes[output.count++] = symbol
      continue
    }
    const lengthBase = lengthBases[symbol - firstLength]
    if (lengthBase === undefined) return "malformed"
    const length = lengthBase + input.read(lengthBits[symbol - firstLength]!)
    const distanceSymbol = distances.read(input)
    const distanceBase = distanceBases[distanceSymbol]
    if (distanceBase === undefined) return "malformed"
    const distance = distanceBase + input.read(distanceBits[distanceSymbol]!)
    if (input.isPastEnd || distance > output.count) return "malformed"
    if (!output.reserve(length)) return "tooLarge"
    output.repeat(distance, length)
  }
}

/** Reads the two codes of a block into `blockLiterals` and `blockDistances`; `false` when they are impossible. */
const readCodes = (input: BitReader): boolean => {
  const literals = input.read(5) + firstLength
  const distances = input.read(5) + 1
  const given = input.read(4) + 4
  if (literals > 286 || distances > 30) return false
  lengths.fill(0)
  for (let i = 0; i < given; i++) lengths[lengthOrder[i]!] = input.read(3)
  if (!lengthCode.build(lengths, 0, lengthOrder.length) || lengthCode.isIncomplete) return false
  lengths.fill(0)
  const total = literals + distances
  for (let i = 0; i < total;) {
    const symbol = lengthCode.read(input)
    if (symbol < 0 || input.isPastEnd) return false
    if (symbol < 16) {
      lengths[i++] = symbol
      continue
    }
    // 16 repeats the length before, 17 and 18 are rows of zeros.
    if (symbol === 16 && i === 0) return false
    const value = symbol === 16 ? lengths[i - 1]! : 0
    const count = symbol === 16 ? 3 + input.read(2) : symbol === 17 ? 3 + input.read(3) : 11 + input.read(7)
    if (i + count > total) return false
    lengths.fill(value, i, i + count)
    i += count
  }
  if (lengths[endOfBlock] === 0) return false
  return blockLiterals.build(lengths, 0, literals) && blockDistances.build(lengths, literals, total)
}

/** Bits from the lowest of each byte on. */
class BitReader {
  readonly bytes: Uint8Array
  #position: number
  #held = 0
  #heldCount = 0

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes
    this.#position = start
  }

  /** Whether more was read than there is: those bits were zeros. */
  get isPastEnd(): boolean {
    return this.#position - (this.#heldCount >>> 3) > this.bytes.length
  }

  /** The next bits, at least 25 of them, the first one lowest. */
  peek(): number {
    while (this.#heldCount <= 24) {
      this.#held |= (this.bytes[this.#position] ?? 0) << this.#heldCount
      this.#position++
      this.#heldCount += 8
    }
    return this.#held
  }

  skip(count: number): void {
    this.#held >>>= count
    this.#heldCount -= count
  }

  /** A number of up to 16 bits. */
  read(count: number): number {
    const value = this.peek() & ((1 << count) - 1)
    this.skip(count)
    return value
  }

  /** Goes on at the next whole byte, and returns its position. */
  align(): number {
    this.moveTo(this.#position - (this.#heldCount >>> 3))
    return this.#position
  }

  moveTo(position: number): void {
    this.#position = position
    this.#held = 0
    this.#heldCount = 0
  }
}

/** A Huffman code in the canonical form of the format: its words follow from their lengths. */
class HuffmanCode {
  readonly #table = new Uint16Array(1 << tableBits)
  readonly #counts = new Uint16Array(maxCodeBits + 1)
  readonly #symbols = new Uint16Array(literalCount)
  readonly #starts = new Uint16Array(maxCodeBits + 2)
  readonly #next = new Uint16Array(maxCodeBits + 2)
  /** Of the words that are looked up: no longer than the longest there is, since strangers send codes of one bit. */
  #tableBits = 0
  /** Whether there are words that mean nothing: allowed where there is one word of one bit, or none. */
  isIncomplete = false

  /** Takes the lengths of the words of symbols 0, 1, ... `false` when no code has such. */
  build(lengths: Uint8Array, from: number, to: number): boolean {
    this.#counts.fill(0)
    for (let i = from; i < to; i++) this.#counts[lengths[i]!]!++
    this.#counts[0] = 0
    let free = 1
    let longest = 0
    for (let bits = 1; bits <= maxCodeBits; bits++) {
      free = 2 * free - this.#counts[bits]!
      if (free < 0) return false
      if (this.#counts[bits] !== 0) longest = bits
      this.#starts[bits + 1] = this.#starts[bits]! + this.#counts[bits]!
    }
    this.isIncomplete = free > 0
    this.#tableBits = Math.min(tableBits, longest)
    if (this.isIncomplete && longest > 1) return false
    this.#fill(lengths, from, to)
    return true
  }

  /** The next symbol, or -1 for a word without one. */
  read(input: BitReader): number {
    const bits = input.peek()
    const entry = this.#table[bits & ((1 << this.#tableBits) - 1)]!
    if (entry !== 0) {
      input.skip(entry & 15)
      return entry >>> 4
    }
    let word = 0
    let first = 0
    for (let length = 1; length <= maxCodeBits; length++) {
      word |= (bits >>> (length - 1)) & 1
      const count = this.#counts[length]!
      if (word - first < count) {
        input.skip(length)
        return this.#symbols[this.#starts[length]! + word - first]!
      }
      first = (first + count) << 1
      word <<= 1
    }
    return -1
  }

  /** The symbols by their words, and the short words with all that can follow them. */
  #fill(lengths: Uint8Array, from: number, to: number): void {
    const next = this.#next
    next.set(this.#starts)
    for (let i = from; i < to; i++) if (lengths[i] !== 0) this.#symbols[next[lengths[i]!]!++] = i - from
    const size = 1 << this.#tableBits
    this.#table.fill(0, 0, size)
    let word = 0
    for (let bits = 1; bits <= this.#tableBits; bits++) {
      for (let i = 0; i < this.#counts[bits]!; i++, word++) {
        const entry = (this.#symbols[this.#starts[bits]! + i]! << 4) | bits
        for (let at = reversed(word, bits); at < size; at += 1 << bits) this.#table[at] = entry
      }
      word <<= 1
    }
  }
}

/** Words stand in the input with their highest bit first. */
const reversed = (word: number, bits: number): number => {
  let result = 0
  for (let i = 0; i < bits; i++) result |= ((word >>> i) & 1) << (bits - 1 - i)
  return result
}

/** For the block that is being read: nothing here waits, so there is only one at a time. */
const lengths = /* @__PURE__ */ new Uint8Array(literalCount + 32)
const lengthCode = /* @__PURE__ */ new HuffmanCode()
const blockLiterals = /* @__PURE__ */ new HuffmanCode()
const blockDistances = /* @__PURE__ */ new HuffmanCode()

let fixed: { readonly literals: HuffmanCode; readonly distances: HuffmanCode } | undefined

const fixedCodes = () => {
  if (fixed !== undefined) return fixed
  const [literals, distances] = [new HuffmanCode(), new HuffmanCode()]
  literals.build(Uint8Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8), 0, 288)
  distances.build(new Uint8Array(32).fill(5), 0, 32)
  fixed = { literals, distances }
  return fixed
}

const fixedLiterals = (): HuffmanCode => fixedCodes().literals
const fixedDistances = (): HuffmanCode => fixedCodes().distances
