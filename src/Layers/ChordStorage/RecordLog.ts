/**
 * A journal of records in one file of a directory: changes are appended and then synced, so that
 * many at once cost one wait for the disk. When most of the file is out of date it is written anew,
 * under another name that takes its place in one step. Effect's own `KeyValueStore.layerFileSystem`
 * would not do: a file for each key, overwritten in place, and nothing synced.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { type Journal, StorageError, StorageFailed, StorageUnreadable } from "../../Chord/ChordStorage.ts"
import type { Record } from "../../Chord/Record.ts"
import type { RecordIndex } from "../../Chord/RecordIndex.ts"
import { isSalt } from "../../Protocol/internal/Salt.ts"
import * as Frames from "./LogFrames.ts"

/** How much is read or written at a time. */
const chunkBytes = 1024 * 1024

/** The file that changes are appended to: `bytes` are whole and safe. */
interface OpenLog {
  readonly file: FileSystem.File
  readonly marker: number
  readonly scope: Scope.Closeable
  bytes: number
}

/**
 * The journal in `directory`, which is there and belongs to nobody else. A log that is damaged is
 * read as far as it is whole, with a warning, and replaced with the next change. The log is written
 * anew when it is longer than `compactFromBytes` and twice as long as need be. Where that fails,
 * changes go on in the old one, with a warning, and it is tried again when that is longer by a quarter.
 */
export const make = Effect.fnUntraced(function*(
  directory: string,
  compactFromBytes: number
): Effect.fn.Return<Journal, never, FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const log = makeLog(fs, directory)
  yield* Effect.addFinalizer(() => log.close)
  /** More than `compactFromBytes` from when the log could not be written anew until it can. */
  let tryFromBytes = compactFromBytes

  const isTooLong = ({ bytes }: OpenLog, index: RecordIndex): boolean =>
    bytes > tryFromBytes && bytes > 2 * (index.bytes + index.count * Frames.frameOverheadBytes)

  const rewrite = Effect.fnUntraced(function*(changes: Changes) {
    yield* log.rewrite(changes)
    tryFromBytes = compactFromBytes
  })

  /** That a second copy has no room is no failure of the changes: they may well have some. */
  const rewriteOrAppend = (old: OpenLog, changes: ReadonlyMap<string, Record | undefined>, index: RecordIndex) =>
    Effect.catchTag(rewrite(apply(index, changes)), "PlatformError", (cause) =>
      Effect.gen(function*() {
        const open = yield* Effect.mapError(log.goBack(old), () => cause)
        if (tryFromBytes === compactFromBytes) {
          // The system's own words, which the error leaves out: whether it is for want of room.
          const why = cause.cause instanceof Error ? cause.cause.message : cause.message
          yield* Effect.logWarning(`${log.path} could not be written anew, so it grows: ${why}`)
        }
        // By a share of its length, so that tries that fail write no more than twice what the changes do.
        tryFromBytes = Math.ceil(1.25 * open.bytes)
        yield* log.append(open, changes)
      }))

  return {
    load: (index) =>
      Effect.gen(function*() {
        if (yield* fs.exists(log.path)) yield* load(fs, log, index)
        // Of a process that ended while it wrote the log anew. Nobody reads it, and it holds room. Later than the
        // reading, for nothing changes where the log is none of ours.
        yield* log.removeNew
      }).pipe(Effect.catchTag("PlatformError", fail(log.path, "read"))),
    salt: (drawn) =>
      Effect.catchTag(keepSalt(fs, directory, drawn), "PlatformError", fail(saltPath(directory), "open")),
    write: (changes, index) =>
      Effect.suspend(() => {
        const open = log.current()
        if (open === undefined) return rewrite(apply(index, changes))
        return isTooLong(open, index) ? rewriteOrAppend(open, changes, index) : log.append(open, changes)
      }).pipe(Effect.catchTag("PlatformError", fail(log.path, "write")))
  }
})

type Log = ReturnType<typeof makeLog>

