/**
 * What any `ChordStorage` does, as one suite. A new storage adds a test file that calls it, and
 * passes.
 */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Random, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ChordStorage, type StorageError, type StorageOptions } from "../../src/Chord/ChordStorage.ts"
import { KeyPlacement, tables } from "../../src/Chord/KeyPlacement.ts"
import * as Record from "../../src/Chord/Record.ts"
import { Version } from "../../src/Chord/Version.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { describe, record } from "../Chord/records.ts"

/** Opens the storage at one and the same place, for as long as the scope lasts. */
export type Open = (options?: StorageOptions) => Effect.Effect<ChordStorage["Service"], StorageError, Scope.Scope>

/** What the suite has to know of a storage. */
export interface ChordStorageSuite {
  /** Registers a test, under a clock that stands still; each gets a place of its own. */
  readonly test: (name: string, body: (open: Open) => Effect.Effect<void, unknown, Scope.Scope>) => void
  /** Whether what was acknowledged is there again when it is opened again. */
  readonly isDurable: boolean
}

/** Opens a storage, uses it, and closes it. */
export const withStorage = <A, E>(
  open: Open,
  use: (storage: ChordStorage["Service"]) => Effect.Effect<A, E>,
  options?: StorageOptions
): Effect.Effect<A, E | StorageError> => Effect.scoped(Effect.flatMap(open(options), use))

/** Opens the layers that a function gives, each time a new one. */
export const openLayer =
  (layer: (options?: StorageOptions) => Layer.Layer<ChordStorage, StorageError>): Open => (options) =>
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      return Context.get(yield* Layer.buildWithScope(Layer.fresh(layer(options)), scope), ChordStorage)
    })

/** Everything in a storage, in the order of keys. */
export const contents = (storage: ChordStorage["Service"]): ReadonlyArray<string> =>
  Array.from(storage.records(), (held) => describe(held)!).sort()

const day = 24 * 60 * 60 * 1000

