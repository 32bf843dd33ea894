import { assert, describe, it, layer } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Result, Schema } from "effect"
import { KeyPlacement, tables } from "../../src/Chord/KeyPlacement.ts"
import * as Record from "../../src/Chord/Record.ts"
import * as Version from "../../src/Chord/Version.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { keyPositions } from "../utils/keyPositions.ts"
import { arbitraryRecord, arbitraryVersion, record } from "./records.ts"

const hour = 60 * 60 * 1000

const AnyRecord = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.schema(Schema.String),
    arbitraryVersion,
    Arbitrary.schema(Schema.UndefinedOr(Schema.Uint8Array)),
    Arbitrary.schema(Schema.UndefinedOr(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Version.maxMillis }))))
  ]),
  ([key, version, value, expiry]) => new Record.Record(key.toWellFormed(), version, value, expiry)
)

describe("Record", () => {
  it.prop("reads back every record that it writes, and its Schema agrees", [AnyRecord], ([record]) => {
    const bytes = Record.encode(record)

    assert.deepStrictEqual(Record.decode(bytes), record)
    assert.strictEqual(Record.encodedBytes(record), bytes.length)
    assert.deepStrictEqual(Schema.encodeSync(Record.RecordFromBytes)(record), bytes)
    assert.deepStrictEqual(Schema.decodeSync(Record.RecordFromBytes)(bytes), record)
  }, { arbitrary: { runs: 500 } })

  it("writes the bytes that its documentation says", () => {
    const version = new Version.Version(0x0102_0304_0506, 7, "w")
    const value = Record.encode(new Record.Record("é", version, Uint8Array.of(9), 10))
    const tombstone = Record.encode(new Record.Record("", version, undefined))

    const versionBytes = [1, 2, 3, 4, 5, 6, 0, 0, 0, 7, 1, 0x77]
    assert.deepStrictEqual([...value], [2, 0, 0, 0, 0, 0, 10, ...versionBytes, 0, 2, 0xc3, 0xa9, 9])
    assert.deepStrictEqual([...tombstone], [1, ...versionBytes, 0, 0])
  })

  const readsOnlyWhatItWrites = Effect.fnUntraced(function*(bytes: Uint8Array) {
    const decoded = Record.decode(bytes)
    const exit = yield* Effect.exit(Schema.decodeEffect(Record.RecordFromBytes)(bytes))

    if (decoded !== undefined) assert.deepStrictEqual(Record.encode(decoded), bytes)
    assert.strictEqual(Exit.isSuccess(exit), decoded !== undefined)
    assert.isFalse(Exit.hasDies(exit))
  })

  it.effect.prop(
    "never throws, whatever bytes come, and reads only what it writes so",
    [Schema.Uint8Array],
    ([bytes]) => readsOnlyWhatItWrites(bytes),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop("never throws at a record with one byte changed or its end cut off", [
    AnyRecord,
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
  ], ([held, index, byte]) => {
    const bytes = Record.encode(held)
    bytes[index % bytes.length] = byte
    return Effect.andThen(
      readsOnlyWhatItWrites(bytes),
      readsOnlyWhatItWrites(bytes.subarray(0, index % bytes.length))
    )
  }, { arbitrary: { runs: 1000 } })

  it("reads no record from a part of one, up to its value", () => {
    const bytes = Record.encode(record("a key", 5, "value", { expiresAtMillis: 9 }))
    const valueStart = bytes.length - "value".length
    for (let length = 0; length < valueStart; length++) {
      assert.isUndefined(Record.decode(bytes.subarray(0, length)), `the first ${length} bytes`)
    }
    const tombstone = Record.encode(record("a key", 5, undefined))
    assert.isUndefined(Record.decode(Uint8Array.of(...tombstone, 0)))
    assert.isUndefined(Record.decode(Uint8Array.of(4, ...bytes.subarray(1))))
  })

  it("owns the bytes of what it reads", () => {
    const bytes = Record.encode(record("key", 5, "value"))
    const decoded = Record.decode(bytes)!
    bytes.fill(0)

    assert.deepStrictEqual(decoded, record("key", 5, "value"))
    assert.strictEqual(decoded.value!.buffer.byteLength, 5)
  })

  it("takes what is within the limits, and says what is not", () => {
    const version = new Version.Version(1, 0, "w")
    const tagOf = (key: string, valueBytes: number, limits?: Record.RecordLimits) => {
      const made = Record.make({ key, version, value: new Uint8Array(valueBytes) }, limits)
      return Result.isSuccess(made) ? "taken" : made.failure.reason._tag
    }

    assert.strictEqual(tagOf("k".repeat(1024), 65_536), "taken")
    assert.strictEqual(tagOf("", 0), "taken")
    assert.strictEqual(tagOf("é".repeat(512), 0), "taken")
    assert.strictEqual(tagOf("k".repeat(1025), 0), "KeyTooLong")
    assert.strictEqual(tagOf("é".repeat(513), 0), "KeyTooLong")
    assert.strictEqual(tagOf("😀".repeat(257), 0), "KeyTooLong")
    assert.strictEqual(tagOf("\udc00", 0), "KeyNotText")
    assert.strictEqual(tagOf("k", 65_537), "ValueTooLarge")
    assert.strictEqual(tagOf("k", 5, { maxKeyBytes: 10, maxValueBytes: 4 }), "ValueTooLarge")
    assert.strictEqual(tagOf("k".repeat(65_536), 0, { maxKeyBytes: 1e6, maxValueBytes: 4 }), "KeyTooLong")
    assert.throws(() => Record.make({ key: "k", version, value: undefined, expiresAtMillis: Number.NaN }), RangeError)
  })

  const oneKey = arbitraryRecord(1)

  it.prop("merges to the same record in any order and grouping", [oneKey, oneKey, oneKey], ([a, b, c]) => {
    const merge = Record.merge

    assert.deepStrictEqual(merge(a, b), merge(b, a))
    assert.deepStrictEqual(merge(a, merge(b, c)), merge(merge(a, b), c))
    assert.deepStrictEqual(merge(a, a), a)
    assert.isTrue([a, b].includes(merge(a, b)))
    assert.strictEqual(Record.compare(a, b) === 0, Record.encode(a).join() === Record.encode(b).join())
  }, { arbitrary: { runs: 2000 } })

  it.prop("merges so at one time as well", [oneKey, oneKey, oneKey], ([a, b, c]) => {
    const nowMillis = 2002
    const merge = (one: Record.Record, other: Record.Record) => Record.mergeAt(one, other, nowMillis)

    assert.deepStrictEqual(merge(a, b), merge(b, a))
    assert.deepStrictEqual(merge(a, merge(b, c)), merge(merge(a, b), c))
    assert.deepStrictEqual(Version.compare(merge(a, b).version, Record.merge(a, b).version), 0)
  }, { arbitrary: { runs: 2000 } })

  it("wins over what was buried before its time, up to it", () => {
    const value = record("key", 1000, "value", { expiresAtMillis: 5000 })
    const buried = Record.bury(value)

    assert.strictEqual(Record.mergeAt(buried, value, 4999), value)
    assert.strictEqual(Record.mergeAt(value, buried, 5000), buried)
    assert.strictEqual(Record.mergeAt(record("key", 999, "older"), buried, 1000), buried)
  })

  it("lets the higher version win, whatever it holds, and a tombstone at equal versions", () => {
    const value = record("k", 5, "zzz")

    assert.deepStrictEqual(Record.merge(value, record("k", 6, "a")), record("k", 6, "a"))
    assert.deepStrictEqual(Record.merge(record("k", 4, undefined), value), value)
    assert.deepStrictEqual(Record.merge(value, record("k", 5, undefined)), record("k", 5, undefined))
    assert.deepStrictEqual(
      Record.merge(value, record("k", 5, "zz", { expiresAtMillis: 3 })),
      value
    )
  })

  it("shows a value up to its expiry and not at it", () => {
    const held = record("k", 1000, "v", { expiresAtMillis: 5000 })

    assert.deepStrictEqual(Record.valueAt(held, 4999), held.value)
    assert.isUndefined(Record.valueAt(held, 5000))
    assert.deepStrictEqual(Record.valueAt(record("k", 1000, "v"), 1e15), held.value)
    assert.isUndefined(Record.valueAt(record("k", 1000, undefined), 0))
  })

  it("is over when tombstones of its time are, and a value without expiry never", () => {
    const isOver = (held: Record.Record, now: number) => Record.isOver(held, now, 24 * hour)

    const deleted = record("k", 1000, undefined)
    assert.deepStrictEqual([24 * hour + 999, 24 * hour + 1000].map((now) => isOver(deleted, now)), [false, true])
    const expiring = record("k", 1000, "v", { expiresAtMillis: 5000 })
    for (const held of [expiring, Record.bury(expiring)]) {
      assert.deepStrictEqual([24 * hour + 4999, 24 * hour + 5000].map((now) => isOver(held, now)), [false, true])
    }
    assert.isFalse(isOver(record("k", 1000, "v"), 1e15))
    assert.isFalse(isOver(record("k", 10_000, "v", { expiresAtMillis: 1 }), 24 * hour + 9999))
  })

  it("wins as a buried value over what it was, and loses against what came later", () => {
    const held = record("k", 1000, "v", { expiresAtMillis: 5000 })
    const buried = Record.bury(held)

    assert.strictEqual(Record.merge(held, buried), buried)
    assert.deepStrictEqual(Record.merge(buried, record("k", 1001, "w")), record("k", 1001, "w"))
  })
})

layer(NodeHashing.layer)("Record on a ring", (it) => {
  it.effect("lies where the protocol puts its key, in five tables", () =>
    Effect.gen(function*() {
      const hashing = yield* Hashing
      for (const bits of [1, 6, 64, 65, 160, 223, 224, 225, 512]) {
        const place = record("clé", 1, "v").place(new KeyPlacement(hashing, bits))

        const expected = keyPositions(hashing, new TextEncoder().encode("clé"))
        assert.deepStrictEqual(place.positions, expected.map(({ position }) => position % (1n << BigInt(bits))))
        assert.strictEqual(place.hash, expected[2]!.position % (1n << 128n))
      }
      assert.deepStrictEqual(tables, ["sha1", "sha224", "sha256", "sha384", "sha512"])
      assert.throws(() => new KeyPlacement(hashing, 0), RangeError)
    }))

  it.effect("computes its place once for a ring", () =>
    Effect.gen(function*() {
      const { digest } = yield* Hashing
      let count = 0
      const counting = Hashing.of({
        digest: (...input) => {
          count++
          return digest(...input)
        }
      })
      const [ring, other] = [new KeyPlacement(counting, 64), new KeyPlacement(counting, 32)]
      const held = record("k", 1, "v")

      const places = [held.place(ring), held.place(ring), held.place(other)]

      assert.strictEqual(places[0], places[1])
      assert.strictEqual(BigInt.asUintN(32, places[0]!.positions[4]!), places[2]!.positions[4]!)
      assert.strictEqual(count, 10)
      assert.strictEqual(held.fingerprint(counting), held.fingerprint(counting))
      assert.strictEqual(count, 11)
    }))

  it.effect("has a fingerprint of everything in it", () =>
    Effect.gen(function*() {
      const hashing = yield* Hashing
      const records = [
        record("k", 1, "v"),
        record("l", 1, "v"),
        record("k", 2, "v"),
        record("k", 1, "v", { writer: "other" }),
        record("k", 1, "w"),
        record("k", 1, undefined),
        record("k", 1, "v", { expiresAtMillis: 5 })
      ]

      assert.strictEqual(new Set(records.map((held) => held.fingerprint(hashing))).size, records.length)
    }))
})
