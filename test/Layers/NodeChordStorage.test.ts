import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Random } from "effect"
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import type { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import * as Record from "../../src/Chord/Record.ts"
import * as NodeChordStorage from "../../src/Layers/NodeChordStorage.ts"
import { record } from "../Chord/records.ts"
import { chordStorageSuite, contents, openLayer, withStorage } from "../compliance/chordStorage.ts"
import { batch, layers, valueFor } from "./ChordStorage/Writer.ts"

const temporaryDirectory = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeFileSystem.layer)
)

const suites = {
  directory: (place: string) => openLayer((options) => NodeChordStorage.layerFileSystem(`${place}/a/share`, options)),
  sqlite: (place: string) => openLayer((options) => NodeChordStorage.layerSqlite(`${place}/share.db`, options))
}

for (const kind of ["directory", "sqlite"] as const) {
  describe(`NodeChordStorage, ${kind}`, () => {
    chordStorageSuite({
      isDurable: true,
      test: (name, body) =>
        it.effect(name, () => Effect.flatMap(temporaryDirectory, (place) => body(suites[kind](place))))
    })

    it.live(
      "has what it acknowledged, and nothing torn, after five kills in the middle of writing",
      () =>
        Effect.gen(function*() {
          const place = yield* temporaryDirectory
          const acknowledged: Array<number> = []
          let next = 1
          for (let round = 0; round < 5; round++) {
            const batches = yield* writeUntilKilled(kind, place, next, yield* Random.nextIntBetween(0, 60))
            assert.strictEqual(batches[0], next, "a batch was acknowledged in each life")
            acknowledged.push(...batches)
            next = yield* withStorage(openLayer(() => layers[kind](place)), (storage) =>
              Effect.sync(() => {
                checkWritten(storage, acknowledged)
                return newestMillis(storage) + 1
              }))
          }
        }).pipe(Random.withSeed("kills")),
      60_000
    )

    it.live("cannot be opened while another process has it, and can once that was killed", () =>
      Effect.gen(function*() {
        const place = yield* temporaryDirectory
        const open = openLayer(() => layers[kind](place))
        const child = yield* startWriter(kind, place, 1)
        yield* child.firstLine

        const error = yield* Effect.flip(Effect.scoped(open()))
        yield* child.kill

        assert.strictEqual(error.reason._tag, "StorageInUse")
        assert.include(error.message, place)
        yield* withStorage(open, (storage) => Effect.sync(() => assert.isAtLeast(newestMillis(storage), 1)))
      }))

    it.live("says which place it cannot use, and why", () =>
      Effect.gen(function*() {
        const place = yield* temporaryDirectory
        fs.writeFileSync(`${place}/a file`, "no directory")

        const error = yield* Effect.flip(Effect.scoped(suites[kind](`${place}/a file`)()))

        assert.strictEqual(error.reason._tag, "StorageFailed")
        assert.include(error.message, `${place}/a file`)
      }))
  })
}

