/**
 * The records of a share, in memory: by key, and by their positions on the ring. Plain data without
 * clock or disk, shared by all implementations of `ChordStorage`.
 *
 * Changes are made in two steps, so that nobody reads what is not yet safe on a disk: a `RecordBatch`
 * collects them and knows what each write will find, `commit` makes them visible.
 */
import { type Slot, SortedSlots } from "./internal/SortedSlots.ts"
import { type KeyPlacement, tables } from "./KeyPlacement.ts"
import * as Record from "./Record.ts"
import * as Version from "./Version.ts"

/**
 * What became of a record that was put.
 *
 * - `Stored`: it is the one for its key now.
 * - `Known`: the very same was there already.
 * - `Superseded`: a newer one of its key is there, and stays. For a write that is as good as stored.
 * - `Over`: it is a tombstone, or an expired value, past its life (`Record.isOver`); not taken.
 * - `Full`: there is no room for it (`maxRecords`, `maxBytes`); not taken.
 *
 * @category models
 * @since 0.1.0
 */
export type PutOutcome = "Stored" | "Known" | "Superseded" | "Over" | "Full"

/**
 * Which records of a share: those with a position in (`from`, `to`], clockwise, in any of `tables`.
 * Where `from` and `to` are the same that is all of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecordRange {
  readonly placement: KeyPlacement
  readonly from: bigint
  readonly to: bigint
  /** Indexes of `KeyPlacement.tables`, each once. Default: all five. */
  readonly tables?: ReadonlyArray<number> | undefined
}

/**
 * The bounds of a share.
 *
 * @category options
 * @since 0.1.0
 */
export interface IndexLimits {
  readonly maxRecords: number
  readonly maxBytes: number
  readonly tombstoneTtlMillis: number
}

/**
 * The records of a share.
 *
 * @category models
 * @since 0.1.0
 */
export class RecordIndex {
  readonly limits: IndexLimits
  readonly #slots = new Map<string, Slot>()
  /** By table; sorted when first asked for, kept sorted from then on. */
  readonly #sorted: Array<SortedSlots | undefined> = []
  #placement: KeyPlacement | undefined
  #bytes = 0
  #tombstoneCount = 0
  #newest: Version.Version | undefined
  #changeCount = 0

  constructor(limits: IndexLimits) {
    this.limits = limits
  }

  /** How many records there are, tombstones included. */
  get count(): number {
    return this.#slots.size
  }

  /** Grows with each change. */
  get changeCount(): number {
    return this.#changeCount
  }

  /** How many of them are tombstones. */
  get tombstoneCount(): number {
    return this.#tombstoneCount
  }

  /** Their length as `Record.encode` writes them. */
  get bytes(): number {
    return this.#bytes
  }

  /** The highest version that was ever here. */
  get newest(): Version.Version | undefined {
    return this.#newest
  }

  get(key: string): Record.Record | undefined {
    return this.#slots.get(key)?.record
  }

