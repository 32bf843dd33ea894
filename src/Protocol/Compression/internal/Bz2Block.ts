/**
 * One block of bzip2: Huffman codes, in them places in a list whose used items move to its front,
 * in those the last column of all rotations of the block, sorted (Burrows and Wheeler), and in that
 * the bytes, of which each fifth after four equal ones is a count.
 */
import type { DecompressionFault } from "../Compression.ts"
import type { GrowingOutput } from "./GrowingOutput.ts"
import type { HighBits } from "./HighBits.ts"

/** Symbols that are read with one code before the next selector. */
const groupSymbols = 50
const maxCodes = 6
const maxWordBits = 20
const maxSymbols = 258
/** Symbols 0 and 1 are the digits of a count of the item in front. */
const countSymbols = 2
/** More equal bytes in a row are written as four and a count. */
const runBytes = 4

/** Reads blocks into one output. */
export class BlockReader {
  readonly #bits: HighBits
  readonly #output: GrowingOutput
  readonly #maxBlockBytes: number
  readonly #codes = Array.from({ length: maxCodes }, () => new WordCode())
  readonly #alphabet = new Uint8Array(256)
  readonly #starts = new Uint32Array(256)
  #selectors: Uint8Array = new Uint8Array(0)
  /** The bytes of the last column, and above them where each rotation goes on. */
  #column = new Uint32Array(0)
  #count = 0

  constructor(bits: HighBits, output: GrowingOutput, maxBlockBytes: number) {
    this.#bits = bits
    this.#output = output
    this.#maxBlockBytes = maxBlockBytes
  }

  /** Appends the block that begins behind its check sum. */
  read(sum: number): DecompressionFault | undefined {
    const bits = this.#bits
    // Blocks that were shuffled were last written in 1999.
    if (bits.read(1) === 1) return "malformed"
    const origin = bits.read(24)
    const itemCount = this.#readAlphabet()
    const fault = itemCount === 0 || !this.#readCodes(itemCount + countSymbols)
      ? "malformed"
      : this.#readColumn(itemCount + 1)
    if (fault !== undefined) return fault
    return origin < this.#count ? this.#unsort(origin, sum) : "malformed"
  }

