import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Result, Schema } from "effect"
import * as Version from "../../src/Chord/Version.ts"
import { arbitraryVersion } from "./records.ts"

const { Version: V } = Version

const integer = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const AnyVersion = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.schema(integer(Version.maxMillis)),
    Arbitrary.schema(integer(Version.maxCounter)),
    Arbitrary.schema(Schema.String)
  ]),
  ([millis, counter, writer]) => new V(millis, counter, `w${writer.toWellFormed().slice(0, 80)}`)
)

describe("Version", () => {
  it.prop("orders any three versions alike, whichever are compared", [
    arbitraryVersion,
    arbitraryVersion,
    arbitraryVersion
  ], ([a, b, c]) => {
    const sign = (x: Version.Version, y: Version.Version) => Math.sign(Version.compare(x, y))

    assert.strictEqual(sign(a, b) + sign(b, a), 0)
    assert.strictEqual(sign(a, b) === 0, a.toString() === b.toString())
    if (sign(a, b) <= 0 && sign(b, c) <= 0) assert.isAtMost(sign(a, c), 0)
  }, { arbitrary: { runs: 1000 } })

  it("orders by time, then counter, then writer", () => {
    const sorted = [new V(1, 0, "b"), new V(1, 1, "a"), new V(1, 1, "b"), new V(2, 0, "a")]

    assert.deepStrictEqual(sorted.toReversed().sort(Version.compare), sorted)
  })

  it("follows the clock, and counts on where the clock stands still or goes back", () => {
    const times = [5000, 5000.9, 4000, 5001, 5001]
    const made: Array<string> = []
    let last: Version.Version | undefined
    for (const now of times) made.push(String(last = Version.next(last, now, "a")))

    assert.deepStrictEqual(made, ["5000.0@a", "5000.1@a", "5000.2@a", "5001.0@a", "5001.1@a"])
  })

  it.prop("is always above the version before and the clock's time", [AnyVersion, integer(Version.maxMillis)], ([
    previous,
    now
  ]) => {
    if (previous.millis === Version.maxMillis && previous.counter === Version.maxCounter) return
    const version = Version.next(previous, now, "z")

    assert.isAbove(Version.compare(version, previous), 0)
    assert.isAtLeast(version.millis, now)
  })

  it("goes on to the next millisecond when a millisecond has no counter left", () => {
    assert.deepStrictEqual(Version.next(new V(7, Version.maxCounter, "b"), 5, "a"), new V(8, 0, "a"))
    assert.throws(() => Version.next(new V(Version.maxMillis, Version.maxCounter, "b"), 5, "a"), RangeError)
  })

  it("refuses times and writers that no version can hold", () => {
    for (const now of [-1, Number.NaN, Number.POSITIVE_INFINITY, Version.maxMillis + 1]) {
      assert.throws(() => Version.next(undefined, now, "a"), RangeError)
    }
    for (const writer of ["", "\ud800", "x".repeat(256), "é".repeat(128)]) {
      assert.throws(() => Version.next(undefined, 1, writer), RangeError)
    }
    assert.isTrue(Version.isWriter("x".repeat(255)))
    assert.isTrue(Version.isWriter("é".repeat(127)))
  })

  it("takes in versions up to the skew ahead of the clock, and no further", () => {
    const own = new V(10_000, 3, "me")
    const near = new V(70_000, 0, "other")

    assert.deepStrictEqual(Version.observe(own, near, 10_000), Result.succeed(near))
    assert.deepStrictEqual(Version.observe(own, new V(9000, 9, "other"), 10_000), Result.succeed(own))
    assert.deepStrictEqual(Version.observe(undefined, near, 10_000), Result.succeed(near))
    const refused = Result.getOrThrow(Result.flip(Version.observe(own, new V(70_001, 0, "other"), 10_000)))
    assert.deepStrictEqual(
      [refused._tag, refused.writer, refused.aheadMillis, refused.maxSkewMillis],
      ["VersionTooFarAhead", "other", 60_001, 60_000]
    )
    assert.isTrue(Result.isFailure(Version.observe(own, near, 10_000, 59_999)))
  })

  it("gives two writers that saw each other versions in the order of their writes, with clocks apart", () => {
    const first = Version.next(undefined, 50_000, "fast clock")
    const seen = Result.getOrThrow(Version.observe(undefined, first, 20_000))
    const second = Version.next(seen, 20_001, "slow clock")

    assert.isAbove(Version.compare(second, first), 0)
  })

  it.prop("reads back every version that it writes, and its Schema agrees", [AnyVersion], ([version]) => {
    const bytes = Version.encode(version)

    assert.deepStrictEqual(Version.decode(bytes), version)
    assert.strictEqual(Version.encodedBytes(bytes), bytes.length)
    assert.deepStrictEqual(Schema.encodeSync(Version.VersionFromBytes)(version), bytes)
    assert.deepStrictEqual(Schema.decodeSync(Version.VersionFromBytes)(bytes), version)
  })

  it.effect.prop("never throws, whatever bytes come, and reads only what it writes so", [Schema.Uint8Array], ([
    bytes
  ]) =>
    Effect.gen(function*() {
      const version = Version.decode(bytes)
      const exit = yield* Effect.exit(Schema.decodeEffect(Version.VersionFromBytes)(bytes))

      if (version !== undefined) assert.deepStrictEqual(Version.encode(version), bytes)
      assert.strictEqual(Exit.isSuccess(exit), version !== undefined)
      assert.isFalse(Exit.hasDies(exit))
    }), { arbitrary: { runs: 300 } })

  it.prop("reads no version from a part of one, nor from one with more behind it", [AnyVersion], ([version]) => {
    const bytes = Version.encode(version)
    for (let length = 0; length < bytes.length; length++) {
      assert.isUndefined(Version.decode(bytes.subarray(0, length)))
    }
    assert.isUndefined(Version.decode(Uint8Array.of(...bytes, 0)))
  })
})
