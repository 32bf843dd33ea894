/**
 * The bounded way out of a link: frames wait here, counted in bytes, until the link's writer takes
 * them, many at once. Plain and synchronous, because a relay offers a frame to every peer.
 *
 * There are two lanes. Passing frames, the broadcasts, may be dropped for newer ones; the others never are.
 * Frames keep their order while no more waits than is taken at once; behind more than that the others go
 * first, so that an answer does not wait behind a flood that is being relayed.
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { ByteBudget } from "./ByteBudget.ts"

/** When the budget of the node is spent, a queue may still hold this part of it. */
const fairPart = 1 / 64
/** What is dropped at once, so that a full queue is not gone through for every frame. */
const droppedPart = 1 / 8
/** What is taken at once of the passing frames, and handed to the transport in one call at most, in bytes. */
const groupBytes = 262_144
const gone = new Uint8Array(0)
/** A queue with so many bytes or less in it is quiet: over a slow line they are gone before a ping behind them is late. */
const quietBytes = 32_768
/** Frames that were taken are cleared away when there are so many. */
const clearedCount = 1024
/** In place of a set that most links never need; nothing is added to it. */
const none = new Set<Uint8Array>()

/**
 * Frames on their way to one peer.
 *
 * @category models
 * @since 0.1.0
 */
export class Outbox {
  readonly capacityBytes: number
  /** Bytes that the transport took so far. */
  writtenBytes = 0
  /** Called with each frame that is queued: there is something to write. */
  onFrame: (() => void) | undefined
  /** Made for the first who waits: most links never have any. */
  #room: Latch.Latch | undefined
  #hasRoom = true
  /** Made for those who wait until little is left, and opened once. */
  #quiet: Latch.Latch | undefined
  readonly #budget: ByteBudget | undefined
  /** What is taken first, and never dropped. */
  #kept: Array<Uint8Array> = []
  /** What may be dropped, from `#head` on, and its bytes. */
  #passing: Array<Uint8Array> = []
  #head = 0
  #passingBytes = 0
  /** Which frames in that lane are not to be dropped: they keep their order among the others. */
  #ordered = none
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

  /**
   * False when the queue has grown past half of its capacity, true again when it has shrunk to a quarter:
   * whoever waits for room then finds some for many frames.
   */
  get hasRoom(): boolean {
    return this.#hasRoom
  }

  /** Open while there is room. */
  get room(): Latch.Latch {
    return this.#room ??= Latch.makeUnsafe(this.#hasRoom)
  }

