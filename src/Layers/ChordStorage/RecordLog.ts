/**
 * A journal of records in one file of a directory: changes are appended and then synced, so that
 * many at once cost one wait for the disk. When most of the file is out of date it is written anew,
 * under another name that takes its place in one step. Effect's own `KeyValueStore.layerFileSystem`
 * would not do: a file for each key, overwritten in place, and nothing synced.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
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

/** The file that changes are appended to. */
interface OpenLog {
  readonly file: FileSystem.File
  readonly marker: number
  readonly scope: Scope.Closeable
  bytes: number
}

/**
 * The journal in `directory`, which is there and belongs to nobody else. A log that is damaged is
 * read as far as it is whole, with a warning, and replaced with the next change. The log is written
 * anew when it is longer than `compactFromBytes` and twice as long as need be.
 */
export const make = Effect.fnUntraced(function*(
  directory: string,
  compactFromBytes: number
): Effect.fn.Return<Journal, never, FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const path = `${directory}/records.log`
  const newPath = `${path}.new`
  /** None: the file is missing, torn, or in an unknown state after a failure. */
  let open: OpenLog | undefined

  const close = Effect.suspend(() => {
    const scope = open?.scope
    open = undefined
    return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
  })
  yield* Effect.addFinalizer(() => close)

  const openLog = Effect.fnUntraced(function*(marker: number, bytes: number) {
    const scope = yield* Scope.make()
    const file = yield* fs.open(path, { flag: "a" }).pipe(
      Scope.provide(scope),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    open = { file, marker, scope, bytes }
  })

  const append = Effect.fnUntraced(function*(log: OpenLog, changes: Changes) {
    log.bytes += yield* writeFrames(log.file, log.marker, changes)
    yield* log.file.sync
  })

  const rewrite = Effect.fnUntraced(function*(changes: Changes) {
    yield* close
    const marker = yield* Random.nextIntBetween(0, 2 ** 32 - 1)
    const bytes = yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* fs.open(newPath, { flag: "w" })
      yield* file.writeAll(Frames.encodeHeader(marker))
      const bytes = yield* writeFrames(file, marker, changes)
      yield* file.sync
      return Frames.headerBytes + bytes
    }))
    yield* fs.rename(newPath, path)
    yield* syncDirectory(fs, directory)
    yield* openLog(marker, bytes)
  })

  const isTooLong = (log: OpenLog, index: RecordIndex): boolean =>
    log.bytes > compactFromBytes && log.bytes > 2 * (index.bytes + index.count * Frames.frameOverheadBytes)

  return {
    load: (index) =>
      Effect.gen(function*() {
        if (!(yield* fs.exists(path))) return
        const { bytes, changeCount, marker, skippedBytes } = yield* readLog(fs, path, index)
        if (marker !== undefined && skippedBytes === 0) return yield* openLog(marker, bytes)
        yield* Effect.logWarning(`${path} was torn or damaged: read ${changeCount} changes, passed over the rest`, {
          skippedBytes
        })
      }).pipe(Effect.catchTag("PlatformError", fail(path, "read"))),
    salt: (drawn) =>
      Effect.catchTag(keepSalt(fs, directory, drawn), "PlatformError", fail(saltPath(directory), "open")),
    write: (changes, index) =>
      Effect.suspend(() =>
        open === undefined || isTooLong(open, index) ? rewrite(apply(index, changes)) : append(open, changes)
      ).pipe(
        // After a failed write or sync nobody knows what the file holds: the next change writes it anew.
        Effect.onError(() => close),
        Effect.catchTag("PlatformError", fail(path, "write"))
      )
  }
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
 * Makes the names in a directory safe. Where a directory cannot be opened as a file (Windows) that is
 * not needed.
 */
export const syncDirectory = (
  fs: FileSystem.FileSystem,
  directory: string
): Effect.Effect<void, PlatformError> =>
  Effect.scoped(Effect.flatMap(
    Effect.option(fs.open(directory, { flag: "r" })),
    (file) => file._tag === "Some" ? file.value.sync : Effect.void
  ))

const fail = (path: string, operation: "open" | "read" | "write") => (cause: PlatformError) =>
  Effect.fail(new StorageError({ reason: new StorageFailed({ path, operation, cause }) }))
