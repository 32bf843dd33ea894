import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Base58 from "../../src/Protocol/Base58.ts"
import { toBytes, vectors } from "../fixtures/Vectors.ts"

const Bytes = Arbitrary.schema(Schema.Uint8Array)
const Natural = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 1n << 700n }))
const Digest = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
    maxLength: 64
  }),
  (bytes) => Uint8Array.from(bytes)
)

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Slow, but plainly the definition. */
const reference = (bytes: Uint8Array): string => {
  let rest = bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n)
  let text = ""
  do {
    text = Base58.alphabet[Number(rest % 58n)]! + text
    rest /= 58n
  } while (rest > 0n)
  return text
}

describe("Base58", () => {
  it.each(vectors.base58.integers)("writes and reads $integer as $text", ({ integer, text }) => {
    assert.strictEqual(Base58.fromInteger(BigInt(integer)), text)
    assert.strictEqual(Base58.toInteger(text), BigInt(integer))
  })

  it.each(vectors.base58.bytes)("writes the bytes $bytes as $text", ({ bytes, text }) => {
    assert.strictEqual(Base58.fromBytes(toBytes(bytes)), text)
    assert.strictEqual(Base58.toInteger(text), Base58.toBigInt(toBytes(bytes)))
  })

  it.each(vectors.base58.decoding)("reads $text as $integer", ({ integer, text }) => {
    assert.strictEqual(Base58.toInteger(text), integer === null ? undefined : BigInt(integer))
  })

  it.prop("writes bytes of any length as the definition says", [Bytes], ([bytes]) => {
    assert.strictEqual(Base58.fromBytes(bytes), reference(bytes))
  })

  it.prop("writes digests of up to 64 bytes as the definition says", [Digest], ([digest]) => {
    const out = new Uint8Array(100)
    const length = Base58.writeBytes(digest, out, 3)

    assert.strictEqual(new TextDecoder().decode(out.subarray(3, 3 + length)), reference(digest))
    assert.isAtMost(length, 88)
  }, { arbitrary: { runs: 500 } })

  it.each([0, 1, 2, 20, 28, 32, 48, 63, 64])("is exact for %i bytes of ff, of 0 and of a single bit", (byteCount) => {
    const ones = new Uint8Array(byteCount).fill(0xff)
    const highest = new Uint8Array(byteCount).fill(0x80, 0, 1)

    assert.strictEqual(Base58.fromBytes(ones), reference(ones))
    assert.strictEqual(Base58.fromBytes(highest), reference(highest))
    assert.strictEqual(Base58.fromBytes(new Uint8Array(byteCount)), "1")
  })

  it.prop("reads back every integer that it writes", [Natural], ([integer]) => {
    const text = Base58.fromInteger(integer)

    assert.strictEqual(Base58.toInteger(text), integer)
    assert.strictEqual(Base58.toInteger(`111${text}`), integer)
  })

  it.prop("writes an integer the same way by all functions", [
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
  ], ([integer]) => {
    const out = new Uint8Array(12)
    const length = Base58.writeInteger(integer, out, 1)

    assert.strictEqual(new TextDecoder().decode(out.subarray(1, 1 + length)), Base58.fromInteger(integer))
    assert.strictEqual(Base58.fromInteger(integer), Base58.fromInteger(BigInt(integer)))
  })

  it.each([["", "1"], ["1", "1"], ["111", "1"], ["1121", "21"], ["21", "21"]])(
    "shortens %o to %o",
    (text, shortest) => {
      assert.deepStrictEqual([...Base58.shortest(ascii(text))], [...ascii(shortest)])
    }
  )

  it.each([-1, -1n, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "throws for %s, which is no integer from 0 on",
    (value) => {
      assert.throws(() => Base58.fromInteger(value), RangeError)
    }
  )

  it("throws for a digest of more than 64 bytes", () => {
    assert.throws(() => Base58.writeBytes(new Uint8Array(65), new Uint8Array(100), 0), RangeError)
  })
})