/** The file of the log, and the one under another name that is to take its place. */
const makeLog = (fs: FileSystem.FileSystem, directory: string) => {
  const path = `${directory}/records.log`
  const newPath = `${path}.new`
  /** None: the file is missing, torn, or in an unknown state after a failure; the next change writes it anew. */
  let current: OpenLog | undefined

  const close = Effect.suspend(() => {
    const scope = current?.scope
    current = undefined
    return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
  })

  const open = Effect.fnUntraced(function*(marker: number, bytes: number) {
    const scope = yield* Scope.make()
    const file = yield* fs.open(path, { flag: "a" }).pipe(
      Scope.provide(scope),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    return current = { file, marker, scope, bytes }
  })

  /**
   * Cuts off what a failed write left, so that the log goes on as soon as there is room for a change. The sync tells
   * whether that is on the disk; before it a crash finds what one in the middle of a write leaves.
   */
  const takeBack = (log: OpenLog) =>
    Effect.catch(Effect.andThen(log.file.truncate(log.bytes), log.file.sync), () => close)

  const append = Effect.fnUntraced(function*(log: OpenLog, changes: Changes) {
    const bytes = yield* Effect.onError(writeFrames(log.file, log.marker, changes), () => takeBack(log))
    // After a sync that failed nobody knows what the disk holds, and a second one may succeed without it.
    yield* Effect.onError(log.file.sync, () => close)
    log.bytes += bytes
  })

  const removeNew = Effect.ignore(fs.remove(newPath, { force: true }))

  const writeNew = Effect.fnUntraced(function*(marker: number, changes: Changes) {
    const file = yield* fs.open(newPath, { flag: "w" })
    yield* file.writeAll(Frames.encodeHeader(marker))
    const bytes = yield* writeFrames(file, marker, changes)
    yield* file.sync
    return Frames.headerBytes + bytes
  }, Effect.scoped)

  /**
   * The new log is whole and safe before it gets the name, and the name is safe before anything is
   * acknowledged. Until then the old log has all that was: it stays open until the new one is whole.
   */
  const rewrite = Effect.fnUntraced(function*(changes: Changes) {
    const marker = yield* Random.nextIntBetween(0, 2 ** 32 - 1)
    const bytes = yield* writeNew(marker, changes)
    // Windows gives no other file the name of one that is open.
    yield* close
    yield* fs.rename(newPath, path)
    yield* syncDirectory(fs, directory)
    yield* open(marker, bytes)
  }, Effect.onError(() => removeNew))

  /**
   * The old log after a rewrite that failed, open, if it is sure to stay. If only the new file could not be written,
   * nothing has touched it. If the rename failed, it may yet have come into force: so the new file has to be gone, the
   * name to be safe as it is, and the file that has it to be the old one, or what is appended to that could be lost.
   */
  const goBack = Effect.fnUntraced(function*(old: OpenLog) {
    if (current === old) return old
    yield* fs.remove(newPath, { force: true })
    yield* syncDirectory(fs, directory)
    const marker = yield* readMarker(fs, path)
    return marker === old.marker ? yield* open(marker, old.bytes) : yield* Effect.fail("the new log has its place")
  })

  return { path, current: () => current, close, open, append, rewrite, goBack, removeNew }
}

/** Reads the log into the index, and opens it if it is whole. */
const load = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, log: Log, index: RecordIndex) {
  const { bytes, changeCount, marker, skippedBytes } = yield* readLog(fs, log.path, index)
  if (marker !== undefined && skippedBytes === 0) return yield* Effect.asVoid(log.open(marker, bytes))
  yield* Effect.logWarning(`${log.path} was torn or damaged: read ${changeCount} changes, passed over the rest`, {
    skippedBytes
  })
})

const saltPath = (directory: string): string => `${directory}/salt`

/** A file of its own: the log may be lost, the node keeps its place. */
const keepSalt = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, directory: string, drawn: string) {
  const path = saltPath(directory)
  if (yield* fs.exists(path)) {
    const salt = (yield* fs.readFileString(path)).trim()
    if (isSalt(salt)) return salt
    const detail = "it is no salt of a node; without that file the node takes another place in the ring"
    return yield* new StorageError({ reason: new StorageUnreadable({ path, detail }) })
  }
  const newPath = `${path}.new`
  yield* Effect.scoped(Effect.gen(function*() {
    const file = yield* fs.open(newPath, { flag: "w" })
    yield* file.writeAll(new TextEncoder().encode(`${drawn}\n`))
    yield* file.sync
  }))
  yield* fs.rename(newPath, path)
  yield* syncDirectory(fs, directory)
  return drawn
})

type Changes = Iterable<readonly [string, Record | undefined]>

