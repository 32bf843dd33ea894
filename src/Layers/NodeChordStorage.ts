/**
 * A chord node's share on a disk, so that a node that starts again has all that it acknowledged: as
 * a log in a directory, or as a table of SQLite. Both write a batch with one wait for the disk, and
 * survive `kill -9` and a loss of power at any moment: what was acknowledged is there, nothing is torn.
 *
 * Either will do. The log writes without holding up the process, reads past damage, and needs up to
 * three times the room of its records: twice, and once while it is written anew. SQLite holds the process
 * up while it writes, and its file can be looked into with other tools. Both stand on the SQLite that is
 * part of Node from 22.13 on, the log only for a lock that the system itself lifts when the process ends.
 * It is loaded when a layer is built, not before.
 * (Effect 4.1 has no SQL client for it.)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { NodeChord, NodeChordStorage } from "effect-p2p/node"
 *
 * const node = NodeChord.layerStorage({ port: 4446 }).pipe(
 *   Layer.provide(NodeChordStorage.layerSqlite("share.db"))
 * )
 * ```
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { DatabaseSync } from "node:sqlite"
import {
  ChordStorage,
  type Journal,
  makeWithJournal,
  StorageError,
  StorageFailed,
  StorageInUse,
  type StorageOptions,
  StorageUnreadable
} from "../Chord/ChordStorage.ts"
import * as Record from "../Chord/Record.ts"
import type { RecordIndex } from "../Chord/RecordIndex.ts"
import { isSalt } from "../Protocol/internal/Salt.ts"
import { checked } from "../Transport/Settings.ts"
import * as RecordLog from "./ChordStorage/RecordLog.ts"
import * as ErrorText from "./NodeErrorText.ts"

/**
 * The settings of a share in a directory.
 *
 * @category options
 * @since 0.1.0
 */
export interface FileSystemOptions extends StorageOptions {
  /**
   * The log is written anew once it is longer than this, in bytes, and twice as long as need be.
   * Changes wait for that: about a second for 100 MB. Where it fails, as on a disk without room for a
   * second copy, a warning says so once, changes go on in the old log, and it is tried again when that
   * is longer by a quarter. Default 4 MiB.
   */
  readonly compactFromBytes?: number | undefined
}

const logDefaults = { compactFromBytes: 4 * 1024 * 1024 }

/** Throws a `RangeError` that says what to write for a bound that makes no sense. @internal */
export const checkBounds = ({ maxBytes, maxRecords, tombstoneTtl }: StorageOptions): void => {
  checked({ maxRecords: 0, maxBytes: 0, tombstoneTtl: Duration.zero }, {
    maxRecords,
    maxBytes,
    tombstoneTtl: tombstoneTtl as Duration.Duration
  })
}

/**
 * A share in a directory, which is made if it is missing. Fails with a `StorageError`: `StorageInUse`
 * when another node has it, `StorageUnreadable` when the log there is none of ours, `StorageFailed`
 * when the file system does. A log with a torn or damaged part is read without that part.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFileSystem = (
  directory: string,
  options: FileSystemOptions = {}
): Layer.Layer<ChordStorage, StorageError> =>
  Layer.effect(
    ChordStorage,
    Effect.gen(function*() {
      checkBounds(options)
      const { compactFromBytes } = checked(logDefaults, options)
      yield* makeDirectory(directory)
      yield* lock(`${directory}/lock`, directory)
      const journal = yield* RecordLog.make(directory, compactFromBytes)
      return yield* makeWithJournal(inPlainWords(journal), options)
    })
  ).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))

/**
 * A share in a file of SQLite (with another, named `…-wal`, while it is in use), which is made if it
 * is missing; its directory must be there. Fails with a `StorageError`: `StorageInUse` when another
 * node or program has it, `StorageUnreadable` when it is something else or damaged, `StorageFailed`
 * when it cannot be opened.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSqlite = (
  file: string,
  options: StorageOptions = {}
): Layer.Layer<ChordStorage, StorageError> =>
  Layer.effect(
    ChordStorage,
    Effect.gen(function*() {
      checkBounds(options)
      const database = yield* openDatabase(file, file)
      const journal = yield* attempt(file, "open", () => {
        prepare(database, file)
        return sqliteJournal(database, file)
      })
      return yield* makeWithJournal(journal, options)
    })
  )

const makeDirectory = (path: string) =>
  RecordLog.makeDirectory(path).pipe(
    Effect.catchReason(
      "PlatformError",
      "NotFound",
      () => Effect.fail(failed(path, "open", "no directory can be made there"))
    ),
    Effect.andThen(Effect.flatMap(FileSystem.FileSystem, (files) => files.stat(path))),
    Effect.catchTag("PlatformError", (cause) => Effect.fail(failed(path, "open", cause))),
    // SQLite says of a file in its place that it is "unable to open database file".
    Effect.filterOrFail(({ type }) => type === "Directory", () => failed(path, "open", "it is not a directory"))
  )

/** The same journal; what the file system refuses is told as people say it. */
const inPlainWords = ({ load, salt, write }: Journal): Journal => ({
  load: (index) => Effect.mapError(load(index), toPlainWords),
  salt: (drawn) => Effect.mapError(salt(drawn), toPlainWords),
  write: (changes, index) => Effect.mapError(write(changes, index), toPlainWords)
})

const toPlainWords = (error: StorageError): StorageError =>
  error.reason._tag === "StorageFailed" ? failed(error.reason.path, error.reason.operation, error.reason.cause) : error

