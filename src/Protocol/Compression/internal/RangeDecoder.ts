/** Bits out of a range that each of them narrows, by how probable it was: the lowest layer of LZMA. */

const probabilityBits = 11
const evenOdds = 1 << (probabilityBits - 1)
const learnBits = 5
const leastRange = 2 ** 24
const startBytes = 5

/** Reads one chunk after the other, with the probabilities learned so far. */
export class RangeDecoder {
  readonly #bytes: Uint8Array
  readonly #odds: Uint16Array
  #position = 0
  #end = 0
  #range = 0
  #code = 0

  constructor(bytes: Uint8Array, probabilityCount: number) {
    this.#bytes = bytes
    this.#odds = new Uint16Array(probabilityCount).fill(evenOdds)
  }

  /** Whether more was read than there is: those bytes were zeros. */
  get isPastEnd(): boolean {
    return this.#position > this.#end
  }

  /** Where the input goes on. */
  get position(): number {
    return this.#position
  }

  /** Whether what was read can be all that was written: nothing is left of it, and no more was read. */
  get isConsistent(): boolean {
    return this.#code === 0 && !this.isPastEnd
  }

  /** Makes all bits as probable as their opposites. */
  forget(): void {
    this.#odds.fill(evenOdds)
  }

  /** Turns to the input from `start` to `end`; `false` when it does not begin as a chunk does. */
  begin(start: number, end: number): boolean {
    const bytes = this.#bytes
    if (end - start < startBytes || bytes[start] !== 0) return false
    this.#position = start + startBytes
    this.#end = end
    this.#range = 0xffffffff
    this.#code = 0
    for (let i = start + 1; i < this.#position; i++) this.#code = ((this.#code << 8) | bytes[i]!) >>> 0
    return this.#code < this.#range
  }

  /** One bit, whose probability it changes. */
  bit(index: number): number {
    const odds = this.#odds[index]!
    const bound = (this.#range >>> probabilityBits) * odds
    let bit = 0
    if (this.#code < bound) {
      this.#range = bound
      this.#odds[index] = odds + (((1 << probabilityBits) - odds) >>> learnBits)
    } else {
      this.#range -= bound
      this.#code -= bound
      this.#odds[index] = odds - (odds >>> learnBits)
      bit = 1
    }
    if (this.#range < leastRange) this.#refill()
    return bit
  }

  /** A number whose bits, the highest first, depend on those before. */
  tree(base: number, bits: number): number {
    let node = 1
    for (let i = 0; i < bits; i++) node = (node << 1) | this.bit(base + node)
    return node - (1 << bits)
  }

  /** The same with the lowest bit first. */
  reverseTree(base: number, bits: number): number {
    let node = 1
    let value = 0
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + node)
      node = (node << 1) | bit
      value |= bit << i
    }
    return value
  }

  /** A number of up to 26 bits that are as probable as their opposites. */
  direct(bits: number): number {
    let value = 0
    for (let i = 0; i < bits; i++) {
      this.#range >>>= 1
      value <<= 1
      if (this.#code >= this.#range) {
        this.#code -= this.#range
        value |= 1
      }
      if (this.#range < leastRange) this.#refill()
    }
    return value
  }

  #refill(): void {
    this.#range = this.#range * 0x100
    this.#code = ((this.#code << 8) | (this.#position < this.#end ? this.#bytes[this.#position]! : 0)) >>> 0
    this.#position++
  }
}
