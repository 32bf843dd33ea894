/**
 * Slots in the order of their positions in one table, in chunks: adding, removing and finding cost
 * the square root of their number at most, and the chunks are plain arrays, cheap to hold for many
 * small shares.
 */
import type { KeyPlace } from "../KeyPlacement.ts"
import type { Record } from "../Record.ts"
import { lowerBound } from "./lowerBound.ts"

/** What a share holds for a key. One object as long as the key is there, whatever its versions. */
export interface Slot {
  readonly key: string
  record: Record
  /** Set once the share is sorted. */
  place: KeyPlace | undefined
}

/** A chunk past this is split. Larger chunks make adding dearer, smaller ones searching. */
const maxChunkSize = 512

/** The slots of one table in order. */
export class SortedSlots {
  readonly #table: number
  readonly #chunks: Array<Array<Slot>> = []

  /** `table`: index of the table; `slots`: those to begin with, in any order, all of them placed. */
  constructor(table: number, slots: Iterable<Slot>) {
    this.#table = table
    const sorted = [...slots].sort((a, b) => this.#compare(a, this.#position(b), b.key))
    for (let start = 0; start < sorted.length; start += maxChunkSize / 2) {
      this.#chunks.push(sorted.slice(start, start + maxChunkSize / 2))
    }
  }

  /** Adds a slot that is not there. */
  add(slot: Slot): void {
    const position = this.#position(slot)
    const index = Math.min(this.#findChunk(position, slot.key), this.#chunks.length - 1)
    const chunk = this.#chunks[index]
    if (chunk === undefined) {
      this.#chunks.push([slot])
      return
    }
    chunk.splice(this.#findInChunk(chunk, position, slot.key), 0, slot)
    if (chunk.length > maxChunkSize) this.#chunks.splice(index + 1, 0, chunk.splice(maxChunkSize / 2))
  }

  /** Removes a slot that is there. */
  remove(slot: Slot): void {
    const position = this.#position(slot)
    const index = this.#findChunk(position, slot.key)
    const chunk = this.#chunks[index]!
    chunk.splice(this.#findInChunk(chunk, position, slot.key), 1)
    if (chunk.length === 0) this.#chunks.splice(index, 1)
  }

  /** Calls back for each slot with a position in (`from`, `to`], in order; not round the ring's end. */
  visit(from: bigint, to: bigint, visitor: (slot: Slot) => void): void {
    // No key sorts after `undefined`, so that the slots at `from` itself are passed over.
    let index = this.#findChunk(from, undefined)
    let chunk = this.#chunks[index]
    if (chunk === undefined) return
    let offset = this.#findInChunk(chunk, from, undefined)
    while (chunk !== undefined) {
      for (; offset < chunk.length; offset++) {
        const slot = chunk[offset]!
        if (this.#position(slot) > to) return
        visitor(slot)
      }
      chunk = this.#chunks[++index]
      offset = 0
    }
  }

  #position(slot: Slot): bigint {
    return slot.place!.positions[this.#table]!
  }

  /** By position, then by key. A key of `undefined` comes after all keys. */
  #compare(slot: Slot, position: bigint, key: string | undefined): number {
    const own = this.#position(slot)
    if (own !== position) return own < position ? -1 : 1
    if (key === undefined) return -1
    return slot.key === key ? 0 : slot.key < key ? -1 : 1
  }

  /** The first chunk whose last slot is not before that place; the count of chunks when there is none. */
  #findChunk(position: bigint, key: string | undefined): number {
    return lowerBound(this.#chunks.length, (index) => this.#compare(this.#chunks[index]!.at(-1)!, position, key) < 0)
  }

  #findInChunk(chunk: Array<Slot>, position: bigint, key: string | undefined): number {
    return lowerBound(chunk.length, (index) => this.#compare(chunk[index]!, position, key) < 0)
  }
}