  /** All records, in the order in which their keys came. */
  *records(): IterableIterator<Record.Record> {
    for (const slot of this.#slots.values()) yield slot.record
  }

  /** The records of a range, each once: table by table, clockwise, those of one position by key. */
  range({ placement, tables: wanted = allTables, ...range }: RecordRange): Array<Record.Record> {
    const found = new Set<Slot>()
    const take = (slot: Slot): void => {
      found.add(slot)
    }
    const from = BigInt.asUintN(placement.bits, range.from)
    const to = BigInt.asUintN(placement.bits, range.to)
    const end = 1n << BigInt(placement.bits)
    for (const table of wanted) {
      const sorted = this.#sort(placement, table)
      sorted.visit(from, from < to ? to : end, take)
      if (from >= to) sorted.visit(-1n, to, take)
    }
    return Array.from(found, (slot) => slot.record)
  }

  /** Takes a record without any check, unless a newer version is there. For what was stored before, in that order. */
  load(record: Record.Record): void {
    const held = this.#slots.get(record.key)
    if (held === undefined || Version.compare(record.version, held.record.version) >= 0) this.#set(record)
  }

  /** Forgets a key without any check. For what was stored before. */
  unload(key: string): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#count(slot.record, -1)
    if (slot.place === undefined) return
    for (const sorted of this.#sorted) sorted?.remove(slot)
  }

  /** Makes the changes of a batch visible. Nothing else may have been committed since it was begun. */
  commit(batch: RecordBatch): void {
    for (const [key, record] of batch.changes) {
      if (record === undefined) this.unload(key)
      else this.#set(record)
    }
  }

  #set(record: Record.Record): void {
    this.#newest = Version.max(this.#newest, record.version)
    this.#count(record, 1)
    const held = this.#slots.get(record.key)
    if (held !== undefined) {
      this.#count(held.record, -1)
      held.record = record
      return
    }
    const slot: Slot = { key: record.key, record, place: undefined }
    this.#slots.set(record.key, slot)
    if (this.#placement === undefined) return
    slot.place = record.place(this.#placement)
    for (const sorted of this.#sorted) sorted?.add(slot)
  }

  #count(record: Record.Record, sign: 1 | -1): void {
    this.#changeCount++
    this.#bytes += sign * Record.encodedBytes(record)
    if (record.value === undefined) this.#tombstoneCount += sign
  }

  #sort(placement: KeyPlacement, table: number): SortedSlots {
    if (this.#placement !== placement) {
      this.#placement = placement
      this.#sorted.length = 0
      for (const slot of this.#slots.values()) slot.place = slot.record.place(placement)
    }
    return this.#sorted[table] ??= new SortedSlots(table, this.#slots.values())
  }
}

const allTables = tables.map((_, index) => index)

/**
 * Changes to an index that are not yet visible in it, at one time. Each step sees those before.
 *
 * @category models
 * @since 0.1.0
 */
export class RecordBatch {
  /** What the index is to hold for each key that changes; `undefined`: nothing. */
  readonly changes = new Map<string, Record.Record | undefined>()
  readonly #index: RecordIndex
  readonly #nowMillis: number
  #count: number
  #bytes: number

  constructor(index: RecordIndex, nowMillis: number) {
    this.#index = index
    this.#nowMillis = nowMillis
    this.#count = index.count
    this.#bytes = index.bytes
  }

  /**
   * Puts a record in, unless a newer one is there. An expired value goes in as the tombstone that it
   * stands for. A key that is there is refused as `Full` only if it would grow past `maxBytes`, a
   * tombstone for it never.
   */
  put(given: Record.Record): PutOutcome {
    const { maxBytes, maxRecords, tombstoneTtlMillis } = this.#index.limits
    if (Record.isOver(given, this.#nowMillis, tombstoneTtlMillis)) return "Over"
    const record = Record.isExpired(given, this.#nowMillis) ? Record.bury(given) : given
    const held = this.#held(record.key)
    if (held !== undefined) {
      const order = Record.compareAt(record, held, this.#nowMillis)
      if (order <= 0) return order === 0 ? "Known" : "Superseded"
    } else if (this.#count >= maxRecords) return "Full"
    const growth = Record.encodedBytes(record) - (held === undefined ? 0 : Record.encodedBytes(held))
    const isDelete = held !== undefined && record.value === undefined
    if (growth > 0 && this.#bytes + growth > maxBytes && !isDelete) return "Full"
    this.#change(record.key, record, held === undefined ? 1 : 0, growth)
    return "Stored"
  }

  /** Forgets a key if what is there has that version; whether it did. */
  remove(key: string, version: Version.Version): boolean {
    const held = this.#held(key)
    if (held === undefined || Version.compare(held.version, version) !== 0) return false
    this.#change(key, undefined, -1, -Record.encodedBytes(held))
    return true
  }

  /** Makes tombstones of expired values, and forgets what is over. */
  sweep(): { readonly buried: number; readonly forgotten: number } {
    let buried = 0
    let forgotten = 0
    for (const { key } of this.#index.records()) {
      const record = this.#held(key)
      if (record === undefined) continue
      if (Record.isOver(record, this.#nowMillis, this.#index.limits.tombstoneTtlMillis)) {
        if (this.remove(record.key, record.version)) forgotten++
      } else if (Record.isExpired(record, this.#nowMillis) && this.put(record) === "Stored") buried++
    }
    return { buried, forgotten }
  }

  #held(key: string): Record.Record | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.#index.get(key)
  }

  #change(key: string, record: Record.Record | undefined, count: number, bytes: number): void {
    this.changes.set(key, record)
    this.#count += count
    this.#bytes += bytes
  }
}
