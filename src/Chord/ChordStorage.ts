/**
 * Where a chord node keeps its share of the dictionary. The share is held in memory as a whole, so
 * that requests are answered without a wait; a `Journal` makes it outlive the process. In memory
 * alone: `ChordStorage.layerMemory`; in a directory or in SQLite: `NodeChordStorage`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { drawSecret, toSalt } from "../Protocol/internal/Salt.ts"
import { defaultTombstoneTtlMillis, type Record } from "./Record.ts"
import { type PutOutcome, RecordBatch, RecordIndex, type RecordRange } from "./RecordIndex.ts"
import type { Version } from "./Version.ts"

/**
 * There is no room for another record, or for a longer one.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageFull extends Schema.TaggedError<StorageFull>()("StorageFull", {
  maxRecords: Schema.Number,
  maxBytes: Schema.Number
}) {
  override get message(): string {
    return `this node's share is full: it takes ${this.maxRecords} records (maxRecords) of together ` +
      `${this.maxBytes} bytes (maxBytes)`
  }
}

/**
 * The record is a tombstone, or an expired value, past its life: nobody stores it any more.
 *
 * @category errors
 * @since 0.1.0
 */
export class RecordOver extends Schema.TaggedError<RecordOver>()("RecordOver", { key: Schema.String }) {
  override get message(): string {
    return `the record of "${this.key}" ended longer ago than tombstones are kept (tombstoneTtl)`
  }
}

/**
 * Another process, or another node of this process, uses that directory or file.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageInUse extends Schema.TaggedError<StorageInUse>()("StorageInUse", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} is in use by another node: give each node a place of its own, or stop the other`
  }
}

/**
 * What lies there is not a share of this version of the library, or is damaged beyond what can be
 * read. Nothing was changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageUnreadable extends Schema.TaggedError<StorageUnreadable>()("StorageUnreadable", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.path} cannot be read as the share of a node: ${this.detail}`
  }
}

/**
 * The disk, or what is below this library, failed. Whether what was to be written will be there
 * after a restart is not known; readers do not see it.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageFailed extends Schema.TaggedError<StorageFailed>()("StorageFailed", {
  path: Schema.String,
  operation: Schema.Literals(["open", "read", "write"]),
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `could not ${this.operation} ${this.path}: ${String(this.cause)}`
  }
}

/**
 * The node stops; what was to be written was not.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageClosed extends Schema.TaggedError<StorageClosed>()("StorageClosed", {}) {
  override get message(): string {
    return "the storage is closed: its node stops"
  }
}

/**
 * Every failure of a storage: match on `reason`, or use `Effect.catchReason`.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  reason: Schema.Union([StorageFull, RecordOver, StorageInUse, StorageUnreadable, StorageFailed, StorageClosed])
}) {
  override get message(): string {
    return this.reason.message
  }
}

/**
 * The bounds of a share. On Node a number or a time that makes no sense is a `RangeError`, of which the layer dies, that
 * says what to write.
 *
 * @category options
 * @since 0.1.0
 */
export interface StorageOptions {
  /**
   * The most records, tombstones included. Past it new keys are refused, those that are there can
   * still change. Default 100,000; each costs about 1 KiB of memory beside its value.
   */
  readonly maxRecords?: number | undefined
  /**
   * The most bytes of all records together. Past it new keys are refused, and values that are larger
   * than the one they replace. Deletes of keys that are there are always taken. Default 256 MiB.
   */
  readonly maxBytes?: number | undefined
  /** How long tombstones are kept. The same on all nodes. Default 24 hours. */
  readonly tombstoneTtl?: Duration.Input | undefined
}

/**
 * The state of a share.
 *
 * @category models
 * @since 0.1.0
 */
export interface StorageStats {
  /** Tombstones included. */
  readonly records: number
  readonly tombstones: number
  readonly bytes: number
  readonly maxRecords: number
  readonly maxBytes: number
}

/**
 * A node's share of the dictionary.
 *
 * What is read is what was acknowledged: a change is visible once it is safe, not before. Reads are
 * plain functions; they see tombstones and expired values too (`Record.valueAt` says what a user
 * sees). Changes take effect in the order in which they were asked for. An interrupted change may
 * take effect or not.
 *
 * @category services
 * @since 0.1.0
 */
