import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Schema } from "effect"
import lzStringPackage from "lz-string"
import * as zlib from "node:zlib"
import * as BrowserCompression from "../../src/Layers/BrowserCompression.ts"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import {
  type CompressingMethod,
  Compression,
  type CompressionMethod,
  type DecompressionFault,
  negotiate
} from "../../src/Protocol/Compression/Compression.ts"
import { lzString } from "../../src/Protocol/Compression/LzString.ts"
import { snappy } from "../../src/Protocol/Compression/Snappy.ts"
import { unpack } from "../../src/Protocol/v04/Unpack.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import { toBytes, vectors } from "../fixtures/Vectors.ts"

const Bytes = Arbitrary.schema(Schema.Uint8Array)
const Repetitive = Arbitrary.map(
  Arbitrary.all([Bytes, Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 })))]),
  ([bytes, count]) => new Uint8Array(Buffer.concat(Array.from({ length: count }, () => bytes)))
)
const Place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Mask = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 }))

const { gzipMethod, zlibMethod } = NodeCompression
const methods: ReadonlyArray<CompressingMethod> = [zlibMethod, gzipMethod, snappy, lzString]
const implementations: ReadonlyArray<{ readonly name: string; readonly method: CompressingMethod }> = [
  { name: "zlib of Node", method: zlibMethod },
  { name: "zlib of browsers", method: BrowserCompression.zlibMethod },
  { name: "gzip of Node", method: gzipMethod },
  { name: "gzip of browsers", method: BrowserCompression.gzipMethod },
  { name: "snappy", method: snappy },
  { name: "lz-string", method: lzString }
]
const maxBytes = 1 << 20

const samples: ReadonlyArray<readonly [string, Uint8Array]> = [
  ["nothing", new Uint8Array(0)],
  ["one byte", Uint8Array.of(0)],
  ["all bytes", Uint8Array.from({ length: 256 }, (_, index) => index)],
  ["64 KiB of one byte", new Uint8Array(65536).fill(0x61)],
  ["64 KiB of all bytes", Uint8Array.from({ length: 65536 }, (_, index) => index)],
  ["noise", Uint8Array.from({ length: 20_000 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 19)],
  ["names that objects have", Buffer.from("__proto__constructor__proto__hasOwnProperty".repeat(200))]
]

/** A fault stands for itself. */
const hex = (result: Uint8Array | DecompressionFault): string =>
  typeof result === "string" ? result : Buffer.from(result).toString("hex")

/** What `lz-string` by itself makes of zeros, of which our method packs no more than 64 KiB. */
const packedByThePackage = (zeros: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from("LZS1"), lzStringPackage.compressToUint8Array("\0".repeat(zeros.length))])

