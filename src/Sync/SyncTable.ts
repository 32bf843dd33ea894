/**
 * What one node holds of the shared dictionary: plain and synchronous, with the time as an argument.
 * Bounded in keys; a deleted key is remembered for a while, so that who has not heard does not bring it back.
 *
 * Two nodes find out by digests of 32 shares whether they hold the same: a share's digest is that of its
 * entries, joined by exclusive or, so that it is kept up entry by entry. So what is held must not change in
 * place: it is a copy that nobody can change.
 */
import type * as Schema from "effect/Schema"
import type { Hashing } from "../Protocol/Hashing.ts"
import { ownText } from "../Protocol/internal/OwnText.ts"
import { type SyncEntry, type SyncState, textOf } from "./SyncState.ts"

/**
 * How many shares the keys are divided into.
 *
 * @category models
 * @since 0.1.0
 */
const shareCount = 32
const digestBytes = 8

/** The bytes of all digests. @internal */
export const digestsBytes = shareCount * digestBytes

/** A state with what is needed to take it out of its share again. */
interface Held {
  readonly state: SyncState
  readonly share: number
  readonly digest: Uint8Array
}

const encoder = new TextEncoder()

/**
 * The entries of one node.
 *
 * @category models
 * @since 0.1.0
 */
export class SyncTable {
  readonly #hashing: Hashing["Service"]
  readonly #maxEntries: number
  readonly #held = new Map<string, Held>()
  readonly #digests = new Uint8Array(digestsBytes)

  constructor(hashing: Hashing["Service"], maxEntries: number) {
    this.#hashing = hashing
    this.#maxEntries = maxEntries
  }

  /** How many keys it holds, deleted ones that are remembered among them. */
  get count(): number {
    return this.#held.size
  }

  /** Whether there is room for one more key. */
  get hasRoom(): boolean {
    return this.#held.size < this.#maxEntries
  }

  /** The entry of a key; not to be changed, as all that the table gives. */
  get(key: string): SyncEntry | undefined {
    return this.#held.get(key)?.state.entry
  }

  /** The same with which write each part of it comes from. */
  state(key: string): SyncState | undefined {
    return this.#held.get(key)?.state
  }

  /** All entries, those of deleted keys with the value null. */
  *entries(): IterableIterator<SyncEntry> {
    for (const { state } of this.#held.values()) yield state.entry
  }

  /** Holds a copy of a state in place of what was held under its key; `false` when there is no room for it. */
  put(state: SyncState): boolean {
    const { key } = state.entry
    if (!this.#held.has(key) && !this.hasRoom) return false
    this.#remove(key)
    const entry = Object.freeze({ ...state.entry, value: frozen(state.entry.value) })
    const held = { ...state, entry }
    const share = this.#hashing.digest("sha256", encoder.encode(key))[0]! % shareCount
    const digest = this.#hashing.digest("sha256", encoder.encode(textOf(held)))
    this.#held.set(key, { state: held, share, digest })
    this.#mix(share, digest)
    return true
  }

  /** Forgets keys that were deleted before a time. */
  forgetDeleted(beforeSeconds: number): void {
    for (const { state: { entry } } of this.#held.values()) {
      if (entry.value === null && entry.time < beforeSeconds) this.#remove(entry.key)
    }
  }

  /** The digests of all shares, a copy. */
  get digests(): Uint8Array {
    return this.#digests.slice()
  }

  /**
   * What is held in the shares whose digests are others than here, one share after the other, for whoever gets a part of
   * it need not be sent again the shares that it has. Begins with the share `first`, a fraction of all of them.
   */
  differing(digests: Uint8Array, first = 0): ReadonlyArray<SyncState> {
    const shares = new Set<number>()
    for (let i = 0; i < digestsBytes; i++) {
      if (digests[i] !== this.#digests[i]) shares.add(Math.floor(i / digestBytes))
    }
    if (shares.size === 0) return []
    const turnOf = ({ share }: Held) => (share + shareCount - Math.floor(first * shareCount)) % shareCount
    return Array.from(this.#held.values()).filter(({ share }) => shares.has(share))
      .sort((a, b) => turnOf(a) - turnOf(b)).map(({ state }) => state)
  }

  /** Whether the digests are those of what is held here. */
  isSame(digests: Uint8Array): boolean {
    return digests.every((byte, index) => byte === this.#digests[index])
  }

  #remove(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    this.#mix(held.share, held.digest)
  }

  #mix(share: number, digest: Uint8Array): void {
    for (let i = 0; i < digestBytes; i++) this.#digests[share * digestBytes + i]! ^= digest[i]!
  }
}

/**
 * A copy of a value that its reader may change.
 *
 * @category conversions
 * @since 0.1.0
 */
export const copyOf = (value: Schema.Json): Schema.Json => copyWith(value, (copy) => copy)

/**
 * A copy of a value to keep, in memory of its own: none of its texts holds on to a larger one. They must be well-formed.
 *
 * @category conversions
 * @since 0.1.0
 */
export const ownCopyOf = (value: Schema.Json): Schema.Json => copyWith(value, (copy) => copy, ownText)

const frozen = (value: Schema.Json): Schema.Json => copyWith(value, Object.freeze)

const copyWith = (
  value: Schema.Json,
  finish: <A extends object>(copy: A) => A,
  ofText: (text: string) => string = (text) => text
): Schema.Json => {
  if (typeof value === "string") return ofText(value)
  if (typeof value !== "object" || value === null) return value
  const copy = (item: Schema.Json) => copyWith(item, finish, ofText)
  return Array.isArray(value)
    ? finish(value.map(copy))
    // Not by assignment: a field may be named `__proto__`.
    : finish(Object.fromEntries(Object.entries(value).map(([name, item]) => [name, copy(item)])))
}
