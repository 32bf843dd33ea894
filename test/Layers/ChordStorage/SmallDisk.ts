/**
 * A directory of the real file system that holds so many bytes and no more, as a disk that gets full:
 * a write puts down what fits, and fails. It notes which directories were synced, and which files opened.
 */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Context, Effect, FileSystem, Layer, Path, PlatformError, type Scope } from "effect"
import * as fs from "node:fs"

export class SmallDisk {
  readonly place: string
  readonly opened: Array<string> = []
  readonly synced: Array<string> = []
  /** How many bytes all files of the directory may have together. Default: no bound. */
  roomBytes = Number.POSITIVE_INFINITY
  /** Stands in for the rename of the file system. */
  rename: FileSystem.FileSystem["rename"]
  readonly layer: Context.Context<FileSystem.FileSystem | Path.Path>

  constructor(place: string, real: FileSystem.FileSystem, path: Path.Path) {
    this.place = place
    this.rename = real.rename
    this.layer = Context.make(Path.Path, path).pipe(Context.add(FileSystem.FileSystem, {
      ...real,
      rename: (from, to) => this.rename(from, to),
      open: (path, options) =>
        Effect.map(real.open(path, options), (file) => {
          this.opened.push(path)
          return this.#file(path, file)
        })
    }))
  }

  get names(): ReadonlyArray<string> {
    return fs.readdirSync(this.place).sort()
  }

  bytesOf(name: string): number {
    return fs.statSync(`${this.place}/${name}`).size
  }

  #file(path: string, file: FileSystem.File): FileSystem.File {
    return {
      [FileSystem.FileTypeId]: FileSystem.FileTypeId,
      stat: file.stat,
      seek: (offset, from) => file.seek(offset, from),
      read: (into, options) => file.read(into, options),
      readAlloc: (size, options) => file.readAlloc(size, options),
      truncate: (length) => file.truncate(length),
      write: (bytes) => file.write(bytes),
      writeAll: (bytes) =>
        Effect.suspend(() => {
          const used = this.names.reduce((total, name) => total + this.bytesOf(name), 0)
          const left = Math.max(0, this.roomBytes - used)
          return bytes.length <= left
            ? file.writeAll(bytes)
            : Effect.andThen(file.writeAll(bytes.subarray(0, left)), Effect.fail(noSpace))
        }),
      sync: Effect.andThen(Effect.sync(() => this.synced.push(path)), Effect.suspend(() => file.sync))
    }
  }
}

/** A disk in a temporary directory, gone with the scope. */
export const make: Effect.Effect<SmallDisk, PlatformError.PlatformError, Scope.Scope> = Effect.gen(function*() {
  const real = yield* FileSystem.FileSystem
  return new SmallDisk(yield* real.makeTempDirectoryScoped(), real, yield* Path.Path)
}).pipe(Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer)))

const noSpace = PlatformError.systemError({
  _tag: "Unknown",
  module: "FileSystem",
  method: "write",
  description: "ENOSPC: no space left on device"
})
