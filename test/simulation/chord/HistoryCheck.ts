/**
 * Checks what clients saw of a dictionary against its contract (`Chord/Record.ts`). The order of
 * writes is that of their versions; so a check costs little more than sorting the operations, with
 * values that are mostly different.
 *
 * What is legal, though it may surprise: a write that failed or is still under way may be read, now,
 * later or never; of two writes at the same time either may be read by those who begin before both
 * are acknowledged; after the life of a tombstone what it had deleted may come back.
 */
import * as Record from "../../../src/Chord/Record.ts"
import * as Version from "../../../src/Chord/Version.ts"
import type { Operation } from "./History.ts"
import type { Copy, Violation } from "./HistoryViolation.ts"

/**
 * What to check by.
 *
 * @category options
 * @since 0.1.0
 */
export interface CheckOptions {
  /** How long tombstones are kept, in milliseconds. Default 24 hours. */
  readonly tombstoneTtlMillis?: number | undefined
  /** How far the clocks of nodes may be from the outer one, in milliseconds. Default 0. */
  readonly skewMillis?: number | undefined
  /**
   * Whether writes that follow each other must have versions in that order, that is, whether a node
   * that finds a newer version makes a still newer one. Default false.
   */
  readonly writeOrder?: boolean | undefined
}

/**
 * The breaches in a history, key by key; of each read at most one.
 *
 * @category predicates
 * @since 0.1.0
 */
export const check = (
  operations: ReadonlyArray<Operation>,
  options: CheckOptions = {}
): ReadonlyArray<Violation> => {
  const byKey = new Map<string, KeyHistory>()
  for (const [index, operation] of operations.entries()) {
    let history = byKey.get(operation.key)
    if (history === undefined) byKey.set(operation.key, history = new KeyHistory(options))
    history.add({ ...operation, index })
  }
  return Array.from(byKey.values()).flatMap((history) => history.check())
}

/** An operation with its place in the whole history. */
interface Step extends Operation {
  readonly index: number
}

/** The operations on one key. */
class KeyHistory {
  readonly #ttlMillis: number
  readonly #skewMillis: number
  readonly #writeOrder: boolean
  readonly #writes: Array<Step> = []
  readonly #writesByValue = new Map<string, Array<Step>>()
  /** Deletes, and values that expire. */
  readonly #endings: Array<Step> = []
  /** Reads that gave an answer. */
  readonly #reads: Array<Step> = []
  readonly #violations: Array<Violation> = []
  /** By client. */
  readonly #floors = new Map<string, Floor>()

  constructor(options: CheckOptions) {
    this.#ttlMillis = options.tombstoneTtlMillis ?? Record.defaultTombstoneTtlMillis
    this.#skewMillis = options.skewMillis ?? 0
    this.#writeOrder = options.writeOrder ?? false
  }

  add(step: Step): void {
    if (step.kind !== "get") this.#addWrite(step)
    else if (step.outcome === "acknowledged") this.#reads.push(step)
  }

