/**
 * What one node holds of the shared dictionary: plain and synchronous, with the time as an argument.
 * Bounded in keys; a deleted key is remembered for a while, so that who has not heard does not bring it back.
 *
 * Two nodes find out by digests of 32 shares whether they hold the same: a share's digest is that of its
 * entries, joined by exclusive or, so that it is kept up entry by entry.
 */
import type * as Schema from "effect/Schema"
import type { Hashing } from "../Protocol/Hashing.ts"
import { isNewer, type Stamp } from "./Rule.ts"

/**
 * A key with its value, null when it was deleted, and who wrote it when.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncEntry extends Stamp {
  readonly key: string
  readonly value: Schema.Json
}

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

/** An entry with what is needed to take it out of its share again. */
interface Held {
  readonly entry: SyncEntry
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

  get(key: string): SyncEntry | undefined {
    return this.#held.get(key)?.entry
  }

  /** All entries, those of deleted keys with the value null. */
  *entries(): IterableIterator<SyncEntry> {
    for (const { entry } of this.#held.values()) yield entry
  }

  /** Holds an entry in place of what was held under its key; `false` when there is no room for it. */
  put(entry: SyncEntry): boolean {
    if (!this.#held.has(entry.key) && !this.hasRoom) return false
    this.#remove(entry.key)
    const { key, owner, time, value } = entry
    const share = this.#hashing.digest("sha256", encoder.encode(key))[0]! % shareCount
    const digest = this.#hashing.digest("sha256", encoder.encode(canonical([key, owner, time, value])))
    this.#held.set(key, { entry, share, digest })
    this.#mix(share, digest)
    return true
  }

  /** Whether an entry that a peer holds counts more than the one here: by their stamps, of one stamp by the values. */
  isBetter(entry: SyncEntry): boolean {
    const held = this.get(entry.key)
    if (held === undefined || isNewer(entry, held)) return true
    return entry.time === held.time && entry.owner === held.owner && canonical(entry.value) > canonical(held.value)
  }

  /** Forgets keys that were deleted before a time. */
  forgetDeleted(beforeSeconds: number): void {
    for (const { entry } of this.#held.values()) {
      if (entry.value === null && entry.time < beforeSeconds) this.#remove(entry.key)
    }
  }

  /** The digests of all shares, a copy. */
  get digests(): Uint8Array {
    return this.#digests.slice()
  }

  /** The entries of the shares whose digests are others than here. */
  differing(digests: Uint8Array): ReadonlyArray<SyncEntry> {
    const shares = new Set<number>()
    for (let i = 0; i < digestsBytes; i++) {
      if (digests[i] !== this.#digests[i]) shares.add(Math.floor(i / digestBytes))
    }
    return shares.size === 0
      ? []
      : Array.from(this.#held.values()).filter(({ share }) => shares.has(share)).map(({ entry }) => entry)
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
 * JSON text that is the same for equal values: keys in order.
 *
 * @category encoding
 * @since 0.1.0
 */
export const canonical = (value: Schema.Json): string => JSON.stringify(value, sorted)

const sorted = (_: string, value: unknown): unknown =>
  typeof value !== "object" || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