export class ChordStorage extends Context.Service<ChordStorage, {
  /** The record of a key. */
  readonly get: (key: string) => Record | undefined
  /** All records, in the order in which their keys came. Take what you need before you wait for anything. */
  readonly records: () => Iterable<Record>
  /**
   * The records of a part of the ring, each once, table by table and clockwise: see `RecordRange`. The
   * first one on a ring places all records, about 20 microseconds each with SHA unless something has
   * called `record.place` before; later ones cost little more than what they give.
   */
  readonly range: (range: RecordRange) => ReadonlyArray<Record>
  /**
   * Puts records, of each key the newest, and tells what became of each. Succeeds once all that was
   * stored is safe from a crash of the process, and on a disk also of the machine. Fails as a whole,
   * and then none is visible.
   */
  readonly putAll: (records: ReadonlyArray<Record>) => Effect.Effect<ReadonlyArray<PutOutcome>, StorageError>
  /** Puts one record; fails with `StorageFull` or `RecordOver` when it is not taken. */
  readonly put: (record: Record) => Effect.Effect<"Stored" | "Known" | "Superseded", StorageError>
  /**
   * Forgets records that others keep from now on, and leaves no tombstone. A key whose record has
   * another version by now stays, so that no write is lost that came meanwhile. Gives how many went.
   */
  readonly remove: (
    records: ReadonlyArray<{ readonly key: string; readonly version: Version }>
  ) => Effect.Effect<number, StorageError>
  /**
   * Makes tombstones of expired values, and forgets tombstones past `tombstoneTtl`. Looks at every
   * record: for each repair period, before digests of the share are compared.
   */
  readonly sweep: Effect.Effect<{ readonly buried: number; readonly forgotten: number }, StorageError>
  /**
   * What makes the node's id, together with its address; drawn by whoever made the share, and kept with it. So
   * a node that starts again at its address has its place in the ring, where its records belong. No word for others.
   */
  readonly salt: string
  /** The highest version that was ever seen here: versions of a node that restarts go on from it. */
  readonly newest: Effect.Effect<Version | undefined>
  readonly stats: Effect.Effect<StorageStats>
  /** Grows with each change of the records: while it is the same, so are they. */
  readonly changeCount: () => number
}>()("effect-p2p/Chord/ChordStorage") {
  /**
   * A share in memory, gone with its scope. Changes take effect at once, without a fiber. In a
   * simulation a share outlives the crash of its node if it is built in the scope of the test.
   */
  static readonly layerMemory = (options: StorageOptions = {}): Layer.Layer<ChordStorage> =>
    Layer.effect(this, Effect.map(drawSecret, (secret) => makeMemory(options, toSalt(secret))))
}

/**
 * What makes a share outlive its process: a log, a table.
 *
 * @category models
 * @since 0.1.0
 */
export interface Journal {
  /** Gives what was stored to the index, by `load` and `unload`, in the order in which it was written. */
  readonly load: (index: RecordIndex) => Effect.Effect<void, StorageError>
  /** The salt that lies there; where none does, keeps the one that was drawn, and gives that. */
  readonly salt: (drawn: string) => Effect.Effect<string, StorageError>
  /**
   * Makes changes safe: a record for each key that has one now, `undefined` for each that is
   * forgotten. Called for one batch at a time, and not interrupted. After a crash in the middle each
   * key has either its old record or its new one. When it fails the changes are dropped; the next
   * call has to cope with what it left. `index` holds the share without these changes.
   */
  readonly write: (
    changes: ReadonlyMap<string, Record | undefined>,
    index: RecordIndex
  ) => Effect.Effect<void, StorageError>
}