  #addWrite(write: Step): void {
    this.#writes.push(write)
    if (write.value === undefined || write.expiresAtMillis !== undefined) this.#endings.push(write)
    if (write.value === undefined) return
    const same = this.#writesByValue.get(write.value)
    if (same === undefined) this.#writesByValue.set(write.value, [write])
    else same.push(write)
  }

  check(): ReadonlyArray<Violation> {
    this.#checkVersions()
    const acknowledged = new Acknowledged(this.#writes.filter((write) => write.outcome === "acknowledged"))
    for (const step of [...this.#reads, ...this.#writes].sort(byBeginning)) {
      const before = acknowledged.newestBefore(step)
      if (step.kind === "get") this.#checkRead(step, before)
      else if (this.#writeOrder && before !== undefined && isBelow(step.version, before.version)) {
        this.#violations.push({ _tag: "WriteOutOfOrder", write: step, before })
      }
    }
    return this.#violations
  }

  #checkVersions(): void {
    const byVersion = new Map<string, Step>()
    for (const write of this.#writes) {
      if (write.version === undefined) continue
      const name = Version.encode(write.version).join()
      const before = byVersion.get(name)
      if (before === undefined) byVersion.set(name, write)
      else if (before.value !== write.value || before.expiresAtMillis !== write.expiresAtMillis) {
        this.#violations.push({ _tag: "SharedVersion", write, before })
      }
    }
  }

  /** `required`: the newest write that was acknowledged before the read began. */
  #checkRead(read: Step, required: Step | undefined): void {
    const isFound = read.value !== undefined
    const sources = this.#sourcesOf(read)
    if (sources.length === 0 && (isFound || read.version !== undefined)) {
      this.#violations.push({ _tag: "PhantomRead", read })
      return
    }
    const versions = sources.map((source) => read.version ?? source.version)
    const floor = this.#floorOf(read)
    if (!this.#canBe(versions, required?.version, read)) {
      const isResurrected = isFound && required!.kind === "delete"
      this.#violations.push({ _tag: isResurrected ? "ResurrectedDelete" : "StaleRead", read, write: required! })
    } else if (!this.#canBe(versions, floor?.version, read)) {
      this.#violations.push({ _tag: "NonMonotonicRead", read, before: floor!.read })
    } else if (isFound && sources.every((source) => this.#isExpired(source, read))) {
      this.#violations.push({ _tag: "ExpiredRead", read, write: sources.at(-1)! })
    }
    this.#raiseFloor(read, versions, [required?.version, floor?.version])
  }

  /** The writes that a read may have met: of what it found, or those that explain that it found nothing. */
  #sourcesOf(read: Step): ReadonlyArray<Step> {
    const writes = read.value === undefined ? this.#endings : this.#writesByValue.get(read.value) ?? []
    return writes.filter((write) =>
      write.invokedMillis <= read.completedMillis! &&
      (read.version === undefined || write.version === undefined || isSame(read.version, write.version)) &&
      (read.value !== undefined || write.value === undefined ||
        write.expiresAtMillis! - this.#skewMillis <= read.completedMillis!)
    )
  }

  /** Whether the value of a write must have expired before a read began. */
  #isExpired(write: Step, read: Step): boolean {
    return write.expiresAtMillis !== undefined && write.expiresAtMillis + this.#skewMillis <= read.invokedMillis
  }

  /** Whether a read that met one of these versions met `needed` or a newer one, or did not have to. */
  #canBe(
    versions: ReadonlyArray<Version.Version | undefined>,
    needed: Version.Version | undefined,
    read: Step
  ): boolean {
    return needed === undefined || versions.some((version) => !isBelow(version, needed)) ||
      this.#endings.some((write) => this.#isForgotten(write, read) && !isBelow(write.version, needed))
  }

  /** Whether a write left a tombstone whose life may have been over at a read: what is older may be back. */
  #isForgotten(write: Step, read: Step): boolean {
    if (write.version === undefined) return false
    const endMillis = Math.max(write.version.millis, write.expiresAtMillis ?? 0)
    return endMillis + this.#ttlMillis - this.#skewMillis <= read.completedMillis!
  }

  #floorOf(read: Step): Floor | undefined {
    const floor = this.#floors.get(read.client)
    return floor !== undefined && floor.read.completedMillis! <= read.invokedMillis ? floor : undefined
  }

  /** What a read met was at least the lowest of the versions that were possible. */
  #raiseFloor(
    read: Step,
    versions: ReadonlyArray<Version.Version | undefined>,
    needs: ReadonlyArray<Version.Version | undefined>
  ): void {
    // Nothing was found, and nothing had to be: nothing was met.
    if (read.value === undefined && read.version === undefined && needs.every((need) => need === undefined)) return
    let lowest: Version.Version | undefined
    for (const version of versions) {
      if (version === undefined) return
      if (needs.some((need) => isBelow(version, need))) continue
      if (lowest === undefined || isBelow(version, lowest)) lowest = version
    }
    if (lowest !== undefined && !isBelow(lowest, this.#floors.get(read.client)?.version)) {
      this.#floors.set(read.client, { version: lowest, read })
    }
  }
}

/** The newest that a client has read, at the least. */
interface Floor {
  readonly version: Version.Version
  readonly read: Step
}

/** The acknowledged writes of a key, passed in the order of time. */
class Acknowledged {
  readonly #all: ReadonlyArray<Step>
  readonly #byClient = new Map<string, Array<Step>>()
  readonly #own = new Map<string, { count: number; newest: Step | undefined }>()
  #count = 0
  #newest: Step | undefined

  constructor(writes: ReadonlyArray<Step>) {
    this.#all = [...writes].sort((a, b) => a.completedMillis! - b.completedMillis!)
    for (const write of writes) {
      const own = this.#byClient.get(write.client)
      if (own === undefined) this.#byClient.set(write.client, [write])
      else own.push(write)
    }
  }

