/**
 * The keys that this node's own application reads and writes, as calls need them: a key has five digests, which take as
 * long as a tenth of a read, and applications ask for the same ones again.
 */
import { ownText } from "../../Protocol/internal/OwnText.ts"
import type { KeyPlacement } from "../KeyPlacement.ts"
import type { Record } from "../Record.ts"

export interface Key {
  /** In memory of its own. */
  readonly text: string
  /** As it stands in calls. */
  readonly bytes: Uint8Array
  /** Its placements, in the order of the tables. */
  readonly positions: ReadonlyArray<bigint>
}

/** So many are kept of those that were used last, and up to as many of those before. */
const maxKept = 512
/** Longer ones are not kept, so that all of them take less than a megabyte. */
const maxKeptCharacters = 128

const encoder = new TextEncoder()

/** The key of a record, which knows its place. */
export const keyOf = (record: Record, placement: KeyPlacement): Key => ({
  text: record.key,
  bytes: encoder.encode(record.key),
  positions: record.place(placement).positions
})

export class Keys {
  readonly #placement: KeyPlacement
  #recent = new Map<string, Key>()
  #older = new Map<string, Key>()

  constructor(placement: KeyPlacement) {
    this.#placement = placement
  }

  of(text: string): Key {
    const known = this.#recent.get(text)
    if (known !== undefined) return known
    const key = this.#older.get(text) ?? this.#make(text)
    if (text.length <= maxKeptCharacters) this.#keep(key)
    return key
  }

  #make(text: string): Key {
    // No record has a key that is none, and none is to be found under another one.
    const own = text.isWellFormed() ? ownText(text) : text
    return { text: own, bytes: encoder.encode(own), positions: this.#placement.of(own).positions }
  }

  /** All at once are forgotten that were not used since the last time: to look for the oldest takes longer. */
  #keep(key: Key): void {
    if (this.#recent.size === maxKept) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(key.text, key)
  }
}
