/**
 * LZMA: literals and matches, each bit of them drawn from a range by a probability that is learned
 * on the way. As in the LZMA specification of Igor Pavlov (2015), with the whole output as its
 * dictionary.
 */
import type { DecompressionFault } from "../Compression.ts"
import type { GrowingOutput } from "./GrowingOutput.ts"
import { RangeDecoder } from "./RangeDecoder.ts"

const stateCount = 12
/** States below this one follow a literal. */
const firstMatchState = 7
const maxPlaceBits = 4
const minMatch = 2
const literalSymbols = 0x300
/** The greatest distance; the one above it marks the end. */
const endDistance = 0xffffffff

/** Where each set of probabilities begins in the one array. */
const isMatch = 0
const isRepeat = isMatch + (stateCount << maxPlaceBits)
const isOlder = isRepeat + stateCount
const isSecondOlder = isOlder + stateCount
const isThirdOlder = isSecondOlder + stateCount
const isLong = isThirdOlder + stateCount
/** How far back: 64 slots for each of four lengths, and the lowest bits of what the slots leave open. */
const slots = isLong + (stateCount << maxPlaceBits)
const slotBits = 6
const nearBits = slots + (4 << slotBits)
const firstFarSlot = 14
const alignBits = nearBits + 115
const matchLength = alignBits + 16
const repeatLength = matchLength + 2 + (2 << (maxPlaceBits + 3)) + 256
const literals = repeatLength + 2 + (2 << (maxPlaceBits + 3)) + 256
/** The properties allow four bits of context for literals. */
const probabilityCount = literals + (literalSymbols << 4)

/** Decodes what one range coder wrote after the other into one output. */
export class LzmaDecoder {
  readonly #output: GrowingOutput
  readonly #range: RangeDecoder
  #contextBits = 0
  #literalPlaceMask = 0
  #placeMask = 0
  #state = 0
  /** The last four distances, the latest first, counted from 0. */
  #distances: [number, number, number, number] = [0, 0, 0, 0]

  constructor(bytes: Uint8Array, output: GrowingOutput) {
    this.#output = output
    this.#range = new RangeDecoder(bytes, probabilityCount)
  }

  /** Takes the byte of properties; `false` when it is none. */
  setProperties(byte: number): boolean {
    const contextBits = byte % 9
    const literalPlaceBits = Math.floor(byte / 9) % 5
    const placeBits = Math.floor(byte / 45)
    if (placeBits > maxPlaceBits || contextBits + literalPlaceBits > 4) return false
    this.#contextBits = contextBits
    this.#literalPlaceMask = (1 << literalPlaceBits) - 1
    this.#placeMask = (1 << placeBits) - 1
    return true
  }

  /** Forgets what was learned. */
  reset(): void {
    this.#range.forget()
    this.#state = 0
    this.#distances = [0, 0, 0, 0]
  }

  /**
   * Appends `length` bytes (or with `Infinity` what comes until a mark says that it is all), from
   * the input between `start` and `end`; returns where in it they end. Distances reach back to
   * `dictionaryStart`.
   */
  decode(start: number, end: number, length: number, dictionaryStart: number): number | DecompressionFault {
    const output = this.#output
    const range = this.#range
    if (!range.begin(start, end)) return "malformed"
    const goal = output.count + length
    while (output.count < goal) {
      if (range.isPastEnd) return "malformed"
      const place = output.count - dictionaryStart
      const placed = (this.#state << maxPlaceBits) + (place & this.#placeMask)
      if (range.bit(isMatch + placed) === 0) {
        if (!output.reserve(1)) return "tooLarge"
        this.#literal(place)
        continue
      }
      const count = range.bit(isRepeat + this.#state) === 0
        ? this.#newMatch(place & this.#placeMask)
        : this.#repeatedMatch(placed, place & this.#placeMask)
      const distance = this.#distances[0] + 1
      if (distance > endDistance && length === Infinity) break
      if (distance > place || output.count + count > goal) return "malformed"
      if (!output.reserve(count)) return "tooLarge"
      output.repeat(distance, count)
    }
    return range.isConsistent ? range.position : "malformed"
  }

  #literal(place: number): void {
    const output = this.#output
    const range = this.#range
    const before = place === 0 ? 0 : output.bytes[output.count - 1]!
    const context = ((place & this.#literalPlaceMask) << this.#contextBits) + (before >>> (8 - this.#contextBits))
    const base = literals + literalSymbols * context
    let symbol = 1
    if (this.#state >= firstMatchState) {
      // Behind a match the byte that would have continued it tells what this one is not.
      let matched = output.bytes[output.count - this.#distances[0] - 1] ?? 0
      while (symbol < 0x100) {
        const matchedBit = (matched >>> 7) & 1
        matched <<= 1
        const bit = range.bit(base + ((1 + matchedBit) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (bit !== matchedBit) break
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | range.bit(base + symbol)
    output.bytes[output.count++] = symbol & 0xff
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6
  }

  /** A match at a new distance; returns its length. */
  #newMatch(place: number): number {
    const range = this.#range
    const length = this.#length(matchLength, place)
    const slotSet = slots + (Math.min(length - minMatch, 3) << slotBits)
    const slot = range.tree(slotSet, slotBits)
    let distance = slot
    if (slot >= 4) {
      const moreBits = (slot >>> 1) - 1
      distance = (2 | (slot & 1)) * 2 ** moreBits
      distance += slot < firstFarSlot
        ? range.reverseTree(nearBits + distance - slot - 1, moreBits)
        : range.direct(moreBits - 4) * 16 + range.reverseTree(alignBits, 4)
    }
    const [first, second, third] = this.#distances
    this.#distances = [distance, first, second, third]
    this.#state = this.#state < firstMatchState ? 7 : 10
    return length
  }

  /** A match at one of the last four distances, which becomes the latest; returns its length. */
  #repeatedMatch(placed: number, place: number): number {
    const range = this.#range
    const state = this.#state
    const [first, second, third, fourth] = this.#distances
    const isAfterLiteral = state < firstMatchState
    if (range.bit(isOlder + state) === 0) {
      if (range.bit(isLong + placed) === 0) {
        this.#state = isAfterLiteral ? 9 : 11
        return 1
      }
    } else if (range.bit(isSecondOlder + state) === 0) this.#distances = [second, first, third, fourth]
    else if (range.bit(isThirdOlder + state) === 0) this.#distances = [third, first, second, fourth]
    else this.#distances = [fourth, first, second, third]
    this.#state = isAfterLiteral ? 8 : 11
    return this.#length(repeatLength, place)
  }

  /** 2 to 273, in three ranges: eight and eight that depend on the place, then 256. */
  #length(base: number, place: number): number {
    const range = this.#range
    const low = base + 2
    const middle = low + (1 << (maxPlaceBits + 3))
    if (range.bit(base) === 0) return minMatch + range.tree(low + (place << 3), 3)
    if (range.bit(base + 1) === 0) return minMatch + 8 + range.tree(middle + (place << 3), 3)
    return minMatch + 16 + range.tree(middle + (1 << (maxPlaceBits + 3)), 8)
  }
}
