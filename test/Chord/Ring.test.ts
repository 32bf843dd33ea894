import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Ring from "../../src/Chord/Ring.ts"
import vectors from "../fixtures/protocol-0.4.json" with { type: "json" }

const Position = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 255n }))

/** Three positions on a ring of any width from 1 to 512 bits, close together or at its end now and then. */
const OnRing = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({
    bits: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 512 })),
    words: Schema.Array(Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: (1n << 512n) - 1n })))
      .check(Schema.isMinLength(3), Schema.isMaxLength(3)),
    kinds: Schema.Array(Schema.Literals(["any", "low", "high"])).check(Schema.isMinLength(3), Schema.isMaxLength(3))
  })),
  ({ bits, kinds, words }) => {
    const at = (index: number): bigint => {
      const word = words[index]!
      const kind = kinds[index]!
      return Ring.position(bits, kind === "any" ? word : kind === "low" ? word % 3n : -1n - word % 3n)
    }
    return { bits, a: at(0), b: at(1), c: at(2) }
  }
)

describe("Ring", () => {
  it("places the original nodes' ids and keys as they do", () => {
    for (const { hashes } of vectors.chord_keys) {
      for (const { integer, mod } of Object.values(hashes)) {
        for (const [bits, expected] of Object.entries(mod)) {
          assert.strictEqual(Ring.position(Number(bits), BigInt(integer)), BigInt(expected))
        }
      }
    }
  })

  it.prop("goes once round from a position to itself by way of any other", [Position, Position], ([a, b]) => {
    const round = Ring.distance(8, a, b) + Ring.distance(8, b, a)
    assert.strictEqual(round, a === b ? 0n : 256n)
  })

  it.prop("finds a third position on one side of two others alone", [Position, Position, Position], ([a, b, c]) => {
    if (new Set([a, b, c]).size < 3) return
    assert.notStrictEqual(Ring.isBetween(8, a, c, b), Ring.isBetween(8, b, c, a))
  })

  it("counts neither end as between, and all but one position when the ends are the same", () => {
    assert.isFalse(Ring.isBetween(8, 250n, 250n, 5n))
    assert.isFalse(Ring.isBetween(8, 250n, 5n, 5n))
    assert.isTrue(Ring.isBetween(8, 250n, 0n, 5n))
    assert.isTrue(Ring.isBetween(8, 7n, 6n, 7n))
    assert.isFalse(Ring.isBetween(8, 7n, 7n, 7n))
  })

  it("points fingers at powers of two, round the end of the ring", () => {
    const starts = Array.from({ length: 8 }, (_, index) => Ring.fingerStart(8, 200n, index))
    assert.deepStrictEqual(starts, [201n, 202n, 204n, 208n, 216n, 232n, 8n, 72n])
    assert.strictEqual(Ring.fingerStart(512, 0n, 511), 1n << 511n)
  })

  it.prop("measures distances that add up, at any width", [OnRing], ([{ bits, a, b, c }]) => {
    const size = Ring.size(bits)
    const [ab, bc, ac] = [Ring.distance(bits, a, b), Ring.distance(bits, b, c), Ring.distance(bits, a, c)]
    assert.isTrue(ab >= 0n && ab < size)
    assert.strictEqual((ab + bc) % size, ac)
    assert.strictEqual(Ring.position(bits, a + ab), b)
    assert.strictEqual(ab === 0n, a === b)
  })

  it.prop("takes any number, also a negative one, to its position", [OnRing], ([{ bits, a, b }]) => {
    const size = Ring.size(bits)
    for (const turns of [-2n, -1n, 0n, 1n, 3n]) assert.strictEqual(Ring.position(bits, a + turns * size), a)
    assert.strictEqual(Ring.position(bits, -b - 1n), size - 1n - b)
  })

  it.prop("knows what is between by comparing alone as it does by measuring", [OnRing], ([{ bits, a, b, c }]) => {
    const ends = Ring.distance(bits, a, c)
    const isWithin = b !== a && (ends === 0n || Ring.distance(bits, a, b) < ends)
    assert.strictEqual(Ring.isClockwise(a, b, c), isWithin)
    assert.strictEqual(Ring.isBetween(bits, a, b, c), isWithin)
  })

  it.prop("is the same from wherever it is looked at", [OnRing], ([{ bits, a, b, c }]) => {
    const turn = (position: bigint) => Ring.position(bits, position + c)
    assert.strictEqual(Ring.distance(bits, turn(a), turn(b)), Ring.distance(bits, a, b))
    assert.strictEqual(Ring.isClockwise(turn(a), turn(b), turn(c)), Ring.isClockwise(a, b, c))
  })

  it.prop("goes round by steps of one, and points fingers at half the ring at most", [OnRing], ([{ bits, a }]) => {
    const size = Ring.size(bits)
    assert.strictEqual(Ring.distance(bits, a, Ring.next(bits, a)), 1n % size)
    assert.strictEqual(Ring.distance(bits, a, Ring.fingerStart(bits, a, bits - 1)), size / 2n)
    for (const index of [0, bits >> 1]) {
      assert.strictEqual(Ring.distance(bits, a, Ring.fingerStart(bits, a, index)), 1n << BigInt(index))
    }
  })

  it("refuses widths that no digest has", () => {
    for (const bits of [0, -1, 513, 1.5, Number.NaN]) assert.throws(() => Ring.size(bits), RangeError)
  })
})
