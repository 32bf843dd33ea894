import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Ring from "../../src/Chord/Ring.ts"
import vectors from "../fixtures/protocol-0.4.json" with { type: "json" }

const Position = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 255n }))

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

  it("refuses widths that no digest has", () => {
    for (const bits of [0, -1, 513, 1.5, Number.NaN]) assert.throws(() => Ring.size(bits), RangeError)
  })
})
