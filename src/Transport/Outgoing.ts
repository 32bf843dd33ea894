/**
 * A message on its way out, to one peer or to many: serialized once, and compressed once for each
 * method in use, however many links it goes down.
 */
import type { CompressingMethod } from "../Protocol/Compression/Compression.ts"
import { frame, headerBytes } from "../Protocol/Frame.ts"
import type { CompressionGate } from "./CompressionGate.ts"

/**
 * One frame, and what compression made of it so far.
 *
 * @category models
 * @since 0.1.0
 */
export class Outgoing {
  readonly #frame: Uint8Array
  readonly #compressFromBytes: number
  readonly #isGateOpen: boolean
  readonly #gate: CompressionGate | undefined
  #compressed: Map<CompressingMethod, Uint8Array> | undefined

  /**
   * `frame`: plain, as `Protocol` makes it. `compressFromBytes`: bodies under this length go out plain, which every peer understands.
   * `gate`: remembers for many messages whether trying is worth it; without one it always is.
   */
  constructor(frame: Uint8Array, compressFromBytes: number, gate?: CompressionGate) {
    this.#frame = frame
    this.#compressFromBytes = compressFromBytes
    this.#gate = gate
    this.#isGateOpen = gate === undefined || this.bodyBytes < compressFromBytes || gate.isOpen()
  }

  /** The length of the body before compression. */
  get bodyBytes(): number {
    return this.#frame.length - headerBytes
  }

  /** The frame for a peer that agreed on `method`; plain where compression would not shrink it. */
  frameFor(method: CompressingMethod | undefined): Uint8Array {
    if (method === undefined || !this.#isGateOpen || this.bodyBytes < this.#compressFromBytes) {
      return this.#frame
    }
    const known = this.#compressed?.get(method)
    if (known !== undefined) return known
    const body = this.#frame.subarray(headerBytes)
    const packed = method.compress(body)
    // A method that did not even try says nothing about the next message, nor about other methods.
    if (packed !== body) this.#gate?.tried(packed.length * 10 <= body.length * 9)
    const made = packed.length < body.length ? frame(packed) : this.#frame
    this.#compressed ??= new Map()
    this.#compressed.set(method, made)
    return made
  }
}
