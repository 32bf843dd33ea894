import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { readPosition, writePosition } from "../../src/Chord/internal/ChordCodec.ts"

/** Numbers of any length up to 512 bits, those with zeros within as well. */
const Position = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({
    word: Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: (1n << 512n) - 1n })),
    droppedBits: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 512 })),
    zeroBits: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 512 }))
  })),
  ({ droppedBits, word, zeroBits }) => (word >> BigInt(droppedBits)) >> BigInt(zeroBits) << BigInt(zeroBits)
)

const hexOf = (position: bigint): string => {
  const hex = position === 0n ? "" : position.toString(16)
  return hex.length % 2 === 0 ? hex : `0${hex}`
}

describe("a position", () => {
  it.prop("is its bytes, big-endian, without leading zeros", [Position], ([position]) => {
    assert.strictEqual(Buffer.from(writePosition(position)).toString("hex"), hexOf(position))
  })

  it.prop("is read as it was written, leading zeros or not", [Position], ([position]) => {
    const bytes = writePosition(position)

    assert.strictEqual(readPosition(512, bytes), position)
    assert.strictEqual(readPosition(512, Uint8Array.of(...new Uint8Array(64 - bytes.length), ...bytes)), position)
  })

  it("lies on its ring, and has 64 bytes at most", () => {
    assert.strictEqual(readPosition(9, Uint8Array.of(0, 1, 255)), 511n)
    assert.isUndefined(readPosition(9, Uint8Array.of(2, 0)))
    assert.isUndefined(readPosition(512, new Uint8Array(65)))
    assert.isUndefined(readPosition(512, undefined))
  })
})
