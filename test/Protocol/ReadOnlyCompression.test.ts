/** bz2 and lzma, which are read and not written: over what Python and the original nodes wrote. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import * as Bz2 from "../../src/Protocol/Compression/Bz2.ts"
import { Compression, type DecompressionFault } from "../../src/Protocol/Compression/Compression.ts"
import * as Lzma from "../../src/Protocol/Compression/Lzma.ts"
import { type Bytes, toBytes, vectors } from "../fixtures/Vectors.ts"

interface Packed {
  readonly name: string
  readonly method: string
  readonly packed: string
  readonly plain: Bytes
}

const recorded = JSON.parse(
  readFileSync(new URL("../fixtures/compressed-by-python.json", import.meta.url), "utf8")
) as Readonly<Record<"read" | "refused", ReadonlyArray<Packed>>>

const maxBytes = 1 << 21
const AnyBytes = Arbitrary.schema(Schema.Uint8Array)
const Place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Mask = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 }))

/** A fault stands for itself. */
const hex = (result: Uint8Array | DecompressionFault): string =>
  typeof result === "string" ? result : Buffer.from(result).toString("hex")

const isBounded = (result: Uint8Array | DecompressionFault, limit: number): boolean =>
  result === "malformed" || result === "tooLarge" || result.length <= limit

describe.each([Bz2.bz2, Lzma.lzma])("the method $name", (method) => {
  const bodies = vectors.compressed.filter((vector) => vector.method === method.name).map((vector) => ({
    name: `${vector.message} by ${vector.made_by}`,
    packed: toBytes(vector.frame).subarray(4),
    plain: toBytes(vectors.messages.find(({ name }) => name === vector.message)!.serialized).subarray(4)
  }))
  const samples = recorded.read.filter((sample) => sample.method === method.name).map((sample) => ({
    name: sample.name,
    packed: toBytes(sample.packed),
    plain: toBytes(sample.plain)
  }))
  const all = [...bodies, ...samples]
  // Cut after the first of two streams, a body is a whole one.
  const single = all.filter(({ name }) => !name.includes("one after the other"))
  const small = single.filter(({ packed, plain }) => packed.length < 700 && plain.length < 2000)

  it("offers itself for reading alone", () => {
    assert.isUndefined(method.compress)
  })

  it.each(all)("reads '$name', up to the limit and no further", ({ packed, plain }) => {
    assert.isTrue(method.recognizes(packed))
    assert.strictEqual(hex(method.decompress(packed, plain.length)), hex(plain))
    if (plain.length > 0) assert.strictEqual(method.decompress(packed, plain.length - 1), "tooLarge")
  })

  it.each([Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])("takes %d as a limit", (limit) => {
    assert.strictEqual(hex(method.decompress(small[0]!.packed, limit)), hex(small[0]!.plain))
  })

  it("refuses every body that was cut short", () => {
    for (const { name, packed } of small) {
      for (let length = 0; length < packed.length; length++) {
        assert.strictEqual(method.decompress(packed.subarray(0, length), maxBytes), "malformed", `${name}, ${length}`)
      }
    }
  })

  it("gives no other bytes for any one changed bit, where there is a check sum", () => {
    // Sums of SHA-256 are not looked at, and the .lzma format has none.
    const unchecked = /old .lzma|as .lzma|SHA-256|without a check/
    for (const { name, packed, plain } of small.filter((body) => !unchecked.test(body.name)).slice(0, 6)) {
      for (let bit = 0; bit < packed.length * 8; bit++) {
        const changed = packed.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        const result = method.decompress(changed, maxBytes)
        assert.isTrue(typeof result === "string" || hex(result) === hex(plain), `${name}, bit ${bit}`)
      }
    }
  })

  it.prop("never throws for changed bytes, and stays within the limit", [Place, Place, Mask], ([body, place, mask]) => {
    const packed = small[body % small.length]!.packed.slice()
    packed[place % packed.length]! ^= mask
    packed[(place * 7 + 3) % packed.length]! ^= mask

    assert.isTrue(isBounded(method.decompress(packed, 1000), 1000))
  }, { arbitrary: { runs: 1000 } })

  it.prop("never throws for any bytes, with or without the right beginning", [AnyBytes, Place], ([bytes, place]) => {
    const { packed } = small[place % small.length]!
    for (const start of [0, 4, 10, 13, 24, 30, packed.length >> 1]) {
      assert.isTrue(isBounded(method.decompress(Buffer.concat([packed.subarray(0, start), bytes]), 1000), 1000))
    }
  }, { arbitrary: { runs: 500 } })

  it("refuses a small body that would make a megabyte, at a cap below it, without making it", () => {
    for (const { name, packed } of samples.filter((sample) => sample.name.startsWith("a megabyte"))) {
      const before = process.memoryUsage().arrayBuffers

      assert.isBelow(packed.length, 300)
      assert.strictEqual(method.decompress(packed, 64 * 1024), "tooLarge", name)
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 1024 * 1024, name)
    }
  })

  it("ignores bytes after the end, and reads a second stream", () => {
    const { packed, plain } = small.find((body) => body.plain.length > 100)!

    assert.strictEqual(hex(method.decompress(Buffer.concat([packed, Buffer.from("more")]), maxBytes)), hex(plain))
    assert.strictEqual(hex(method.decompress(Buffer.concat([packed, packed]), maxBytes)), hex(plain).repeat(2))
    assert.strictEqual(method.decompress(Buffer.concat([packed, packed]), 2 * plain.length - 1), "tooLarge")
  })

  it("refuses a long row of streams, which would cost much more than it weighs", () => {
    const { packed } = samples.find(({ plain }) => plain.length === 0)!
    const row = (count: number) => Buffer.concat(Array.from({ length: count }, () => packed))

    assert.strictEqual(hex(method.decompress(row(16), maxBytes)), "")
    assert.strictEqual(method.decompress(row(17), maxBytes), "malformed")
  })

  it("gives plain arrays in memory of their own size", () => {
    const { packed } = small.find(({ plain }) => plain.length > 0 && plain.length < 1000)!

    const plain = method.decompress(Buffer.from(packed), maxBytes)

    assert.isFalse(Buffer.isBuffer(plain))
    assert.isTrue(typeof plain !== "string" && plain.buffer.byteLength <= 2 * plain.length)
  })

  it("recognizes no plain body, and none of other methods", () => {
    for (const message of vectors.messages) {
      assert.isFalse(method.recognizes(toBytes(message.serialized).subarray(4)), message.name)
    }
    for (const vector of vectors.compressed) {
      const isOwn = vector.method === method.name
      assert.strictEqual(method.recognizes(toBytes(vector.frame).subarray(4)), isOwn, vector.made_by)
    }
  })
})

describe("lzma", () => {
  it.each(recorded.refused)("refuses '$name'", ({ packed }) => {
    assert.strictEqual(Lzma.lzma.decompress(toBytes(packed), maxBytes), "malformed")
  })
})

describe("the layers", () => {
  it.effect("are merged in one line", () =>
    Effect.gen(function*() {
      const { methods } = yield* Compression

      assert.deepStrictEqual(methods, [Bz2.bz2, Lzma.lzma])
    }).pipe(Effect.provide(Compression.layerMerge(Bz2.layer, Lzma.layer))))
})
