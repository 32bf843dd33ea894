import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Logger, Random, Scope } from "effect"
import { type ChordStorage, makeWithJournal, type StorageError } from "../../../src/Chord/ChordStorage.ts"
import * as Record from "../../../src/Chord/Record.ts"
import * as RecordLog from "../../../src/Layers/ChordStorage/RecordLog.ts"
import { record } from "../../Chord/records.ts"
import { contents, withStorage } from "../../compliance/chordStorage.ts"
import { CrashFileSystem } from "./CrashFileSystem.ts"

const path = "share/records.log"

const openAt = (disk: CrashFileSystem, compactFromBytes = 1e9) => () =>
  Effect.flatMap(RecordLog.make("share", compactFromBytes), makeWithJournal).pipe(
    Effect.provideContext(disk.layer)
  )

/** What is in the share on a disk. */
const contentsOf = (disk: CrashFileSystem) => withStorage(openAt(disk), (storage) => Effect.succeed(contents(storage)))

const many = (count: number, millis = 1) =>
  Array.from({ length: count }, (_, index) => record(`key ${index}`, millis, `value ${index}`))

describe("RecordLog", () => {
  it.effect("waits for the disk once for a batch, and for what is asked for meanwhile", () =>
    Effect.gen(function*() {
      const disk = new CrashFileSystem()
      yield* withStorage(openAt(disk), (storage) =>
        Effect.gen(function*() {
          yield* storage.put(record("first", 1, "makes the file"))

          const syncCount = () => disk.syncCount
          const before = syncCount()
          yield* storage.putAll(many(1000))
          const forBatch = syncCount() - before
          yield* Effect.forEach(many(1000, 2), storage.put, { concurrency: "unbounded" })
          const forMany = syncCount() - before - forBatch
          yield* storage.putAll(many(1000))

          assert.strictEqual(forBatch, 1)
          assert.isAtMost(forMany, 3)
          assert.strictEqual(syncCount() - before, forBatch + forMany)
        }))
    }))

  it.effect("shows no change before the disk has it, and finishes the one under way when it closes", () =>
    Effect.gen(function*() {
      const disk = new CrashFileSystem()
      const scope = yield* Scope.make()
      const storage = yield* Scope.provide(openAt(disk)(), scope)
      yield* storage.put(record("a", 1, "old"))
      const [isWaiting, isOpen] = [yield* Latch.make(), yield* Latch.make()]
      disk.gate = Effect.andThen(isWaiting.open, isOpen.await)

      const under = yield* Effect.forkChild(storage.put(record("a", 2, "new")))
      yield* isWaiting.await
      const behind = yield* Effect.forkChild(Effect.flip(storage.put(record("b", 1, "b"))))
      yield* Effect.yieldNow
      assert.deepStrictEqual(contents(storage), ["a 1.0@writer old"])
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow
      yield* isOpen.open

      assert.strictEqual(yield* Fiber.join(under), "Stored")
      assert.strictEqual((yield* Fiber.join(behind)).reason._tag, "StorageClosed")
      yield* Fiber.join(closing)
      disk.gate = Effect.void
      assert.deepStrictEqual(yield* contentsOf(disk), ["a 2.0@writer new"])
    }))

  it.effect("is read up to its last whole change, wherever it is cut off", () =>
    Effect.gen(function*() {
      const disk = new CrashFileSystem()
      const ends: Array<number> = []
      yield* withStorage(openAt(disk), (storage) =>
        Effect.forEach(many(6), (one) =>
          Effect.map(storage.put(one), () => ends.push(disk.read(path).length))))
      const whole = disk.read(path).slice()

      for (let length = 0; length <= whole.length; length++) {
        const cut = new CrashFileSystem()
        cut.write(path, whole.slice(0, length))
        const expected = many(
          ends.filter((end) =>
            end <= length
          ).length
        )
        yield* withStorage(openAt(cut), (storage) =>
          Effect.gen(function*() {
            assert.deepStrictEqual([...storage.records()], expected, `the first ${length} bytes`)
            yield* storage.put(record("next", 1, "after the tear"))
          }))
        assert.strictEqual((yield* contentsOf(cut)).length, expected.length + 1)
      }
    }))

  it.effect("is read on behind a damaged place, and without what is damaged", () =>
    Effect.gen(function*() {
      const disk = new CrashFileSystem()
      yield* withStorage(openAt(disk), (storage) => storage.putAll(many(12)))
      const whole = disk.read(path)

      for (let index = 20; index < whole.length; index++) {
        const damaged = new CrashFileSystem()
        damaged.write(path, whole.with(index, whole[index]! ^ 0x55))
        yield* withStorage(openAt(damaged), (storage) =>
          Effect.gen(function*() {
            const held = [...storage.records()]
            assert.strictEqual(held.length, 11, `byte ${index}`)
            for (const one of held) assert.strictEqual(Record.compare(one, many(12)[keyIndex(one)]!), 0)
            yield* storage.putAll(many(12))
            assert.strictEqual(damaged.read(path).length, whole.length, "nothing damaged is left")
          }))
      }
    }))

  it.effect("never reads a change out of a value that was made to look like one", () =>
    Effect.gen(function*() {
      const disk = new CrashFileSystem()
      const forged = new CrashFileSystem()
      yield* withStorage(openAt(forged), (storage) => storage.put(record("forged", 9, "forged")))
      const value = forged.read(path).slice(20)
      yield* withStorage(openAt(disk), (storage) =>
        Effect.andThen(storage.put(record("a", 1, "a")), storage.put(new Record.Record("b", version, value))))
      const whole = disk.read(path)

      // The head of the second change is gone, its value is whole.
      const start = whole.length - value.length
      const damaged = new CrashFileSystem()
      damaged.write(path, whole.with(start - 5, whole[start - 5]! ^ 1))

      assert.deepStrictEqual(yield* contentsOf(damaged), ["a 1.0@writer a"])
    }))

  it.effect("does not touch a file that is no log, or one that it cannot read", () =>
    Effect.gen(function*() {
      const disk = new CrashFileSystem()
      yield* withStorage(openAt(disk), (storage) => storage.put(record("a", 1, "a")))
      const log = disk.read(path)
      const others = [new TextEncoder().encode("a diary, and longer than a header"), log.with(15, log[15]! ^ 1)]

      for (const bytes of others) {
        const other = new CrashFileSystem()
        other.write(path, bytes)
        const error = yield* Effect.flip(contentsOf(other))
        assert.strictEqual(error.reason._tag, "StorageUnreadable")
        assert.deepStrictEqual(other.read(path), bytes)
      }
    }))

  it.effect("is written anew when most of it is out of date, and holds the same", () =>
    Effect.gen(function*() {
      const disk = new CrashFileSystem()
      let longest = 0
      const before = yield* withStorage(openAt(disk, 2000), (storage) =>
        Effect.gen(function*() {
          for (let millis = 1; millis <= 200; millis++) {
            yield* storage.putAll(many(10, millis))
            yield* storage.remove([record("key 3", millis, "value 3")])
            longest = Math.max(longest, disk.read(path).length)
          }
          return contents(storage)
        }))

      assert.strictEqual(before.length, 9)
      assert.isBelow(longest, 4000)
      assert.deepStrictEqual(yield* contentsOf(disk), before)
    }))

  it.effect("goes on after a write, a sync or a rename that failed, with what was acknowledged", () =>
    Effect.gen(function*() {
      for (const operation of ["write", "sync", "rename"] as const) {
        const disk = new CrashFileSystem()
        let failures = 0
        disk.failure = (name) => name === operation && failures-- > 0
        const held = yield* withStorage(openAt(disk, 500), (storage) =>
          Effect.gen(function*() {
            yield* storage.putAll(many(20))
            // Enough to be written anew, where a rename can fail.
            for (let millis = 2; millis <= 20; millis++) {
              failures = millis % 3
              const lost = record(`lost ${millis}`, 1, "never acknowledged")
              const exit = yield* Effect.exit(storage.putAll([...many(20, millis), lost]))
              if (Exit.isFailure(exit)) {
                assert.strictEqual(storage.get("key 0")!.version.millis, millis - 1, "a failed write is not read")
                const error = yield* Effect.flip(exit)
                assert.strictEqual(error.reason._tag, "StorageFailed")
                failures = 0
                yield* storage.putAll(many(20, millis))
                assert.isUndefined(storage.get(lost.key))
              }
            }
            return contents(storage)
          }))

        assert.strictEqual(held[0], "key 0 20.0@writer value 0")
        assert.deepStrictEqual(yield* contentsOf(disk), held)
      }
    }))

  for (const seed of ["a", "b", "c", "d"]) {
    for (const failureRate of [0, 0.1]) {
      const after = failureRate === 0 ? "" : "much failed and "
      it.effect(`has after ${after}a loss of power what was acknowledged before, and nothing torn (${seed})`, () =>
        Effect.gen(function*() {
          const chance = (yield* Random.Random).nextDoubleUnsafe.bind(yield* Random.Random)
          let disk = new CrashFileSystem()
          const acknowledged = new Map<string, Record.Record>()
          for (let life = 0; life < 60; life++) {
            disk.crashAt = disk.operationCount + Math.floor(chance() * (failureRate === 0 ? 40 : 120))
            disk.failure = (operation) => operation !== "remove" && chance() < failureRate
            yield* liveUntilCrash(disk, acknowledged, life)
            disk = disk.afterCrash(chance)
            yield* withStorage(openAt(disk), (storage) => Effect.sync(() => check(storage, acknowledged)))
          }
          assert.isAbove(acknowledged.size, 10)
        }).pipe(Effect.provide(Logger.layer([])), Random.withSeed(seed)))
    }
  }
})