describe.each(implementations)("the method $name", ({ method }) => {
  it.each(samples)("reads back %s", (_, bytes) => {
    const packed = method.compress(bytes)

    assert.strictEqual(hex(method.decompress(packed, maxBytes)), hex(bytes))
    assert.isTrue(method.recognizes(packed))
  })

  it.prop("reads back any bytes, and those repeated", [Bytes, Repetitive], ([bytes, repetitive]) => {
    assert.strictEqual(hex(method.decompress(method.compress(bytes), maxBytes)), hex(bytes))
    assert.strictEqual(hex(method.decompress(method.compress(repetitive), maxBytes)), hex(repetitive))
  }, { arbitrary: { runs: 200 } })

  it.prop("gives up exactly where the output exceeds the limit", [Repetitive], ([bytes]) => {
    const packed = method.compress(bytes)

    assert.strictEqual(hex(method.decompress(packed, bytes.length)), hex(bytes))
    if (bytes.length > 0) assert.strictEqual(method.decompress(packed, bytes.length - 1), "tooLarge")
  })

  it.each([Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])("takes %d as a limit", (limit) => {
    assert.strictEqual(hex(method.decompress(method.compress(Uint8Array.of(1, 2, 3)), limit)), "010203")
  })

  it("refuses a small body that would make a megabyte, at a cap below it", () => {
    const megabyte = new Uint8Array(1 << 20)
    const bomb = method === lzString ? packedByThePackage(megabyte) : method.compress(megabyte)
    const before = process.memoryUsage().arrayBuffers

    assert.isBelow(bomb.length, 50_000)
    assert.strictEqual(method.decompress(bomb, 64 * 1024), "tooLarge")
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 512 * 1024)
  })

  it.prop("refuses every body that was cut short", [Repetitive], ([bytes]) => {
    const packed = method.compress(bytes.subarray(0, 300))
    // lz-string fills its last two bytes with zeros: what ends within those is whole.
    const padding = method === lzString ? 2 : 0
    for (let length = 0; length < packed.length - padding; length++) {
      assert.strictEqual(method.decompress(packed.subarray(0, length), maxBytes), "malformed")
    }
  }, { arbitrary: { runs: 30 } })

  it.prop("never throws for a changed byte", [Repetitive, Place, Mask], ([bytes, place, mask]) => {
    const packed = method.compress(bytes).slice()
    packed[place % packed.length]! ^= mask

    const result = method.decompress(packed, maxBytes)

    assert.isTrue(typeof result === "string" || result.length <= maxBytes)
  }, { arbitrary: { runs: 300 } })

  it.prop("never throws for any bytes, with or without the right beginning", [Bytes], ([bytes]) => {
    const packed = method.compress(Uint8Array.of(1, 2, 3))
    for (const start of [0, 2, 4, 10]) {
      const result = method.decompress(Buffer.concat([packed.subarray(0, start), bytes]), 1000)
      assert.isTrue(result === "malformed" || result === "tooLarge" || result.length <= 1000)
    }
  }, { arbitrary: { runs: 300 } })

  it(`${method === snappy ? "refuses" : "ignores"} bytes after the end`, () => {
    const packed = Buffer.concat([method.compress(Uint8Array.of(1, 2, 3)), Buffer.from("more")])

    // A block of snappy ends where the body does, and nowhere else.
    assert.strictEqual(hex(method.decompress(packed, maxBytes)), method === snappy ? "malformed" : "010203")
  })

  it("gives plain arrays, no Buffers, in memory of their own size", () => {
    const packed = method.compress(Uint8Array.of(1, 2, 3))
    const plain = method.decompress(packed, maxBytes)

    assert.isFalse(Buffer.isBuffer(packed))
    assert.isFalse(Buffer.isBuffer(plain))
    assert.isTrue(typeof plain !== "string" && plain.buffer.byteLength < 1024)
  })

  it("recognizes no plain body", () => {
    for (const message of vectors.messages) {
      assert.isFalse(method.recognizes(toBytes(message.serialized).subarray(4)))
    }
  })
})