/**
 * A storage that lives in memory and in a journal. Changes that are asked for while the journal
 * writes are written together after that, with one wait for the disk. How many may wait is for the
 * caller to bound. When the scope closes, what is being written is finished, and what waits fails
 * with `StorageClosed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeWithJournal = Effect.fnUntraced(function*(
  journal: Journal,
  options: StorageOptions = {}
): Effect.fn.Return<ChordStorage["Service"], StorageError, Scope.Scope> {
  const index = makeIndex(options)
  yield* journal.load(index)
  const salt = yield* journal.salt(toSalt(yield* drawSecret))
  const jobs = yield* Effect.acquireRelease(Queue.unbounded<Job>(), close)
  yield* writeJobs(jobs, journal, index).pipe(Effect.uninterruptible, Effect.forkScoped)
  return makeService(index, salt, (change) =>
    Effect.gen(function*() {
      const done = yield* Deferred.make<void, StorageError>()
      let result: ReturnType<typeof change> | undefined
      const run = (batch: RecordBatch): void => {
        result = change(batch)
      }
      if (!Queue.offerUnsafe(jobs, { run, done })) return yield* closed
      yield* Deferred.await(done)
      return result!
    }))
})

const makeMemory = (options: StorageOptions, salt: string): ChordStorage["Service"] => {
  const index = makeIndex(options)
  return makeService(index, salt, (change) =>
    Effect.map(Clock.currentTimeMillis, (nowMillis) => {
      const batch = new RecordBatch(index, nowMillis)
      const result = change(batch)
      index.commit(batch)
      return result
    }))
}

const makeIndex = (options: StorageOptions): RecordIndex =>
  new RecordIndex({
    maxRecords: options.maxRecords ?? 100_000,
    maxBytes: options.maxBytes ?? 256 * 1024 * 1024,
    tombstoneTtlMillis: Duration.toMillis(options.tombstoneTtl ?? defaultTombstoneTtlMillis)
  })

/** Runs a change on a batch of its time, and succeeds with what it gave once the batch is safe. */
type Change = <A>(change: (batch: RecordBatch) => A) => Effect.Effect<A, StorageError>

const makeService = (index: RecordIndex, salt: string, change: Change): ChordStorage["Service"] => {
  const putAll: ChordStorage["Service"]["putAll"] = (records) =>
    change((batch) => records.map((record) => batch.put(record)))
  return {
    get: (key) => index.get(key),
    records: () => index.records(),
    range: (range) => index.range(range),
    putAll,
    put: (record) => Effect.flatMap(putAll([record]), ([outcome]) => fromOutcome(outcome!, record, index)),
    remove: (records) => change((batch) => records.filter(({ key, version }) => batch.remove(key, version)).length),
    sweep: change((batch) => batch.sweep()),
    salt,
    newest: Effect.sync(() => index.newest),
    stats: Effect.sync(() => ({
      records: index.count,
      tombstones: index.tombstoneCount,
      bytes: index.bytes,
      maxRecords: index.limits.maxRecords,
      maxBytes: index.limits.maxBytes
    })),
    changeCount: () => index.changeCount
  }
}

const fromOutcome = (outcome: PutOutcome, record: Record, { limits }: RecordIndex) => {
  switch (outcome) {
    case "Full":
      return Effect.fail(
        new StorageError({ reason: new StorageFull({ maxRecords: limits.maxRecords, maxBytes: limits.maxBytes }) })
      )
    case "Over":
      return Effect.fail(new StorageError({ reason: new RecordOver({ key: record.key }) }))
    default:
      return Effect.succeed(outcome)
  }
}

/** A change that waits for the journal. */
interface Job {
  readonly run: (batch: RecordBatch) => void
  readonly done: Deferred.Deferred<void, StorageError>
}

/** Writes what waits, all of it together, for ever. To be run uninterruptible: only its waits are not. */
const writeJobs = (jobs: Queue.Queue<Job>, journal: Journal, index: RecordIndex): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    // Taken only when it is sure that they are served: an interrupted take could lose them.
    yield* Effect.interruptible(Queue.peek(jobs))
    const group = yield* Queue.takeAll(jobs)
    const exit = yield* Effect.exit(writeGroup(group, journal, index))
    for (const job of group) Deferred.doneUnsafe(job.done, exit)
  }))

const writeGroup = Effect.fnUntraced(function*(group: ReadonlyArray<Job>, journal: Journal, index: RecordIndex) {
  const batch = new RecordBatch(index, yield* Clock.currentTimeMillis)
  for (const job of group) job.run(batch)
  if (batch.changes.size === 0) return
  yield* journal.write(batch.changes, index)
  index.commit(batch)
})

const closed = Effect.suspend(() => Effect.fail(new StorageError({ reason: new StorageClosed() })))

/** In one step, so that no job gets in between: it would wait for ever. */
const close = (jobs: Queue.Queue<Job>): Effect.Effect<void> =>
  Effect.sync(() => {
    for (let job = Queue.takeUnsafe(jobs); job !== undefined; job = Queue.takeUnsafe(jobs)) {
      if (Exit.isSuccess(job)) Deferred.doneUnsafe(job.value.done, closed)
    }
    Queue.shutdownUnsafe(jobs)
  })