  /** Ends when little waits, 32 KiB at most, or the link is closed. */
  get quiet(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.isQuiet ? Effect.void : Effect.asVoid((this.#quiet ??= Latch.makeUnsafe(false)).await)
    )
  }

  /** Whether it is so now. */
  get isQuiet(): boolean {
    return this.#queuedBytes <= quietBytes || this.#isClosed
  }

  /** Whether frames wait that were not taken. */
  get hasFrames(): boolean {
    return this.#kept.length > 0 || this.#head < this.#passing.length
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
      this.#fill()
      return false
    }
    if (isPassing || (this.#passing.length > 0 && this.#passingBytes <= groupBytes)) {
      // Most often the only one: a list of one, not one with room for many.
      if (this.#passing.length === 0) this.#passing = [frame]
      else this.#passing.push(frame)
      this.#passingBytes += frame.length
      if (!isPassing) {
        if (this.#ordered === none) this.#ordered = new Set()
        this.#ordered.add(frame)
      }
    } else {
      if (this.#ordered.size > 0) this.#promote()
      this.#kept.push(frame)
    }
    this.#queuedBytes = after
    if (this.#budget !== undefined) this.#budget.usedBytes += frame.length
    if (after * 2 > this.capacityBytes) this.#fill()
    this.onFrame?.()
    return true
  }

  /**
   * Drops passing frames, the oldest first, until one of so many bytes fits and an eighth of the capacity is
   * free. Gives how many were dropped.
   */
  dropOldest(bytes: number): number {
    if (this.#isClosed || this.#queuedBytes + bytes <= this.#limitBytes) return 0
    const target = this.#limitBytes - Math.max(bytes, this.capacityBytes * droppedPart)
    let droppedCount = 0
    while (this.#queuedBytes > target && this.#head < this.#passing.length) {
      const frame = this.#passing[this.#head]!
      const isKept = this.#ordered.has(frame)
      this.#shift()
      if (isKept) this.#kept.push(frame)
      else {
        this.#forget(frame.length)
        droppedCount++
      }
    }
    this.#clear()
    // Nothing that is written would open it. Else its peer has to take something: one that is stuck has caught up with nothing.
    if (this.#queuedBytes === 0) this.#release(0)
    return droppedCount
  }

  /**
   * What is to be written next: all frames that are never dropped, and passing ones of up to 256 KiB. They
   * count as queued until `written` says that they are out.
   */
  take(): Array<Uint8Array> {
    const frames = this.#kept
    this.#kept = []
    if (frames.length === 0 && this.#head === 0 && this.#passingBytes <= groupBytes) {
      const all = this.#passing
      this.#passing = []
      this.#passingBytes = 0
      this.#ordered = none
      return all
    }
    for (let bytes = 0; bytes < groupBytes && this.#head < this.#passing.length;) {
      const frame = this.#shift()
      frames.push(frame)
      bytes += frame.length
    }
    this.#clear()
    return frames
  }

  written(bytes: number): void {
    this.writtenBytes += bytes
    this.#release(bytes)
  }

  /** Takes no more frames; what waits can still be taken. */
  close(): void {
    this.#isClosed = true
    this.#open()
    this.#settle()
  }

  /** Gives up what was not written: nobody will write it any more. */
  discard(): void {
    this.#kept = []
    this.#passing = []
    this.#head = 0
    this.#passingBytes = 0
    this.#ordered = none
    this.#release(this.#queuedBytes)
  }

  #fill(): void {
    this.#hasRoom = false
    this.#room?.closeUnsafe()
  }

  #open(): void {
    this.#hasRoom = true
    this.#room?.openUnsafe()
  }

  #shift(): Uint8Array {
    const frame = this.#passing[this.#head]!
    this.#passing[this.#head++] = gone
    this.#passingBytes -= frame.length
    if (this.#ordered.size > 0) this.#ordered.delete(frame)
    return frame
  }

  /** Those that kept their order go first as well, before a newer one that does. */
  #promote(): void {
    const passing: Array<Uint8Array> = []
    for (let i = this.#head; i < this.#passing.length; i++) {
      const frame = this.#passing[i]!
      if (!this.#ordered.has(frame)) passing.push(frame)
      else {
        this.#kept.push(frame)
        this.#passingBytes -= frame.length
      }
    }
    this.#passing = passing
    this.#head = 0
    this.#ordered = none
  }

  /** Lets go of the passing frames that are gone. */
  #clear(): void {
    if (this.#head < this.#passing.length && (this.#head < clearedCount || this.#head * 2 < this.#passing.length)) {
      return
    }
    this.#passing = this.#passing.slice(this.#head)
    this.#head = 0
  }

  get #limitBytes(): number {
    const budget = this.#budget
    return budget === undefined || !budget.isSpent
      ? this.capacityBytes
      : Math.min(this.capacityBytes, budget.maxBytes * fairPart)
  }

  #forget(bytes: number): void {
    this.#queuedBytes -= bytes
    if (this.#budget !== undefined) this.#budget.usedBytes -= bytes
  }

  /** Written, or given up. */
  #release(bytes: number): void {
    this.#forget(bytes)
    if (!this.#hasRoom && this.#queuedBytes * 4 <= this.capacityBytes) this.#open()
    if (this.#quiet !== undefined) this.#settle()
  }

  #settle(): void {
    const quiet = this.#quiet
    if (quiet === undefined || !this.isQuiet) return
    this.#quiet = undefined
    quiet.openUnsafe()
  }
}

const joinBelowBytes = 16_384
/** What small frames are joined into, at most. */
export const blockBytes = 65_536

/**
 * Joins neighboring small frames into blocks of up to 64 KiB, so that they share a system call;
 * frames of 16 KiB and more stand alone, uncopied.
 *
 * @category math
 * @since 0.1.0
 */
export const coalesce = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  if (frames.length < 2) return frames
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