  /**
   * The newest that was acknowledged before a step began, steps being asked about in that order. In
   * the same millisecond only what the client itself did before.
   */
  newestBefore(step: Step): Step | undefined {
    while (this.#count < this.#all.length && this.#all[this.#count]!.completedMillis! < step.invokedMillis) {
      this.#newest = newer(this.#newest, this.#all[this.#count++]!)
    }
    const writes = this.#byClient.get(step.client)
    if (writes === undefined) return this.#newest
    let own = this.#own.get(step.client)
    if (own === undefined) this.#own.set(step.client, own = { count: 0, newest: undefined })
    for (; own.count < writes.length && writes[own.count]!.index < step.index; own.count++) {
      if (writes[own.count]!.completedMillis! > step.invokedMillis) break
      own.newest = newer(own.newest, writes[own.count]!)
    }
    return own.newest === undefined ? this.#newest : newer(this.#newest, own.newest)
  }
}

const newer = (a: Step | undefined, b: Step): Step | undefined =>
  b.version === undefined || (a !== undefined && isBelow(b.version, a.version)) ? a : b

const byBeginning = (a: Step, b: Step): number => a.invokedMillis - b.invokedMillis || a.index - b.index

const isBelow = (a: Version.Version | undefined, b: Version.Version | undefined): boolean =>
  a !== undefined && b !== undefined && Version.compare(a, b) < 0

const isSame = (a: Version.Version, b: Version.Version): boolean => Version.compare(a, b) === 0

/**
 * What is left at the end: a replica by its name, with the records that it holds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Replica {
  readonly name: string
  readonly records: Iterable<Record.Record>
}

/**
 * What to check replicas by.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReplicaOptions extends CheckOptions {
  /** The time of the check: values expire, and tombstones are forgotten. */
  readonly nowMillis: number
  /** The replicas that must hold a key that any holds. Default: none must. */
  readonly holders?: ((key: string) => Iterable<string>) | undefined
}

/**
 * The breaches among replicas that have come to rest, with nothing under way: those that hold a key
 * hold the same record of it, and it is none older than the newest acknowledged write of `operations`.
 *
 * @category predicates
 * @since 0.1.0
 */
export const checkReplicas = (
  replicas: Iterable<Replica>,
  operations: ReadonlyArray<Operation>,
  options: ReplicaOptions
): ReadonlyArray<Violation> => {
  const copiesByKey = collect(replicas, options)
  const violations: Array<Violation> = []
  for (const [key, copies] of copiesByKey) {
    if (copies.some(({ record }) => Record.compare(record, copies[0]!.record) !== 0)) {
      violations.push({ _tag: "DivergedReplicas", key, copies })
    }
    const found = new Set(copies.map(({ replica }) => replica))
    for (const replica of options.holders?.(key) ?? []) {
      if (!found.has(replica)) violations.push({ _tag: "MissingCopy", key, replica })
    }
  }
  for (const write of newestAcknowledged(operations)) {
    const newest = (copiesByKey.get(write.key) ?? []).reduce<Version.Version | undefined>(
      (newest, { record }) => Version.max(newest, record.version),
      undefined
    )
    const isHeld = newest !== undefined && !isBelow(newest, write.version)
    if (!isHeld && !isOver(write, options)) violations.push({ _tag: "LostWrite", write, newest })
  }
  return violations
}

/** The records of each key, as they count at that time. */
const collect = (replicas: Iterable<Replica>, options: ReplicaOptions): Map<string, Array<Copy>> => {
  const copiesByKey = new Map<string, Array<Copy>>()
  for (const { name, records } of replicas) {
    for (const held of records) {
      if (Record.isOver(held, options.nowMillis + (options.skewMillis ?? 0), ttlOf(options))) continue
      const record = Record.isExpired(held, options.nowMillis) ? Record.bury(held) : held
      const copies = copiesByKey.get(record.key)
      if (copies === undefined) copiesByKey.set(record.key, [{ replica: name, record }])
      else copies.push({ replica: name, record })
    }
  }
  return copiesByKey
}

const ttlOf = (options: CheckOptions): number => options.tombstoneTtlMillis ?? Record.defaultTombstoneTtlMillis

const newestAcknowledged = (operations: ReadonlyArray<Operation>): Iterable<Operation> => {
  const newest = new Map<string, Operation>()
  for (const write of operations) {
    if (write.kind === "get" || write.outcome !== "acknowledged" || write.version === undefined) continue
    if (!isBelow(write.version, newest.get(write.key)?.version)) newest.set(write.key, write)
  }
  return newest.values()
}

/** Whether replicas may have forgotten a write. */
const isOver = (write: Operation, options: ReplicaOptions): boolean => {
  if (write.value !== undefined && write.expiresAtMillis === undefined) return false
  const endMillis = Math.max(write.version!.millis, write.expiresAtMillis ?? 0)
  return endMillis + ttlOf(options) - (options.skewMillis ?? 0) <= options.nowMillis
}