const failed = (path: string, operation: StorageFailed["operation"], cause: unknown): StorageError =>
  new StorageError({ reason: new StorageFailed({ path, operation, cause: new Refusal(cause) }) })

/** Its text is why, and no more: that is what the message of `StorageFailed` shows. */
class Refusal extends Error {
  override readonly name = ""
  constructor(cause: unknown) {
    super(ErrorText.describe(cause), { cause })
  }
}

/** Keeps others out until the scope closes, or the process ends in whatever way. */
const lock = Effect.fnUntraced(function*(path: string, directory: string) {
  const database = yield* openDatabase(path, directory)
  yield* attempt(directory, "open", () => database.exec("BEGIN EXCLUSIVE"))
})

/** Opens a file of SQLite; `path` is what errors name. */
const openDatabase = (file: string, path: string): Effect.Effect<DatabaseSync, StorageError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(path, "open", () => {
      const sqlite = process.getBuiltinModule("node:sqlite")
      if (sqlite === undefined) throw new Error("this Node has no node:sqlite, which came with 22.13")
      return new sqlite.DatabaseSync(file, { timeout: 0 })
    }),
    (database) => Effect.sync(() => database.close())
  )

/** Marks a file as ours: "p2pc". */
const applicationId = 0x70327063
const formatVersion = 1

const prepare = (database: DatabaseSync, file: string): void => {
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA fullfsync = ON; BEGIN IMMEDIATE; COMMIT")
  const found = readInteger(database, "PRAGMA application_id")
  const isEmpty = readInteger(database, "SELECT count(*) FROM sqlite_schema") === 0
  if (found === 0 && isEmpty) {
    database.exec(`
      BEGIN IMMEDIATE;
      CREATE TABLE records (key BLOB PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${formatVersion};
      COMMIT`)
  } else if (found !== applicationId) throw unreadable(file, "it is a database of another program")
  else {
    const version = readInteger(database, "PRAGMA user_version")
    if (version !== formatVersion) throw unreadable(file, `its format is ${version}, known is ${formatVersion}`)
  }
  // Later than the records, so missing in files of before.
  database.exec("CREATE TABLE IF NOT EXISTS node (salt TEXT NOT NULL) STRICT")
  // Commits are synced one by one: the write-ahead log alone would do that only now and then.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
}

const readInteger = (database: DatabaseSync, query: string): number =>
  Number(Object.values(database.prepare(query).get() ?? {})[0])

/** Keys as blobs: a text of SQLite would end at a NUL. */
const sqliteJournal = (database: DatabaseSync, file: string): Journal => {
  const put = database.prepare(
    "INSERT INTO records (key, record) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET record = excluded.record"
  )
  const forget = database.prepare("DELETE FROM records WHERE key = ?")
  return {
    load: (index) =>
      Effect.flatMap(attempt(file, "read", () => loadRows(database, index)), (damagedCount) =>
        damagedCount === 0
          ? Effect.void
          : Effect.logWarning(`${file} has damaged records, passed over`, { damagedCount })),
    salt: (drawn) => attempt(file, "open", () => keepSalt(database, file, drawn)),
    write: (changes) =>
      attempt(file, "write", () => {
        // What a failure left behind.
        if (database.isTransaction) database.exec("ROLLBACK")
        database.exec("BEGIN IMMEDIATE")
        for (const [key, record] of changes) {
          if (record === undefined) forget.run(encoder.encode(key))
          else put.run(encoder.encode(key), Record.encode(record))
        }
        database.exec("COMMIT")
      })
  }
}

const keepSalt = (database: DatabaseSync, file: string, drawn: string): string => {
  const salt = database.prepare("SELECT salt FROM node").get()?.["salt"]
  if (salt === undefined) {
    database.prepare("INSERT INTO node (salt) VALUES (?)").run(drawn)
    return drawn
  }
  if (typeof salt === "string" && isSalt(salt)) return salt
  throw unreadable(file, "what its table `node` holds is no salt of a node")
}

const encoder = new TextEncoder()

/** Gives how many rows are no records. */
const loadRows = (database: DatabaseSync, index: RecordIndex): number => {
  let damagedCount = 0
  for (const row of database.prepare("SELECT record FROM records").iterate()) {
    const bytes = row["record"]
    const record = bytes instanceof Uint8Array ? Record.decode(bytes) : undefined
    if (record === undefined) damagedCount++
    else index.load(record)
  }
  return damagedCount
}

/** Runs synchronous code of SQLite and names its failures. */
const attempt = <A>(
  path: string,
  operation: StorageFailed["operation"],
  run: () => A
): Effect.Effect<A, StorageError> =>
  Effect.try({
    try: run,
    catch: (cause) => {
      if (cause instanceof StorageError) return cause
      const code = resultCode(cause)
      if (code === sqliteBusy || code === sqliteLocked) return new StorageError({ reason: new StorageInUse({ path }) })
      // As it opens: a table is missing, or another one than ours.
      const isOther = code === sqliteError && operation === "open"
      if (code === sqliteCorrupt || code === sqliteNotDatabase || isOther) return unreadable(path, String(cause))
      return failed(path, operation, cause)
    }
  })

const sqliteError = 1
const sqliteBusy = 5
const sqliteLocked = 6
const sqliteCorrupt = 11
const sqliteNotDatabase = 26

/** SQLite's result code in an error of `node:sqlite`; the higher bits only say more of the same. */
const resultCode = (cause: unknown): number | undefined =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined

const unreadable = (path: string, detail: string): StorageError =>
  new StorageError({ reason: new StorageUnreadable({ path, detail }) })
