/** Reads numbers bit by bit from the highest bit of each byte on. Behind the end there are zeros. */
export class HighBits {
  readonly #bytes: Uint8Array
  #position: number
  #held = 0
  #heldCount = 0

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes
    this.#position = start
  }

  /** Behind the byte that was last read from. */
  get end(): number {
    return this.#position - (this.#heldCount >>> 3)
  }

  /** Whether more was read than there is. */
  get isPastEnd(): boolean {
    return this.end > this.#bytes.length
  }

  /** The next bits, up to 24, without taking them. */
  peek(count: number): number {
    while (this.#heldCount < count) {
      this.#held = ((this.#held << 8) | (this.#bytes[this.#position] ?? 0)) >>> 0
      this.#position++
      this.#heldCount += 8
    }
    return (this.#held >>> (this.#heldCount - count)) & ((1 << count) - 1)
  }

  /** Takes bits that were peeked at. */
  skip(count: number): void {
    this.#heldCount -= count
  }

  /** A number of up to 24 bits. */
  read(count: number): number {
    const value = this.peek(count)
    this.#heldCount -= count
    return value
  }

  /** A number of 32 bits. */
  read32(): number {
    return this.read(16) * 0x10000 + this.read(16)
  }
}