const version = record("b", 1, "").version

const keyIndex = (held: Record.Record) => Number(held.key.slice("key ".length))

/** Each value can only be that of its key and version. */
const valueFor = (key: string, millis: number) => `${key} at ${millis} `.repeat(1 + (millis % 9))

/** Puts until the power goes; notes what was acknowledged. */
const liveUntilCrash = Effect.fnUntraced(
  function*(disk: CrashFileSystem, acknowledged: Map<string, Record.Record>, life: number) {
    const scope = yield* Scope.make()
    const opened = yield* Effect.exit(Scope.provide(openAt(disk, 3000)(), scope))
    for (let step = 1; Exit.isSuccess(opened) && step < 100; step++) {
      const storage = opened.value
      const records: Array<Record.Record> = []
      for (let count = yield* Random.nextIntBetween(1, 5); count > 0; count--) {
        const key = `key ${yield* Random.nextIntBetween(0, 30)}`
        const millis = life * 100 + step
        records.push(record(key, millis, valueFor(key, millis)))
      }
      const exit: Exit.Exit<unknown, StorageError> = yield* Effect.exit(storage.putAll(records))
      if (Exit.isFailure(exit)) continue
      for (const record of records) acknowledged.set(record.key, record)
    }
    yield* Scope.close(scope, Exit.void)
  }
)

const check = (storage: ChordStorage["Service"], acknowledged: ReadonlyMap<string, Record.Record>): void => {
  for (const [key, expected] of acknowledged) {
    const held = storage.get(key)
    assert.isTrue(held !== undefined && Record.compare(held, expected) >= 0, `${key} is lost`)
  }
  for (const held of storage.records()) {
    assert.strictEqual(new TextDecoder().decode(held.value), valueFor(held.key, held.version.millis))
  }
}
