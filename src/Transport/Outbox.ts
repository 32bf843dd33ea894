/**
 * The bounded way out of a link: frames wait here, counted in bytes, until the link's writer takes
 * all of them at once. Plain and synchronous, because a relay offers a frame to every peer.
 */
import type * as Arr from "effect/Array"
import * as Latch from "effect/Latch"

/**
 * Frames on their way to one peer.
 *
 * @category models
 * @since 0.1.0
 */
export class Outbox {
  readonly capacityBytes: number
  /** Open while there is something to write, or nothing will come any more. */
  readonly data: Latch.Latch = Latch.makeUnsafe(false)
  /**
   * Closed when the queue has grown past half of its capacity, open again when it has shrunk to a
   * quarter: whoever waits for room then finds some for many frames.
   */
  readonly room: Latch.Latch = Latch.makeUnsafe(true)
  #frames: Array<Uint8Array> = []
  #queuedBytes = 0
  #isClosed = false

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes
  }

  /** Bytes that the transport has not taken yet, those being written included. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether nothing waits and more may come. */
  get isIdle(): boolean {
    return this.#queuedBytes === 0 && !this.#isClosed
  }

  /**
   * Queues a frame; `false` when it does not fit or the link is closed, and then nothing is queued.
   * An empty outbox takes any frame.
   */
  offer(frame: Uint8Array): boolean {
    if (this.#isClosed) return false
    const after = this.#queuedBytes + frame.length
    if (after > this.capacityBytes && this.#queuedBytes > 0) {
      this.room.closeUnsafe()
      return false
    }
    this.#frames.push(frame)
    this.#queuedBytes = after
    if (this.#frames.length === 1) this.data.openUnsafe()
    if (after * 2 > this.capacityBytes) this.room.closeUnsafe()
    return true
  }

  /** All that waits; it counts as queued until `written` says that it is out. */
  take(): Array<Uint8Array> {
    const frames = this.#frames
    this.#frames = []
    if (!this.#isClosed) this.data.closeUnsafe()
    return frames
  }

  written(bytes: number): void {
    this.#queuedBytes -= bytes
    if (this.#queuedBytes * 4 <= this.capacityBytes) this.room.openUnsafe()
  }

  /** Takes no more frames; what waits can still be taken. */
  close(): void {
    this.#isClosed = true
    this.data.openUnsafe()
    this.room.openUnsafe()
  }
}

const joinBelowBytes = 16_384
const blockBytes = 65_536

/**
 * Joins neighboring small frames into blocks of up to 64 KiB, so that they share a system call;
 * frames of 16 KiB and more stand alone, uncopied.
 *
 * @category math
 * @since 0.1.0
 */
export const coalesce = (frames: ReadonlyArray<Uint8Array>): Array<Uint8Array> => {
  const blocks: Array<Uint8Array> = []
  for (let start = 0; start < frames.length;) {
    let end = start
    let bytes = 0
    while (end < frames.length && frames[end]!.length < joinBelowBytes && bytes + frames[end]!.length <= blockBytes) {
      bytes += frames[end++]!.length
    }
    if (end - start < 2) {
      blocks.push(frames[start++]!)
      continue
    }
    const block = new Uint8Array(bytes)
    for (let offset = 0; start < end; start++) {
      block.set(frames[start]!, offset)
      offset += frames[start]!.length
    }
    blocks.push(block)
  }
  return blocks
}

/** What one call hands to the transport at most; its end is the progress that a slow peer shows. */
const groupBytes = 262_144

/**
 * Splits blocks into groups of up to 256 KiB, each for one call of the transport.
 *
 * @category math
 * @since 0.1.0
 */
export const group = (
  blocks: ReadonlyArray<Uint8Array>
): Array<{ readonly blocks: Arr.NonEmptyReadonlyArray<Uint8Array>; readonly bytes: number }> => {
  const groups: Array<{ blocks: Arr.NonEmptyArray<Uint8Array>; bytes: number }> = []
  for (const block of blocks) {
    const last = groups.at(-1)
    if (last === undefined || last.bytes + block.length > groupBytes) {
      groups.push({ blocks: [block], bytes: block.length })
    } else {
      last.blocks.push(block)
      last.bytes += block.length
    }
  }
  return groups
}