describe.each([
  { where: "Node", ...NodeCompression },
  { where: "browsers", ...BrowserCompression }
])("zlib and gzip of $where", ({ gzipMethod, zlibMethod }) => {
  it("read each other, as the original Python node does", () => {
    const bytes = Uint8Array.of(1, 2, 3)

    assert.strictEqual(hex(zlibMethod.decompress(gzipMethod.compress(bytes), maxBytes)), "010203")
    assert.strictEqual(hex(gzipMethod.decompress(zlibMethod.compress(bytes), maxBytes)), "010203")
  })

  it.each([1, 9])("write what Node's own functions read, and read level %i", (level) => {
    const bytes = Buffer.from("some text that repeats, some text that repeats")

    assert.deepStrictEqual(zlib.inflateSync(zlibMethod.compress(bytes)), bytes)
    assert.deepStrictEqual(zlib.gunzipSync(gzipMethod.compress(bytes)), bytes)
    assert.strictEqual(hex(zlibMethod.decompress(zlib.deflateSync(bytes, { level }), maxBytes)), hex(bytes))
  })

  it.each([9, 10, 12, 15])("read a window of 2^%i bytes, whose header differs", (windowBits) => {
    const packed = zlib.deflateSync(Buffer.from("text"), { windowBits })

    assert.strictEqual(packed[0]! >> 4, windowBits - 8)
    assert.isTrue(zlibMethod.recognizes(packed))
    assert.strictEqual(hex(zlibMethod.decompress(packed, maxBytes)), hex(Buffer.from("text")))
  })

  it("read the first of two gzip members only", () => {
    const members = Buffer.concat([zlib.gzipSync("first"), zlib.gzipSync("second")])

    assert.strictEqual(hex(gzipMethod.decompress(members, maxBytes)), hex(Buffer.from("first")))
  })

  it.each<[string, number, ReadonlyArray<number>]>([
    ["an extra field", 0x04, [3, 0, 1, 2, 3]],
    ["a name", 0x08, [0x61, 0x62, 0]],
    ["a comment", 0x10, [0x63, 0]],
    ["a check sum of the header", 0x02, [1, 2]],
    ["all of these", 0x1e, [1, 0, 9, 0x61, 0, 0x63, 0, 1, 2]]
  ])("read a gzip header with %s", (_, flags, fields) => {
    const packed = zlib.gzipSync("text")
    packed[3] = flags
    const whole = Buffer.concat([packed.subarray(0, 10), Uint8Array.from(fields), packed.subarray(10)])

    assert.strictEqual(hex(gzipMethod.decompress(whole, maxBytes)), hex(Buffer.from("text")))
    for (let length = 0; length < whole.length; length++) {
      assert.strictEqual(gzipMethod.decompress(whole.subarray(0, length), maxBytes), "malformed")
    }
  })

  it("refuse a zlib header that asks for a dictionary", () => {
    const dictionary = Buffer.from("some text")

    const packed = zlib.deflateSync(Buffer.from("some text"), { dictionary })

    assert.strictEqual(zlibMethod.decompress(packed, maxBytes), "malformed")
  })

  it("refuse a wrong check sum", () => {
    for (const method of [zlibMethod, gzipMethod]) {
      const packed = method.compress(Buffer.from("text")).slice()
      packed[packed.length - 5]! ^= 1
      packed[packed.length - 1]! ^= 1
      assert.strictEqual(method.decompress(packed, maxBytes), "malformed")
    }
  })

  it("refuse a gzip header with flags that nobody has defined", () => {
    const packed = zlib.gzipSync("text")
    packed[3] = 0x20

    assert.strictEqual(gzipMethod.decompress(packed, maxBytes), "malformed")
  })
})

describe("lz-string", () => {
  it("packs up to 64 KiB, and leaves more as it is, whose writing would take seconds", () => {
    const most = new Uint8Array(65_536)
    const more = new Uint8Array(2 << 20)

    assert.isBelow(lzString.compress(most).length, 1000)
    assert.strictEqual(lzString.compress(more), more)
  })

  const characters = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

  it.each(samples)("writes %s as the package does, after its own four bytes", (_, bytes) => {
    const packed = lzString.compress(bytes)

    assert.strictEqual(hex(packed.subarray(0, 4)), hex(Buffer.from("LZS1")))
    assert.strictEqual(hex(packed.subarray(4)), hex(lzStringPackage.compressToUint8Array(characters(bytes))))
    assert.strictEqual(lzStringPackage.decompressFromUint8Array(packed.slice(4)), characters(bytes))
  })

  it.prop("reads any stream as the package does, or refuses it", [Bytes], ([bytes]) => {
    const even = bytes.subarray(0, bytes.length - bytes.length % 2)

    const result = lzString.decompress(Buffer.concat([Buffer.from("LZS1"), even]), maxBytes)

    if (typeof result === "string") return
    assert.strictEqual(characters(result), lzStringPackage.decompressFromUint8Array(even.slice()))
  }, { arbitrary: { runs: 2000 } })

  it.each(["Ā", "aĀ", "aaaĀ", "漢字"])("refuses %s, whose characters are no bytes", (text) => {
    const packed = Buffer.concat([Buffer.from("LZS1"), lzStringPackage.compressToUint8Array(text)])

    assert.strictEqual(lzString.decompress(packed, maxBytes), "malformed")
  })

  it("refuses a body without its own four bytes", () => {
    assert.strictEqual(lzString.decompress(lzStringPackage.compressToUint8Array("text"), maxBytes), "malformed")
  })
})