/** What the share holds after these changes. */
const apply = function*(index: RecordIndex, changes: ReadonlyMap<string, Record | undefined>): Generator<
  readonly [string, Record]
> {
  for (const record of index.records()) {
    if (!changes.has(record.key)) yield [record.key, record]
  }
  for (const [key, record] of changes) {
    if (record !== undefined) yield [key, record]
  }
}

/** Writes a frame for each change, many at a time; gives how many bytes they took. */
const writeFrames = Effect.fnUntraced(function*(file: FileSystem.File, marker: number, changes: Changes) {
  let total = 0
  let frames: Array<Uint8Array> = []
  let bytes = 0
  for (const [key, record] of changes) {
    const frame = Frames.encodeFrame(marker, key, record)
    frames.push(frame)
    bytes += frame.length
    total += frame.length
    if (bytes < chunkBytes) continue
    yield* file.writeAll(join(frames, bytes))
    frames = []
    bytes = 0
  }
  yield* file.writeAll(join(frames, bytes))
  return total
})

const join = (parts: ReadonlyArray<Uint8Array>, bytes: number): Uint8Array => {
  const out = new Uint8Array(bytes)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/** Reads a log into the index. No marker: it ends before its header does, there is nothing in it. */
const readLog = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, path: string, index: RecordIndex) {
  const file = yield* fs.open(path, { flag: "r" })
  const chunk = new Uint8Array(chunkBytes)
  const header = chunk.subarray(0, Frames.headerBytes)
  let bytes = yield* readFully(file, header)
  if (bytes < header.length) return { marker: undefined, changeCount: 0, skippedBytes: bytes, bytes }
  const marker = Frames.decodeHeader(header)
  if (typeof marker === "string") {
    return yield* new StorageError({ reason: new StorageUnreadable({ path, detail: marker }) })
  }
  const reader = new Frames.FrameReader(marker, index)
  for (let count = yield* file.read(chunk); count > 0; count = yield* file.read(chunk)) {
    reader.push(chunk.subarray(0, count))
    bytes += count
  }
  reader.end()
  return { marker, changeCount: reader.changeCount, skippedBytes: reader.skippedBytes, bytes }
}, Effect.scoped)

/** The marker of the log there; a text when it has none. */
const readMarker = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, path: string) {
  const header = new Uint8Array(Frames.headerBytes)
  yield* readFully(yield* fs.open(path, { flag: "r" }), header)
  return Frames.decodeHeader(header)
}, Effect.scoped)

const readFully = Effect.fnUntraced(function*(file: FileSystem.File, into: Uint8Array) {
  let filled = 0
  while (filled < into.length) {
    const count = yield* file.read(into.subarray(filled))
    if (count === 0) break
    filled += count
  }
  return filled
})

/**
 * Makes a directory, and those above it that are missing. The name of each lies in the one above: all
 * of them are made safe, or a loss of power takes away what is acknowledged below.
 */
export const makeDirectory = Effect.fnUntraced(function*(
  directory: string
): Effect.fn.Return<void, PlatformError, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const { dirname } = yield* Path.Path
  const missing: Array<string> = []
  for (let path = directory; !(yield* fs.exists(path)) && dirname(path) !== path; path = dirname(path)) {
    missing.push(path)
  }
  // One after the other: where a directory is refused as missing, as below /proc, Node's own way tries without end.
  for (const path of missing.reverse()) {
    // Another program may have been quicker.
    yield* Effect.catch(
      fs.makeDirectory(path),
      (error) => Effect.flatMap(fs.exists(path), (isThere) => isThere ? Effect.void : Effect.fail(error))
    )
    yield* syncDirectory(fs, dirname(path))
  }
})

/**
 * Makes the names in a directory safe. Where a directory cannot be opened as a file (Windows) that is
 * not needed.
 */
const syncDirectory = (fs: FileSystem.FileSystem, directory: string): Effect.Effect<void, PlatformError> =>
  Effect.scoped(Effect.flatMap(
    Effect.option(fs.open(directory, { flag: "r" })),
    (file) => file._tag === "Some" ? file.value.sync : Effect.void
  ))

const fail = (path: string, operation: "open" | "read" | "write") => (cause: PlatformError) =>
  Effect.fail(new StorageError({ reason: new StorageFailed({ path, operation, cause }) }))
