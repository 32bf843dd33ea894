/**
 * A message on its way out, to one peer or to many: serialized once, and compressed once for each
 * method in use, however many links it goes down.
 */
import type { CompressingMethod } from "../Protocol/Compression.ts"
import { frame } from "../Protocol/Frame.ts"
import type { CompressionGate } from "./CompressionGate.ts"

/**
 * One body and the frames made of it so far.
 *
 * @category models
 * @since 0.1.0
 */
export class Outgoing {
  readonly #body: Uint8Array
  readonly #compressFromBytes: number
  readonly #isGateOpen: boolean
  readonly #gate: CompressionGate | undefined
  #plain: Uint8Array | undefined
  #compressed: Map<CompressingMethod, Uint8Array> | undefined

  /**
   * `compressFromBytes`: bodies under this length go out plain, which every peer understands.
   * `gate`: remembers for many messages whether trying is worth it; without one it always is.
   */
  constructor(body: Uint8Array, compressFromBytes: number, gate?: CompressionGate) {
    this.#body = body
    this.#compressFromBytes = compressFromBytes
    this.#gate = gate
    this.#isGateOpen = gate === undefined || body.length < compressFromBytes || gate.isOpen()
  }

  /** The length of the body before compression. */
  get bodyBytes(): number {
    return this.#body.length
  }

  /** The frame for a peer that agreed on `method`; plain where compression would not shrink it. */
  frameFor(method: CompressingMethod | undefined): Uint8Array {
    if (method === undefined || !this.#isGateOpen || this.#body.length < this.#compressFromBytes) {
      return this.#plainFrame()
    }
    const known = this.#compressed?.get(method)
    if (known !== undefined) return known
    const packed = method.compress(this.#body)
    const hasShrunk = packed.length < this.#body.length
    this.#gate?.tried(packed.length * 10 <= this.#body.length * 9)
    const made = hasShrunk ? frame(packed) : this.#plainFrame()
    this.#compressed ??= new Map()
    this.#compressed.set(method, made)
    return made
  }

  #plainFrame(): Uint8Array {
    return this.#plain ??= frame(this.#body)
  }
}