/** Runs the suite. */
export const chordStorageSuite = ({ isDurable, test }: ChordStorageSuite): void => {
  test("keeps the newest record of each key, and says what became of each", (open) =>
    Effect.gen(function*() {
      const storage = yield* open()
      yield* storage.putAll([record("a", 5, "old"), record("b", 5, "b"), record("c", 5, "c")])

      const outcomes = yield* storage.putAll([
        record("a", 6, "new"),
        record("b", 5, "b"),
        record("c", 4, undefined),
        record("d", 1, undefined),
        record("b", 7, undefined)
      ])

      assert.deepStrictEqual(outcomes, ["Stored", "Known", "Superseded", "Stored", "Stored"])
      assert.deepStrictEqual(
        ["a", "b", "c", "d", "e"].map((key) => describe(storage.get(key))),
        ["a 6.0@writer new", "b 7.0@writer deleted", "c 5.0@writer c", "d 1.0@writer deleted", undefined]
      )
      const stats = yield* storage.stats
      assert.deepStrictEqual([stats.records, stats.tombstones], [4, 2])
    }))

  test("lets each record of a batch see those before it", (open) =>
    Effect.gen(function*() {
      const storage = yield* open()

      const outcomes = yield* storage.putAll([record("a", 5, "x"), record("a", 4, "y"), record("a", 6, "z")])

      assert.deepStrictEqual(outcomes, ["Stored", "Superseded", "Stored"])
      assert.deepStrictEqual(contents(storage), ["a 6.0@writer z"])
    }))

  test("ends with the newest record, in whatever order they are put at once", (open) =>
    Effect.gen(function*() {
      const storage = yield* open()
      const versions = yield* Random.shuffle(Array.from({ length: 60 }, (_, index) => index + 1))

      yield* Effect.forEach(versions, (millis) => storage.put(record(`key ${millis % 2}`, millis, `${millis}`)), {
        concurrency: "unbounded"
      })

      assert.deepStrictEqual(contents(storage), ["key 0 60.0@writer 60", "key 1 59.0@writer 59"])
    }).pipe(Random.withSeed("order")))

  test("keeps keys and values as they are, whatever is in them", (open) =>
    Effect.gen(function*() {
      const keys = ["", "\0", "a\0b", "a", "A", "../../x", "é", "e\u0301", "😀", "\ufeffbom", "k".repeat(1024)]
      const value = Uint8Array.from({ length: 65_536 }, (_, index) => index * 7)
      const version = new Version(1, 2, "é".repeat(100))
      const records = keys.map((key) => new Record.Record(key, version, value, 2e12))

      yield* withStorage(open, (storage) => storage.putAll(records))

      if (!isDurable) return
      yield* withStorage(open, (storage) =>
        Effect.sync(() => {
          for (const record of records) assert.deepStrictEqual(storage.get(record.key), record)
        }))
    }))

  test("forgets records, but not those that changed meanwhile", (open) =>
    Effect.gen(function*() {
      const storage = yield* open()
      const [a, b, c] = [record("a", 1, "a"), record("b", 1, "b"), record("c", 1, "c")]
      yield* storage.putAll([a, b, c])
      yield* storage.put(record("b", 2, "newer"))

      const count = yield* storage.remove([a, b, record("d", 1, "never there"), a])

      assert.strictEqual(count, 1)
      assert.deepStrictEqual(contents(storage), ["b 2.0@writer newer", "c 1.0@writer c"])
      assert.deepStrictEqual(yield* storage.putAll([record("a", 1, "again")]), ["Stored"])
    }))

  test("refuses new keys past its count, while those that are there can change", (open) =>
    Effect.gen(function*() {
      const storage = yield* open({ maxRecords: 2 })

      const outcomes = yield* storage.putAll(["a", "b", "c"].map((key) => record(key, 1, key)))
      const error = yield* Effect.flip(storage.put(record("c", 2, undefined)))
      const changed = yield* storage.putAll([record("a", 2, "longer than before"), record("b", 2, undefined)])
      yield* storage.remove([record("b", 2, undefined)])
      const afterwards = yield* storage.put(record("c", 3, "c"))

      assert.deepStrictEqual(outcomes, ["Stored", "Stored", "Full"])
      assert.deepStrictEqual([error._tag, error.reason._tag], ["StorageError", "StorageFull"])
      assert.deepStrictEqual(changed, ["Stored", "Stored"])
      assert.strictEqual(afterwards, "Stored")
      assert.deepStrictEqual(contents(storage), ["a 2.0@writer longer than before", "c 3.0@writer c"])
    }))

  test("refuses what would take it past its bytes, while deletes and shorter values go in", (open) =>
    Effect.gen(function*() {
      const bytes = Record.encodedBytes(record("a", 1, "0123456789"))
      const storage = yield* open({ maxBytes: 2 * bytes })

      const outcomes = yield* storage.putAll([
        record("a", 1, "0123456789"),
        record("b", 1, "0123456789"),
        record("c", 1, ""),
        record("a", 2, "0123456789+"),
        record("a", 3, "01234"),
        record("b", 2, "0123456789abcde")
      ])
      const full = yield* storage.stats
      const deleted = yield* storage.put(record("b", 3, undefined, { writer: "a longer name than there is room for" }))

      assert.deepStrictEqual(outcomes, ["Stored", "Stored", "Full", "Full", "Stored", "Stored"])
      assert.strictEqual(full.bytes, 2 * bytes)
      assert.strictEqual(deleted, "Stored")
      const stats = yield* storage.stats
      assert.strictEqual(
        stats.bytes,
        Array.from(storage.records(), Record.encodedBytes).reduce((sum, bytes) => sum + bytes, 0)
      )
    }))

  test("makes tombstones of expired values, and forgets tombstones when their time is over", (open) =>
    Effect.gen(function*() {
      yield* TestClock.setTime(10 * day)
      const storage = yield* open({ tombstoneTtl: "1 day" })
      yield* storage.putAll([
        record("kept", 1, "v"),
        record("expires", 9 * day, "v", { expiresAtMillis: 10 * day + 5000 }),
        record("deleted", 10 * day - 100, undefined)
      ])

      const sweeps = [yield* storage.sweep]
      yield* TestClock.setTime(10 * day + 5000)
      sweeps.push(yield* storage.sweep, yield* storage.sweep)
      const buried = describe(storage.get("expires"))
      yield* TestClock.setTime(11 * day + 4999)
      sweeps.push(yield* storage.sweep)
      yield* TestClock.setTime(11 * day + 5000)
      sweeps.push(yield* storage.sweep)

      assert.deepStrictEqual(sweeps.map(({ buried, forgotten }) => [buried, forgotten]), [
        [0, 0],
        [1, 0],
        [0, 0],
        [0, 1],
        [0, 1]
      ])
      assert.strictEqual(buried, `expires ${9 * day}.0@writer deleted`)
      assert.deepStrictEqual(contents(storage), ["kept 1.0@writer v"])
    }))

  test("keeps nothing of an expired value that is removed while it sweeps", (open) =>
    Effect.gen(function*() {
      yield* TestClock.setTime(10 * day)
      const storage = yield* open()
      const expires = record("expires", 10 * day, "v", { expiresAtMillis: 10 * day + 1 })
      yield* storage.put(expires)
      yield* TestClock.setTime(10 * day + 1)

      yield* Effect.all([storage.remove([expires]), storage.sweep], { concurrency: "unbounded" })

      assert.deepStrictEqual(contents(storage), [])
    }))

  test("takes an expired value as a tombstone, and nothing whose time is over", (open) =>
    Effect.gen(function*() {
      yield* TestClock.setTime(10 * day)
      const storage = yield* open()
      const expired = record("a", 9 * day, "v", { expiresAtMillis: 10 * day })
      const over = record("b", 9 * day, undefined)

      assert.deepStrictEqual(yield* storage.putAll([expired, over]), ["Stored", "Over"])
      assert.deepStrictEqual(yield* storage.putAll([expired]), ["Known"])
      const error = yield* Effect.flip(storage.put(over))
      assert.strictEqual(error.reason._tag, "RecordOver")
      assert.deepStrictEqual(contents(storage), [`a ${9 * day}.0@writer deleted`])
    }))

  test("knows the highest version that it ever had", (open) =>
    Effect.gen(function*() {
      const storage = yield* open()
      const newest = Effect.map(storage.newest, (version) => version?.millis)

      assert.isUndefined(yield* newest)
      yield* storage.putAll([record("a", 7, "a"), record("b", 9, "b"), record("c", 8, "c")])
      yield* storage.remove([record("b", 9, "b")])
      yield* storage.putAll([record("a", 3, "superseded")])
      assert.strictEqual(yield* newest, 9)
    }))

  test("gives the records of any part of the ring, while records come and go", (open) =>
    Effect.gen(function*() {
      const hashing = Context.get(yield* Layer.build(Hashing.layerFast), Hashing)
      const storage = yield* open()
      const rings = [new KeyPlacement(hashing, 8), new KeyPlacement(hashing, 70)]
      for (let round = 0; round < 12; round++) {
        const records: Array<Record.Record> = []
        for (let index = 0; index < 150; index++) {
          records.push(record(`key ${yield* Random.nextIntBetween(0, 1500)}`, round + 1, "v"))
        }
        yield* storage.putAll(records)
        yield* storage.remove(yield* Random.shuffle([...storage.records()]).pipe(Effect.map((all) => all.slice(0, 40))))
        // Now and then another ring: what was sorted for the one says nothing of the other.
        const placement = rings[round % 5 === 4 ? 1 : 0]!
        for (const wanted of [undefined, [0], [4, 1]]) {
          const [from, to] = [yield* randomPosition(placement), yield* randomPosition(placement)]
          for (const range of [{ from, to }, { from: to, to: from }, { from, to: from }]) {
            checkRange(storage, { placement, ...range, tables: wanted })
          }
        }
      }
    }).pipe(Random.withSeed("ranges")))

  test("gives every part of a large share, while it changes", (open) =>
    Effect.gen(function*() {
      const hashing = Context.get(yield* Layer.build(Hashing.layerFast), Hashing)
      const storage = yield* open()
      const placement = new KeyPlacement(hashing, 64)
      const end = 1n << 64n
      yield* storage.putAll(Array.from({ length: 20_000 }, (_, index) => record(`key ${index}`, 1, "v")))

      // As many scans as there are records would not end within the time of a test if each walked over all.
      const seen = new Set<string>()
      const parts = 10_000n
      for (let part = 0n; part < parts; part++) {
        if (part % 100n === 0n) yield* storage.put(record(`more ${part}`, 1, "v"))
        const [from, to] = [(end * part) / parts, (end * (part + 1n)) / parts]
        for (const { key } of storage.range({ placement, from, to, tables: [2] })) seen.add(key)
      }

      assert.isAtLeast(seen.size, 20_000)
      assert.strictEqual(storage.range({ placement, from: 0n, to: 0n }).length, 20_100)
    }))

  if (isDurable) durableSuite(test)
}

