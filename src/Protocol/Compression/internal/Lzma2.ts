/**
 * LZMA2: chunks of at most 2 MiB, each of which says beforehand how much comes out of it, so that
 * the limit is checked before anything is made.
 */
import type { DecompressionFault } from "../Compression.ts"
import type { GrowingOutput } from "./GrowingOutput.ts"
import { LzmaDecoder } from "./LzmaDecoder.ts"

/** Reads blocks of chunks into one output. */
export class Lzma2Reader {
  readonly #bytes: Uint8Array
  readonly #output: GrowingOutput
  /** Made for the first chunk that is compressed. */
  #decoder: LzmaDecoder | undefined
  /** Where the bytes begin that distances may reach. */
  #dictionaryStart = -1
  #hasProperties = false

  constructor(bytes: Uint8Array, output: GrowingOutput) {
    this.#bytes = bytes
    this.#output = output
  }

  /** Appends all chunks of a block that begins at `start`, and returns where they end. */
  read(start: number): number | DecompressionFault {
    const bytes = this.#bytes
    this.#dictionaryStart = -1
    this.#hasProperties = false
    let position = start
    for (;;) {
      const control = bytes[position]
      if (control === undefined) return "malformed"
      if (control === 0) return position + 1
      const end = control < 0x80 ? this.#readStored(position, control) : this.#readPacked(position, control)
      if (typeof end === "string") return end
      position = end
    }
  }

  #readStored(start: number, control: number): number | DecompressionFault {
    const bytes = this.#bytes
    const dataStart = start + 3
    const length = this.#number(start + 1) + 1
    if (control > 2 || dataStart + length > bytes.length) return "malformed"
    if (!this.#beginChunk(control === 1)) return "malformed"
    if (control === 1) this.#hasProperties = false
    if (!this.#output.reserve(length)) return "tooLarge"
    this.#output.bytes.set(bytes.subarray(dataStart, dataStart + length), this.#output.count)
    this.#output.count += length
    return dataStart + length
  }

  #readPacked(start: number, control: number): number | DecompressionFault {
    const bytes = this.#bytes
    // 0: goes on, 1: forgets what it learned, 2: with new properties, 3: and a new dictionary.
    const reset = (control >> 5) & 3
    const length = ((control & 0x1f) << 16) + this.#number(start + 1) + 1
    const packedLength = this.#number(start + 3) + 1
    const dataStart = start + (reset >= 2 ? 6 : 5)
    if (dataStart + packedLength > bytes.length || !this.#beginChunk(reset === 3)) return "malformed"
    const decoder = this.#decoder ??= new LzmaDecoder(bytes, this.#output)
    if (reset >= 2) this.#hasProperties = decoder.setProperties(bytes[start + 5]!)
    if (!this.#hasProperties) return "malformed"
    if (reset >= 1) decoder.reset()
    if (!this.#output.reserve(length)) return "tooLarge"
    const dataEnd = dataStart + packedLength
    const end = decoder.decode(dataStart, dataEnd, length, this.#dictionaryStart)
    return typeof end === "string" || end === dataEnd ? end : "malformed"
  }

  /** `false` when there is no dictionary yet. */
  #beginChunk(isNewDictionary: boolean): boolean {
    if (isNewDictionary) this.#dictionaryStart = this.#output.count
    return this.#dictionaryStart >= 0
  }

  /** Of two bytes; those behind the end make the data end there, too. */
  #number(position: number): number {
    return ((this.#bytes[position] ?? 0) << 8) | (this.#bytes[position + 1] ?? 0)
  }
}
