/**
 * Whom a node has nothing to do with, by where they come from or by the id they claim, until when and
 * why. Plain and synchronous: time is an argument. It is kept in memory: a node that starts again starts
 * without bans.
 */

/**
 * Whom a ban is for. A host stands for all of its ports, and an IPv6 host for its network of 64 bits. An id
 * is a claim where the transport proves none: a ban of it keeps out whoever goes by it.
 *
 * @category models
 * @since 0.1.0
 */
export type BanTarget =
  | { readonly _tag: "Source"; readonly source: string }
  | { readonly _tag: "Id"; readonly id: string }

/**
 * A ban as it was when asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ban {
  readonly target: BanTarget
  readonly why: string
  /** Whether the node itself found reason for it, rather than its user. */
  readonly isAutomatic: boolean
  /** Milliseconds until it ends; `Infinity` for never. */
  readonly leftMillis: number
}

/**
 * The text of a target: the source, or the id.
 *
 * @category encoding
 * @since 0.1.0
 */
export const targetText = (target: BanTarget): string => target._tag === "Source" ? target.source : target.id

const keyOf = (target: BanTarget): string => `${target._tag} ${targetText(target)}`

interface Entry {
  readonly target: BanTarget
  readonly why: string
  readonly isAutomatic: boolean
  readonly untilMillis: number
}

/**
 * Bans, bounded in number: past `maxCount` the automatic one that ends first makes room, or of the others
 * the one that ends first.
 *
 * @category models
 * @since 0.1.0
 */
export class BanList {
  readonly #maxCount: number
  readonly #entries = new Map<string, Entry>()

  constructor(maxCount: number) {
    this.#maxCount = maxCount
  }

  /** Those that are over may be among them. */
  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  /** How many there are now. */
  count(nowMillis: number): number {
    this.#sweep(nowMillis)
    return this.#entries.size
  }

  /** Bans from now on; a ban of the same target is replaced. */
  add(target: BanTarget, why: string, isAutomatic: boolean, forMillis: number, nowMillis: number): void {
    const key = keyOf(target)
    if (!this.#entries.has(key) && this.#entries.size >= this.#maxCount) this.#makeRoom(nowMillis)
    this.#entries.set(key, { target, why, isAutomatic, untilMillis: nowMillis + forMillis })
  }

  /** Ends a ban; `false` when there is none. */
  remove(target: BanTarget, nowMillis: number): boolean {
    const isThere = this.find(target, nowMillis) !== undefined
    this.#entries.delete(keyOf(target))
    return isThere
  }

  /** The ban of a target, if there is one. */
  find(target: BanTarget, nowMillis: number): Ban | undefined {
    if (this.#entries.size === 0) return undefined
    const key = keyOf(target)
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.untilMillis > nowMillis) return toBan(entry, nowMillis)
    this.#entries.delete(key)
    return undefined
  }

  /** All bans, in the order in which they were made. */
  list(nowMillis: number): Array<Ban> {
    this.#sweep(nowMillis)
    return Array.from(this.#entries.values(), (entry) => toBan(entry, nowMillis))
  }

  #sweep(nowMillis: number): void {
    for (const [key, { untilMillis }] of this.#entries) {
      if (untilMillis <= nowMillis) this.#entries.delete(key)
    }
  }

  #makeRoom(nowMillis: number): void {
    this.#sweep(nowMillis)
    if (this.#entries.size < this.#maxCount) return
    let first: Entry | undefined
    for (const entry of this.#entries.values()) {
      if (first === undefined || isBefore(entry, first)) first = entry
    }
    if (first !== undefined) this.#entries.delete(keyOf(first.target))
  }
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.isAutomatic === other.isAutomatic ? one.untilMillis < other.untilMillis : one.isAutomatic

const toBan = ({ isAutomatic, target, untilMillis, why }: Entry, nowMillis: number): Ban => ({
  target,
  why,
  isAutomatic,
  leftMillis: untilMillis - nowMillis
})