/** What is there again when a storage is opened again. */
const durableSuite = (test: ChordStorageSuite["test"]): void => {
  test("keeps the salt of its node, of which no two are alike", (open) =>
    Effect.gen(function*() {
      const saltOf = withStorage(open, (storage) => Effect.succeed(storage.salt))
      const salt = yield* saltOf

      const again = yield* saltOf
      const other = yield* Effect.scoped(
        Effect.map(Layer.build(ChordStorage.layerMemory()), (context) => Context.get(context, ChordStorage).salt)
      )

      assert.strictEqual(again, salt)
      assert.notStrictEqual(other, salt)
    }))

  test("has again what it had when it is opened again", (open) =>
    Effect.gen(function*() {
      yield* TestClock.setTime(10 * day)
      const before = yield* withStorage(open, (storage) =>
        Effect.gen(function*() {
          yield* storage.putAll(Array.from({ length: 300 }, (_, index) => record(`key ${index}`, 1, `v${index}`)))
          yield* storage.putAll([record("key 3", 2, "changed"), record("key 4", 10 * day, undefined)])
          yield* storage.remove([record("key 5", 1, "v5")])
          yield* storage.put(record("expires", 10 * day, "v", { expiresAtMillis: 10 * day + 1 }))
          yield* TestClock.setTime(10 * day + 1)
          yield* storage.sweep
          return contents(storage)
        }))

      for (let round = 0; round < 3; round++) {
        yield* withStorage(open, (storage) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(contents(storage), before)
            assert.strictEqual((yield* storage.stats).records, 300)
            assert.strictEqual((yield* storage.newest)?.millis, 10 * day)
            // Changes go on behind what was there.
            yield* storage.put(record("key 6", 2 + round, "v"))
            yield* storage.remove([record("key 6", 2 + round, "v")])
            yield* storage.put(record("key 6", 1, "v6"))
          }))
      }
    }))

  test("is for one node at a time", (open) =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      const storage = yield* Scope.provide(open(), first)
      yield* storage.put(record("a", 1, "a"))

      const error = yield* Effect.flip(Effect.scoped(open()))
      yield* storage.put(record("b", 1, "b"))
      yield* Scope.close(first, Exit.void)

      assert.strictEqual(error.reason._tag, "StorageInUse")
      assert.deepStrictEqual(yield* withStorage(open, (storage) => Effect.succeed(contents(storage))), [
        "a 1.0@writer a",
        "b 1.0@writer b"
      ])
    }))

  test("writes what is asked for at once together, and each change is there again", (open) =>
    Effect.gen(function*() {
      yield* withStorage(open, (storage) =>
        Effect.forEach(
          Array.from({ length: 2000 }, (_, index) => index),
          (index) => storage.put(record(`key ${index}`, 1, "v")),
          { concurrency: "unbounded" }
        ))

      assert.strictEqual((yield* withStorage(open, (storage) => storage.stats)).records, 2000)
    }))

  test("takes nothing any more once it is closed", (open) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const storage = yield* Scope.provide(open(), scope)
      yield* Scope.close(scope, Exit.void)

      const error = yield* Effect.flip(storage.put(record("a", 1, "a")))

      assert.strictEqual(error.reason._tag, "StorageClosed")
    }))

  test("finishes or refuses each change that is under way when it is closed, and loses none that it took", (open) =>
    Effect.gen(function*() {
      for (let round = 0; round < 5; round++) {
        const scope = yield* Scope.make()
        const storage = yield* Scope.provide(open(), scope)
        const changes = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, index) => index),
          (index) =>
            Effect.gen(function*() {
              for (let yields = 0; yields < index; yields++) yield* Effect.yieldNow
              return yield* Effect.result(storage.put(record(`key ${round}.${index}`, 1, "v")))
            }).pipe(Effect.forkChild),
          { concurrency: 1 }
        )
        for (let yields = 0; yields < round * 10; yields++) yield* Effect.yieldNow
        yield* Scope.close(scope, Exit.void)

        const results = yield* Effect.forEach(changes, Fiber.join)
        const held = yield* withStorage(
          open,
          (again) => Effect.succeed(results.map((_, index) => again.get(`key ${round}.${index}`) !== undefined))
        )

        for (const [index, result] of results.entries()) {
          if (Result.isSuccess(result)) assert.isTrue(held[index], `change ${index} was acknowledged`)
          else assert.strictEqual(result.failure.reason._tag, "StorageClosed")
        }
      }
    }))
}

const randomPosition = (placement: KeyPlacement) =>
  Effect.map(Random.nextIntBetween(0, 255), (byte) => BigInt(byte) << BigInt(placement.bits - 8))

/** Compares a range with a walk over all records. */
const checkRange = (
  storage: ChordStorage["Service"],
  range: Parameters<ChordStorage["Service"]["range"]>[0]
): void => {
  const { from, placement, tables: wanted = tables.map((_, index) => index), to } = range
  const size = 1n << BigInt(placement.bits)
  const distance = (position: bigint) => (((position - from - 1n) % size) + size) % size
  const isIn = (position: bigint) => from === to || distance(position) <= distance(to)
  const all = [...storage.records()]
  const expected: Array<Record.Record> = []
  for (const table of wanted) {
    const position = (record: Record.Record) => record.place(placement).positions[table]!
    const found = all.filter((record) => isIn(position(record)) && !expected.includes(record))
    expected.push(
      ...found.sort((a, b) => {
        const difference = distance(position(a)) - distance(position(b))
        return difference === 0n ? (a.key < b.key ? -1 : 1) : difference < 0n ? -1 : 1
      })
    )
  }
  assert.deepStrictEqual(storage.range(range).map(({ key }) => key), expected.map(({ key }) => key))
}