describe("snappy", () => {
  const read = (...bytes: ReadonlyArray<number>) => hex(snappy.decompress(Uint8Array.from(bytes), maxBytes))

  it.each<[string, ReadonlyArray<number>, string]>([
    ["a literal", [3, 0x08, 1, 2, 3], "010203"],
    ["a literal whose length takes a byte", [3, 0xf0, 2, 1, 2, 3], "010203"],
    ["a literal whose length takes two", [3, 0xf4, 2, 0, 1, 2, 3], "010203"],
    ["a copy of one byte", [6, 0x00, 7, 0x05, 1], "070707070707"],
    ["a copy of two bytes", [3, 0x00, 7, 0x06, 1, 0], "070707"],
    ["a copy of four bytes", [3, 0x00, 7, 0x07, 1, 0, 0, 0], "070707"]
  ])("reads %s, as the format describes it", (_, bytes, plain) => {
    assert.strictEqual(read(...bytes), plain)
  })

  it.each<[string, ReadonlyArray<number>]>([
    ["nothing at all", []],
    ["a length without end", [0x80, 0x80, 0x80, 0x80, 0x80, 0]],
    ["less than it announces", [4, 0x08, 1, 2, 3]],
    ["more than it announces", [2, 0x08, 1, 2, 3]],
    ["a literal that is cut off", [3, 0x08, 1, 2]],
    ["a literal of negative length", [3, 0xfc, 0xf0, 0xff, 0xff, 0xff, 1, 2, 3]],
    ["a copy from before the beginning", [5, 0x00, 7, 0x01, 2]],
    ["a copy from nowhere", [5, 0x00, 7, 0x01, 0]],
    ["a copy that is cut off", [3, 0x00, 7, 0x06, 1]]
  ])("refuses a block with %s", (_, bytes) => {
    assert.strictEqual(read(...bytes), "malformed")
    assert.isFalse(snappy.recognizes(Uint8Array.from(bytes)))
  })

  it.each<[string, ReadonlyArray<number>]>([
    ["a long literal of a single byte", [1, 0xf0, 0, 0x41]],
    ["a long literal of two bytes", [2, 0xf0, 1, 0x41, 0x42]]
  ])("refuses %s, which the package throws at", (_, bytes) => {
    assert.strictEqual(read(...bytes), "malformed")
  })
})

describe("unpack", () => {
  it("returns a plain body as it is, whatever was agreed", () => {
    const body = toBytes(vectors.messages[0]!.serialized).subarray(4)

    assert.strictEqual(unpack(body, methods, maxBytes), body)
    assert.strictEqual(unpack(body, [], maxBytes), body)
  })

  it.each(methods)("finds $name among all", (method) => {
    const body = toBytes(vectors.messages[0]!.serialized).subarray(4)

    const plain = unpack(method.compress(body), methods, maxBytes)

    assert.strictEqual(isWireFault(plain) ? plain.reason : hex(plain), hex(body))
  })

  it("leaves a compressed body alone when its method was not agreed", () => {
    const packed = lzString.compress(Uint8Array.of(1))

    assert.strictEqual(unpack(packed, [zlibMethod, gzipMethod], maxBytes), packed)
  })

  it("says which method failed, and which limit was passed", () => {
    const packed = zlibMethod.compress(new Uint8Array(1000))

    assert.deepInclude(unpack(packed, methods, 999) as object, { reason: "DecompressedTooLarge", offset: 0 })
    assert.deepInclude(unpack(packed.subarray(0, 9), [zlibMethod], 999) as object, { reason: "MalformedCompression" })
  })
})