  /** Which bytes occur, by a map of 16 rows of 16; returns how many. */
  #readAlphabet(): number {
    const rows = this.#bits.read(16)
    let count = 0
    for (let row = 0; row < 16; row++) {
      if ((rows & (0x8000 >>> row)) === 0) continue
      const cells = this.#bits.read(16)
      for (let cell = 0; cell < 16; cell++) {
        if ((cells & (0x8000 >>> cell)) !== 0) this.#alphabet[count++] = row * 16 + cell
      }
    }
    return count
  }

  #readCodes(symbolCount: number): boolean {
    const bits = this.#bits
    const codeCount = bits.read(3)
    const selectorCount = bits.read(15)
    if (codeCount < 2 || codeCount > maxCodes || selectorCount === 0) return false
    const order = [0, 1, 2, 3, 4, 5]
    if (this.#selectors.length < selectorCount) this.#selectors = new Uint8Array(selectorCount)
    for (let i = 0; i < selectorCount; i++) {
      let place = 0
      while (bits.read(1) === 1) if (++place >= codeCount) return false
      const [code] = order.splice(place, 1)
      order.unshift(code!)
      this.#selectors[i] = code!
      if (bits.isPastEnd) return false
    }
    this.#selectors.fill(0xff, selectorCount)
    for (let code = 0; code < codeCount; code++) if (!this.#codes[code]!.read(bits, symbolCount)) return false
    return true
  }

  /** The last column, up to the symbol that ends it. */
  #readColumn(endSymbol: number): DecompressionFault | undefined {
    const bits = this.#bits
    const items = this.#alphabet
    this.#starts.fill(0)
    this.#count = 0
    let digit = 1
    let run = 0
    let selector = 0
    for (;;) {
      const code = this.#codes[this.#selectors[selector++] ?? 0xff]
      if (code === undefined) return "malformed"
      for (let i = 0; i < groupSymbols; i++) {
        const symbol = code.next(bits)
        if (symbol < 0 || bits.isPastEnd) return "malformed"
        if (symbol < countSymbols) {
          run += digit << symbol
          digit *= 2
          if (run > this.#maxBlockBytes) return "malformed"
          continue
        }
        if (run > 0) {
          const fault = this.#append(items[0]!, run)
          if (fault !== undefined) return fault
          run = 0
          digit = 1
        }
        if (symbol === endSymbol) return undefined
        const byte = items[symbol - 1]!
        items.copyWithin(1, 0, symbol - 1)
        items[0] = byte
        const fault = this.#append(byte, 1)
        if (fault !== undefined) return fault
      }
    }
  }

  #append(byte: number, times: number): DecompressionFault | undefined {
    const count = this.#count + times
    if (count > this.#maxBlockBytes) return "malformed"
    // A fifth at most are counts, which may be 0: so much is sure to come out, before any of it is made.
    if (!this.#output.reserve(count - Math.floor(count / (runBytes + 1)))) return "tooLarge"
    if (count > this.#column.length) {
      const grown = new Uint32Array(Math.min(this.#maxBlockBytes, Math.max(1024, 2 * count)))
      grown.set(this.#column.subarray(0, this.#count))
      this.#column = grown
    }
    this.#column.fill(byte, this.#count, count)
    this.#starts[byte]! += times
    this.#count = count
    return undefined
  }

  /** Follows the rotations from `origin` on, and writes what they spell. */
  #unsort(origin: number, sum: number): DecompressionFault | undefined {
    const column = this.#column
    const starts = this.#starts
    for (let byte = 0, total = 0; byte < 256; byte++) {
      const count = starts[byte]!
      starts[byte] = total
      total += count
    }
    for (let i = 0; i < this.#count; i++) {
      const byte = column[i]! & 0xff
      column[starts[byte]!++]! |= i << 8
    }
    return this.#spell(column[origin]! >>> 8, sum)
  }

  #spell(start: number, sum: number): DecompressionFault | undefined {
    const output = this.#output
    let place = start
    let last = -1
    let row = 0
    let check = -1
    for (let i = 0; i < this.#count; i++) {
      const entry = this.#column[place]!
      const byte = entry & 0xff
      place = entry >>> 8
      const isCount = row === runBytes
      const times = isCount ? byte : 1
      const value = isCount ? last : byte
      row = isCount ? 0 : byte === last ? row + 1 : 1
      // What follows a count begins a new row, also when it is the same byte.
      last = isCount ? -1 : byte
      if (!output.reserve(times)) return "tooLarge"
      for (let n = 0; n < times; n++) {
        output.bytes[output.count++] = value
        check = (check << 8) ^ crcTable[(check >>> 24) ^ value]!
      }
    }
    return ~check >>> 0 === sum ? undefined : "malformed"
  }
}

/** A Huffman code whose words have up to 20 bits. */
class WordCode {
  readonly #lengths = new Uint8Array(maxSymbols)
  readonly #symbols = new Uint16Array(maxSymbols)
  /** For each length: the first word above those of that length, at 20 bits; and what makes a word an index. */
  readonly #limits = new Int32Array(maxWordBits + 1)
  readonly #offsets = new Int32Array(maxWordBits + 1)
  #shortest = 0
  #longest = 0

  /** Reads the lengths, each as steps from the one before; `false` when no code has such. */
  read(bits: HighBits, symbolCount: number): boolean {
    let length = bits.read(5)
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      for (;;) {
        if (length < 1 || length > maxWordBits || bits.isPastEnd) return false
        if (bits.read(1) === 0) break
        length += bits.read(1) === 0 ? 1 : -1
      }
      this.#lengths[symbol] = length
    }
    return this.#order(symbolCount)
  }

  /** The next symbol, or -1 for a word without one. */
  next(bits: HighBits): number {
    const word = bits.peek(maxWordBits)
    let length = this.#shortest
    while (length <= this.#longest && word >= this.#limits[length]!) length++
    if (length > this.#longest) return -1
    bits.skip(length)
    return this.#symbols[(word >>> (maxWordBits - length)) + this.#offsets[length]!]!
  }

  #order(symbolCount: number): boolean {
    let index = 0
    let word = 0
    this.#shortest = maxWordBits
    this.#longest = 0
    const counts = new Uint16Array(maxWordBits + 1)
    for (let symbol = 0; symbol < symbolCount; symbol++) counts[this.#lengths[symbol]!]!++
    for (let length = 1; length <= maxWordBits; length++) {
      this.#offsets[length] = index - word
      index += counts[length]!
      word += counts[length]!
      if (word > 2 ** length) return false
      this.#limits[length] = word * 2 ** (maxWordBits - length)
      word *= 2
      if (counts[length] === 0) continue
      this.#shortest = Math.min(this.#shortest, length)
      this.#longest = length
    }
    const places = new Uint16Array(maxWordBits + 2)
    for (let length = 1; length <= maxWordBits; length++) places[length + 1] = places[length]! + counts[length]!
    for (let symbol = 0; symbol < symbolCount; symbol++) this.#symbols[places[this.#lengths[symbol]!]!++] = symbol
    return true
  }
}

/** CRC-32 from the highest bit on, polynomial 0x04C11DB7. */
const crcTable = /* @__PURE__ */ Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1
  return value
})
