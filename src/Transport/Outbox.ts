/**
 * The bounded way out of a link: frames wait here, counted in bytes, until the link's writer takes
 * all of them at once. Plain and synchronous, because a relay offers a frame to every peer.
 */
import type * as Arr from "effect/Array"
import * as Latch from "effect/Latch"
import type { ByteBudget } from "./ByteBudget.ts"

/** When the budget of the node is spent, a queue may still hold this part of it. */
const fairPart = 1 / 64
/** What is dropped at once, so that a full queue is not gone through for every frame. */
const droppedPart = 1 / 8

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
  readonly #budget: ByteBudget | undefined
  #frames: Array<Uint8Array> = []
  /** Which of the waiting frames may be dropped to make room. */
  #isPassing: Array<boolean> = []
  #queuedBytes = 0
  #isClosed = false

  /** `budget`: what all queues of the node may hold together; once it is spent each may hold a 64th of it. */
  constructor(capacityBytes: number, budget?: ByteBudget) {
    this.capacityBytes = capacityBytes
    this.#budget = budget
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
  offer(frame: Uint8Array, isPassing = false): boolean {
    if (this.#isClosed) return false
    const after = this.#queuedBytes + frame.length
    if (after > this.#limitBytes && this.#queuedBytes > 0) {
      this.room.closeUnsafe()
      return false
    }
    this.#frames.push(frame)
    this.#isPassing.push(isPassing)
    this.#queuedBytes = after
    if (this.#budget !== undefined) this.#budget.usedBytes += frame.length
    if (this.#frames.length === 1) this.data.openUnsafe()
    if (after * 2 > this.capacityBytes) this.room.closeUnsafe()
    return true
  }

  /**
   * Drops waiting frames that were offered as passing, the oldest first, until one of so many bytes fits
   * and an eighth of the capacity is free. Gives how many were dropped.
   */
  dropOldest(bytes: number): number {
    const target = this.#limitBytes - Math.max(bytes, this.capacityBytes * droppedPart)
    if (this.#isClosed || this.#queuedBytes + bytes <= this.#limitBytes) return 0
    const frames: Array<Uint8Array> = []
    const isPassing: Array<boolean> = []
    let droppedBytes = 0
    for (let i = 0; i < this.#frames.length; i++) {
      const frame = this.#frames[i]!
      if (this.#isPassing[i]! && this.#queuedBytes - droppedBytes > target) droppedBytes += frame.length
      else {
        frames.push(frame)
        isPassing.push(this.#isPassing[i]!)
      }
    }
    const droppedCount = this.#frames.length - frames.length
    this.#frames = frames
    this.#isPassing = isPassing
    this.#release(droppedBytes)
    // Whoever offers next opens it again.
    if (frames.length === 0) this.data.closeUnsafe()
    return droppedCount
  }

  /** All that waits; it counts as queued until `written` says that it is out. */
  take(): Array<Uint8Array> {
    const frames = this.#frames
    this.#frames = []
    this.#isPassing = []
    if (!this.#isClosed) this.data.closeUnsafe()
    return frames
  }

  written(bytes: number): void {
    this.#release(bytes)
    if (this.#queuedBytes * 4 <= this.capacityBytes) this.room.openUnsafe()
  }

  /** Takes no more frames; what waits can still be taken. */
  close(): void {
    this.#isClosed = true
    this.data.openUnsafe()
    this.room.openUnsafe()
  }

  /** Gives up what was not written: nobody will write it any more. */
  discard(): void {
    this.#frames = []
    this.#isPassing = []
    this.#release(this.#queuedBytes)
  }

  get #limitBytes(): number {
    const budget = this.#budget
    return budget === undefined || !budget.isSpent
      ? this.capacityBytes
      : Math.min(this.capacityBytes, budget.maxBytes * fairPart)
  }

  #release(bytes: number): void {
    this.#queuedBytes -= bytes
    if (this.#budget !== undefined) this.#budget.usedBytes -= bytes
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