describe("negotiate", () => {
  it("takes the first of one's own order that the peer offers, else none", () => {
    assert.strictEqual(negotiate(methods, ["lz-string", "gzip", "zlib"]), zlibMethod)
    assert.strictEqual(negotiate(methods, ["bz2", "lz-string", "gzip"]), gzipMethod)
    assert.isUndefined(negotiate(methods, ["bz2", "lzma"]))
    assert.isUndefined(negotiate([], ["zlib"]))
  })

  it("passes over a method that is only read", () => {
    const readOnly: CompressionMethod = { ...zlibMethod, compress: undefined }

    assert.strictEqual(negotiate([readOnly, gzipMethod], ["zlib", "gzip"]), gzipMethod)
    assert.isUndefined(negotiate([readOnly], ["zlib"]))
  })
})

describe("Compression.make", () => {
  const identity = { compress: (bytes: Uint8Array) => bytes, decompress: (bytes: Uint8Array) => bytes }

  it("writes the magic in front and takes it off", () => {
    const method = Compression.make({ name: "same", magic: "SAME", ...identity })

    const packed = method.compress!(Uint8Array.of(1))

    assert.strictEqual(hex(packed), `${hex(Buffer.from("SAME"))}01`)
    assert.isTrue(method.recognizes(packed))
    assert.strictEqual(hex(method.decompress(packed, 1)), "01")
    assert.isFalse(method.recognizes(Buffer.from("SAM")))
    assert.strictEqual(method.decompress(Buffer.from("SAMS1"), 10), "malformed")
  })

  it("leaves the bytes alone where the format has a mark of its own", () => {
    const method = Compression.make({ name: "marked", recognizes: (bytes) => bytes[0] === 7, ...identity })

    assert.strictEqual(hex(method.decompress(Uint8Array.of(7, 1), 2)), "0701")
    assert.strictEqual(method.decompress(Uint8Array.of(1), 2), "malformed")
  })

  it("turns what a function throws, and what it gives beyond the limit, into faults", () => {
    const thrower = () => {
      throw new Error("no")
    }
    const throwing = Compression.make({ name: "throwing", recognizes: thrower, decompress: thrower })
    const broken = Compression.make({ name: "broken", magic: "B", decompress: thrower })
    const greedy = Compression.make({ name: "greedy", magic: "G", decompress: () => new Uint8Array(11) })

    assert.isFalse(throwing.recognizes(Uint8Array.of(1)))
    assert.strictEqual(throwing.decompress(Uint8Array.of(1), 10), "malformed")
    assert.strictEqual(broken.decompress(Buffer.from("B"), 10), "malformed")
    assert.strictEqual(greedy.decompress(Buffer.from("G"), 10), "tooLarge")
    assert.strictEqual(hex(greedy.decompress(Buffer.from("G"), 11)), "00".repeat(11))
  })

  it.each(["", "\0bad"])("refuses a magic that plain bodies could begin with", (magic) => {
    assert.throws(() => Compression.make({ name: "bad", magic, ...identity }), RangeError)
  })
})

describe("Compression.layerMerge", () => {
  const named = (name: string): CompressionMethod => ({ ...zlibMethod, name })

  it.effect("offers the methods of all layers in their order, each name once", () =>
    Effect.gen(function*() {
      const { methods } = yield* Compression

      assert.deepStrictEqual(methods.map(({ name }) => name), ["a", "zlib", "gzip", "snappy", "lz-string", "b"])
      assert.strictEqual(methods[1], zlibMethod)
    }).pipe(Effect.provide(Compression.layerMerge(
      Compression.layer([named("a")]),
      NodeCompression.layer,
      Compression.layer([named("b"), named("zlib")])
    ))))

  it.effect("fails as one of its layers does", () =>
    Effect.gen(function*() {
      const missing: Layer.Layer<Compression, "missing"> = Layer.effect(Compression, Effect.fail("missing" as const))

      const error = yield* Effect.flip(Layer.build(Compression.layerMerge(NodeCompression.layer, missing)))

      assert.strictEqual(error, "missing")
    }))
})
