/**
 * A file system in memory that can lose power. What was written is safe once the file was synced,
 * names once their directory was; of the rest a crash keeps some and spoils some, by chance. A rename
 * that failed may have come into force after the crash, until the directory is synced.
 */
import { Context, Effect, FileSystem, Option, PlatformError } from "effect"

interface Inode {
  current: Uint8Array
  safe: Uint8Array
}

type Chance = () => number

type Operation = "write" | "sync" | "truncate" | "rename" | "remove"

export class CrashFileSystem {
  /** Operations on files so far. */
  operationCount = 0
  syncCount = 0
  /** The power goes with this operation, halfway through; later ones fail. Default: never. */
  crashAt = Number.POSITIVE_INFINITY
  /** Gives a failure for an operation that is to go wrong, halfway through. */
  failure: (operation: Operation) => boolean = () => false
  /** What each sync waits for. Default: nothing. */
  gate: Effect.Effect<void> = Effect.void
  readonly #names = new Map<string, Inode>()
  readonly #safeNames = new Map<string, Inode>()
  #halfRenamed: ReadonlyMap<string, Inode> | undefined

  get layer(): Context.Context<FileSystem.FileSystem> {
    return Context.make(FileSystem.FileSystem, this.service)
  }

  readonly service: FileSystem.FileSystem = FileSystem.makeNoop({
    exists: (path) => Effect.sync(() => this.#names.has(path)),
    readFileString: (path) => Effect.sync(() => new TextDecoder().decode(this.read(path))),
    open: (path, options) => Effect.suspend(() => this.#open(path, options?.flag ?? "r")),
    remove: (path) =>
      this.#operation("remove", (isWhole) => {
        if (isWhole) this.#names.delete(path)
      }),
    rename: (from, to) =>
      this.#operation("rename", (isWhole) => {
        const names = isWhole ? this.#names : new Map(this.#names)
        names.set(to, names.get(from)!)
        names.delete(from)
        if (!isWhole) this.#halfRenamed = names
      })
  })

  /** What a file holds now. */
  read(path: string): Uint8Array {
    return this.#names.get(path)!.current
  }

  /** Replaces what a file holds, as if it had been on the disk for long. */
  write(path: string, bytes: Uint8Array): void {
    const inode = { current: bytes, safe: bytes }
    this.#names.set(path, inode)
    this.#safeNames.set(path, inode)
  }

  /** What is there when the power is back. */
  afterCrash(chance: Chance): CrashFileSystem {
    const after = new CrashFileSystem()
    const found = [this.#names, this.#safeNames, this.#halfRenamed ?? this.#names]
    const names = found[Math.floor(chance() * found.length)]!
    for (const [path, inode] of names) after.write(path, spoil(inode, chance))
    return after
  }

  #open(path: string, flag: FileSystem.OpenFlag): Effect.Effect<FileSystem.File, PlatformError.PlatformError> {
    if (this.operationCount > this.crashAt) return Effect.fail(error("Unknown", "open"))
    let inode = this.#names.get(path)
    if (inode === undefined && flag === "r") {
      return path.endsWith(".log") || path.endsWith(".new")
        ? Effect.fail(error("NotFound", "open"))
        : Effect.succeed(this.#file({ current: new Uint8Array(), safe: new Uint8Array() }, () => this.#syncNames()))
    }
    if (inode === undefined) this.#names.set(path, inode = { current: new Uint8Array(), safe: new Uint8Array() })
    const opened = inode
    if (flag === "w") opened.current = new Uint8Array()
    return Effect.succeed(this.#file(opened, () => {
      opened.safe = opened.current
    }))
  }

  #syncNames(): void {
    this.#halfRenamed = undefined
    this.#safeNames.clear()
    for (const [path, inode] of this.#names) this.#safeNames.set(path, inode)
  }

  #file(inode: Inode, sync: () => void): FileSystem.File {
    let position = 0
    const writeAll = (bytes: Uint8Array) =>
      this.#operation("write", (isWhole) => {
        const part = isWhole ? bytes : bytes.subarray(0, bytes.length >> 1)
        const joined = new Uint8Array(inode.current.length + part.length)
        joined.set(inode.current)
        joined.set(part, inode.current.length)
        inode.current = joined
      })
    return {
      [FileSystem.FileTypeId]: FileSystem.FileTypeId,
      stat: Effect.die("unused"),
      seek: () => Effect.die("unused"),
      truncate: (length) =>
        this.#operation("truncate", (isWhole) => {
          if (isWhole) inode.current = inode.current.slice(0, length)
        }),
      readAlloc: () => Effect.succeed(Option.none()),
      read: (into) =>
        Effect.sync(() => {
          // In odd pieces, as a disk may give them.
          const part = inode.current.subarray(position, position + Math.min(into.length, 1000))
          into.set(part)
          position += part.length
          return part.length
        }),
      write: (bytes) => Effect.as(writeAll(bytes), bytes.length),
      writeAll,
      sync: this.#operation("sync", (isWhole) => {
        this.syncCount++
        if (isWhole) sync()
      })
    }
  }

  #operation(name: Operation, run: (isWhole: boolean) => void) {
    return Effect.flatMap(Effect.suspend(() => name === "sync" ? this.gate : Effect.void), () => {
      const operation = this.operationCount++
      if (operation > this.crashAt) return Effect.fail(error("Unknown", name))
      const isWhole = operation < this.crashAt && !this.failure(name)
      run(isWhole)
      return isWhole ? Effect.void : Effect.fail(error("WriteZero", name))
    })
  }
}

/** Of what was not synced, some is there, in pieces that need not be the first ones. */
const spoil = ({ current, safe }: Inode, chance: Chance): Uint8Array => {
  const isAppended = current.length >= safe.length && safe.every((byte, index) => byte === current[index])
  if (!isAppended) return chance() < 0.5 ? safe : current.slice(0, Math.floor(chance() * (current.length + 1)))
  const unsafe = current.length - safe.length
  const kept = current.slice(0, safe.length + Math.floor(chance() * (unsafe + 1)))
  if (kept.length === safe.length || chance() < 0.5) return kept
  const hole = safe.length + Math.floor(chance() * (kept.length - safe.length))
  return kept.fill(0, hole, hole + Math.floor(chance() * 64))
}

const error = (tag: PlatformError.SystemErrorTag, method: string) =>
  PlatformError.systemError({ _tag: tag, module: "FileSystem", method, description: "the test wants it so" })
