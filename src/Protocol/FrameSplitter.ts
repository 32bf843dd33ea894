/**
 * Cuts a stream of bytes, in whatever chunks it comes, into the bodies of its frames (`docs/protocol.md`,
 * "A frame"). Nothing is copied but bodies that lie in more than one chunk, and those once.
 */
import * as Frame from "./Frame.ts"
import { view } from "./internal/Bytes.ts"
import { WireFault } from "./WireFault.ts"

/** What a split body gets at first, so that small frames in small chunks seldom move. */
const minBufferBytes = 1024

/** Chunks that are worth keeping until the body is whole; smaller ones are put together as they come. */
const keptBytes = 4096

const empty = new Uint8Array(0)

/**
 * The splitter of one connection. It keeps at most twice the bytes that came of the frame under
 * way, whatever size its header announced. Large chunks are kept as they are, so that each byte of a
 * large body is copied once: nobody may change a chunk after it was pushed.
 *
 * @category models
 * @since 0.1.0
 */
export class FrameSplitter {
  readonly #maxFrameBytes: number
  /** The first pieces of the body under way. */
  #pieces: Array<Uint8Array> = []
  /** Those behind them that are small, put together. */
  #buffer: Uint8Array = empty
  #bufferCount = 0
  /** The size read so far, and of how many header bytes. */
  #size = 0
  #headerCount = 0
  #bodyCount = 0
  /** How many bytes of the stream were consumed, for the offsets of faults. */
  #consumed = 0
  #fault: WireFault | undefined

  /** Refuses bodies of more than `maxFrameBytes` as soon as their header is read. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /**
   * Takes the next bytes of the stream and appends each body that they complete to `out`: a view of
   * `chunk` where the body lies in it whole, else a copy. Returns the first fault (`FrameTooLarge`,
   * `EmptyFrame`), after which nothing is taken any more; bodies before it are in `out`.
   */
  push(chunk: Uint8Array, out: Array<Uint8Array>): WireFault | undefined {
    let position = 0
    while (this.#fault === undefined && position < chunk.length) {
      position = this.#headerCount < Frame.headerBytes
        ? this.#takeHeader(chunk, position)
        : this.#takeBody(chunk, position, out)
    }
    this.#consumed += position
    return this.#fault
  }

  /** To be called when the stream ends: a fault (`TruncatedFrame`) if that is within a frame. */
  end(): WireFault | undefined {
    if (this.#fault !== undefined || this.#headerCount === 0) return this.#fault
    const detail = this.#headerCount < Frame.headerBytes
      ? `${this.#headerCount} of ${Frame.headerBytes} header bytes`
      : `${this.#bodyCount} of ${this.#size} body bytes`
    return this.#fault = new WireFault("TruncatedFrame", this.#consumed, detail)
  }

  /** The size in the last header that was read, also of one that was refused. */
  get announcedBytes(): number {
    return this.#size
  }

  /** How many bytes of an unfinished frame came so far, its header included. */
  get pendingBytes(): number {
    return this.#headerCount + this.#bodyCount
  }

  #takeHeader(chunk: Uint8Array, start: number): number {
    let position = start
    if (this.#headerCount === 0 && chunk.length - start >= Frame.headerBytes) {
      this.#size = Frame.readHeader(chunk, start)
      this.#headerCount = Frame.headerBytes
      position += Frame.headerBytes
    } else {
      while (this.#headerCount < Frame.headerBytes && position < chunk.length) {
        this.#size = this.#size * 0x100 + chunk[position++]!
        this.#headerCount++
      }
    }
    if (this.#headerCount === Frame.headerBytes) {
      this.#fault = Frame.checkSize(this.#size, this.#maxFrameBytes, this.#consumed + position - Frame.headerBytes)
    }
    return position
  }

  #takeBody(chunk: Uint8Array, start: number, out: Array<Uint8Array>): number {
    const end = Math.min(start + this.#size - this.#bodyCount, chunk.length)
    if (end - start === this.#size) {
      out.push(view(chunk, start, end))
      this.#reset()
      return end
    }
    this.#takePiece(view(chunk, start, end))
    if (this.#bodyCount === this.#size) {
      out.push(this.#assemble())
      this.#reset()
    }
    return end
  }

  #takePiece(piece: Uint8Array): void {
    this.#bodyCount += piece.length
    if (piece.length >= keptBytes && piece.buffer.byteLength <= 2 * piece.length) {
      this.#closeBuffer()
      this.#pieces.push(piece)
    } else {
      this.#reserve(this.#bufferCount + piece.length)
      this.#buffer.set(piece, this.#bufferCount)
      this.#bufferCount += piece.length
    }
  }

  /** Grows by doubling up to what is missing of the body, so that the buffer of a whole one fits it exactly. */
  #reserve(needed: number): void {
    if (needed <= this.#buffer.length) return
    const missing = this.#size - this.#bodyCount + needed
    const grown = new Uint8Array(Math.min(missing, Math.max(needed, this.#buffer.length * 2, minBufferBytes)))
    grown.set(view(this.#buffer, 0, this.#bufferCount))
    this.#buffer = grown
  }

  #closeBuffer(): void {
    if (this.#bufferCount > 0) this.#pieces.push(view(this.#buffer, 0, this.#bufferCount))
    this.#buffer = empty
    this.#bufferCount = 0
  }

  #assemble(): Uint8Array {
    if (this.#pieces.length === 0) return this.#buffer
    this.#closeBuffer()
    const body = new Uint8Array(this.#size)
    let offset = 0
    for (const piece of this.#pieces) {
      body.set(piece, offset)
      offset += piece.length
    }
    return body
  }

  #reset(): void {
    if (this.#pieces.length > 0) this.#pieces = []
    this.#buffer = empty
    this.#bufferCount = 0
    this.#size = 0
    this.#headerCount = 0
    this.#bodyCount = 0
  }
}