describe("NodeChordStorage.layerFileSystem", () => {
  it.live("says that a file is not a directory", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/file`
      fs.writeFileSync(file, "")

      const error = yield* Effect.flip(Effect.scoped(Layer.build(NodeChordStorage.layerFileSystem(file))))

      assert.strictEqual(error.message, `could not open ${file}: it is not a directory`)
    }))

  it.live.skipIf(!fs.existsSync("/dev/full"))(
    "says in plain words that the disk is full",
    () =>
      Effect.gen(function*() {
        const place = yield* temporaryDirectory
        const error = yield* Effect.flip(withStorage(
          openLayer(() => NodeChordStorage.layerFileSystem(place)),
          (storage) => {
            fs.symlinkSync("/dev/full", `${place}/records.log.new`)
            return storage.put(record("a", 1, "a"))
          }
        ))

        assert.strictEqual(error.message, `could not write ${place}/records.log: no space left on device`)
      })
  )
})

describe("NodeChordStorage.layerSqlite", () => {
  it.live("recovers from a write-ahead log that was cut off or damaged at its end", () =>
    Effect.gen(function*() {
      const place = yield* temporaryDirectory
      const child = yield* startWriter("sqlite", place, 1)
      yield* child.firstLine
      // Long before the first checkpoint, without whose log the file would be damaged.
      yield* child.kill
      const wal = fs.readFileSync(`${place}/share.db-wal`)
      const main = fs.readFileSync(`${place}/share.db`)

      for (const part of [0, 0.3, 0.9, 1]) {
        const copy = `${place}/${part}`
        fs.mkdirSync(copy)
        fs.writeFileSync(`${copy}/share.db`, main)
        const length = Math.floor(wal.length * part)
        const tail = Buffer.alloc(part === 1 ? 0 : 5000, 0x55)
        fs.writeFileSync(`${copy}/share.db-wal`, Buffer.concat([wal.subarray(0, length), tail]))
        yield* withStorage(openLayer(() => layers.sqlite(copy)), (storage) =>
          Effect.andThen(
            Effect.sync(() => checkWritten(storage, [])),
            storage.put(record("after", 1, "it goes on"))
          ))
      }
    }))

  it.live("does not touch a database of another program, or a file that is none", () =>
    Effect.gen(function*() {
      const place = yield* temporaryDirectory
      const file = `${place}/share.db`
      const reasonOf = Effect.flip(withStorage(suites.sqlite(place), () => Effect.void)).pipe(
        Effect.map((error) => error.reason._tag)
      )
      const other = new DatabaseSync(file)
      other.exec("CREATE TABLE diary (day TEXT)")
      other.close()

      assert.strictEqual(yield* reasonOf, "StorageUnreadable")
      fs.writeFileSync(file, "a diary, and longer than the header of a database ".repeat(20))
      assert.strictEqual(yield* reasonOf, "StorageUnreadable")
      assert.deepStrictEqual(fs.readdirSync(place), ["share.db"])
      assert.strictEqual(fs.readFileSync(file, "utf8").slice(0, 7), "a diary")
    }))

  it.live("refuses a format of a later version", () =>
    Effect.gen(function*() {
      const place = yield* temporaryDirectory
      yield* withStorage(suites.sqlite(place), (storage) => storage.put(record("a", 1, "a")))
      const database = new DatabaseSync(`${place}/share.db`)
      database.exec("PRAGMA user_version = 2")
      database.close()

      const error = yield* Effect.flip(withStorage(suites.sqlite(place), () => Effect.void))

      assert.include(error.message, "its format is 2")
    }))

  it.live("says that the records of a file of ours are missing", () =>
    Effect.gen(function*() {
      const place = yield* temporaryDirectory
      yield* withStorage(suites.sqlite(place), (storage) => storage.put(record("a", 1, "a")))
      const database = new DatabaseSync(`${place}/share.db`)
      database.exec("DROP TABLE records")
      database.close()

      const error = yield* Effect.flip(withStorage(suites.sqlite(place), () => Effect.void))

      assert.strictEqual(error.reason._tag, "StorageUnreadable")
      assert.include(error.message, "no such table: records")
    }))

  it.live("reads past a row that is no record", () =>
    Effect.gen(function*() {
      const place = yield* temporaryDirectory
      yield* withStorage(
        suites.sqlite(place),
        (storage) => storage.putAll(["a", "b"].map((key) => record(key, 1, key)))
      )
      const database = new DatabaseSync(`${place}/share.db`)
      database.exec("UPDATE records SET record = x'ff' WHERE key = x'61'")
      database.close()

      const held = yield* withStorage(suites.sqlite(place), (storage) => Effect.succeed(contents(storage)))

      assert.deepStrictEqual(held, ["b 1.0@writer b"])
    }))
})

/** A process that writes, ended with the scope. */
const startWriter = (kind: string, place: string, first: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        ChildProcess.spawn(process.execPath, [
          process.env["P2P_TEST_WRITER"] ?? fileURLToPath(new URL("ChordStorage/Writer.ts", import.meta.url)),
          kind,
          place,
          String(first)
        ], { stdio: ["ignore", "pipe", "inherit"] })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => {
      let output = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text
      })
      return {
        firstLine: Effect.callback<void>((resume) => {
          child.stdout.once("data", () => resume(Effect.void))
          child.once("close", () => resume(Effect.die(new Error("the writer ended before it wrote"))))
        }),
        /** Kills it; gives what it said. */
        kill: Effect.callback<string>((resume) => {
          child.once("close", () => resume(Effect.sync(() => output)))
          child.kill("SIGKILL")
        })
      }
    }
  )

/** The numbers of the batches that were acknowledged before the writer was killed. */
const writeUntilKilled = Effect.fnUntraced(
  function*(kind: string, place: string, first: number, afterMillis: number) {
    const child = yield* startWriter(kind, place, first)
    yield* child.firstLine
    yield* Effect.sleep(afterMillis)
    return (yield* child.kill).split("\n").slice(0, -1).map(Number)
  },
  Effect.scoped
)

const newestMillis = (storage: ChordStorage["Service"]): number =>
  Math.max(0, ...Array.from(storage.records(), ({ version }) => version.millis))

/** All records of these batches are there, or newer ones, and none that no batch has. */
const checkWritten = (storage: ChordStorage["Service"], acknowledged: ReadonlyArray<number>): void => {
  const expected = new Map<string, Record.Record>()
  for (const number of acknowledged.slice(-100)) {
    for (const record of batch(number)) expected.set(record.key, record)
  }
  for (const [key, record] of expected) {
    const held = storage.get(key)
    assert.isTrue(held !== undefined && Record.compare(held, record) >= 0, `${key} is lost`)
  }
  for (const { key, value, version } of storage.records()) {
    if (key.startsWith("key ")) {
      assert.isTrue(Buffer.from(value!).equals(valueFor(key, version.millis)), `${key} is torn`)
    }
  }
}
