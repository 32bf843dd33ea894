/**
 * What a decompressor has made so far: a buffer that grows by doubling, never past a limit. What is
 * there already can be repeated, which is what dictionaries and distances of the formats come to.
 */
export class GrowingOutput {
  readonly #maxBytes: number
  /** The bytes up to `count`, and room behind them. */
  bytes: Uint8Array<ArrayBuffer>
  count = 0

  /** `expectedBytes` is a first guess, which may be wrong. */
  constructor(maxBytes: number, expectedBytes: number) {
    this.#maxBytes = maxBytes
    this.bytes = new Uint8Array(Math.min(maxBytes, Math.max(64, expectedBytes)))
  }

  /** Makes room for so many more bytes; `false` when that is past the limit. */
  reserve(more: number): boolean {
    const needed = this.count + more
    if (needed <= this.bytes.length) return true
    if (needed > this.#maxBytes) return false
    const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(needed, this.bytes.length * 2)))
    grown.set(this.bytes)
    this.bytes = grown
    return true
  }

  /** Appends `length` bytes that begin `distance` bytes back; room for them was made. They may overlap. */
  repeat(distance: number, length: number): void {
    const { bytes } = this
    const start = this.count - distance
    // A loop for short ones: most are, and a call out of the engine costs more than they do.
    if (length > 24 && distance >= length) bytes.copyWithin(this.count, start, start + length)
    else for (let i = 0; i < length; i++) bytes[this.count + i] = bytes[start + i]!
    this.count += length
  }

  /** What was made, in memory of about its own size. */
  finish(): Uint8Array {
    return this.bytes.length > 2 * this.count ? this.bytes.slice(0, this.count) : this.bytes.subarray(0, this.count)
  }
}
