/** The methods of browsers beside those of Node: each reads the other, and both refuse the same. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as zlib from "node:zlib"
import * as BrowserCompression from "../../src/Layers/BrowserCompression.ts"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as Bz2 from "../../src/Protocol/Compression/Bz2.ts"
import { Compression, type DecompressionFault } from "../../src/Protocol/Compression/Compression.ts"
import * as Lzma from "../../src/Protocol/Compression/Lzma.ts"
import { unpack } from "../../src/Protocol/v04/Unpack.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import { toBytes, vectors } from "../fixtures/Vectors.ts"

const Bytes = Arbitrary.schema(Schema.Uint8Array)
const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 }))
const Level = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
const Place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Mask = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 }))
const maxBytes = 1 << 20

const strategies = [
  zlib.constants.Z_DEFAULT_STRATEGY,
  zlib.constants.Z_FILTERED,
  zlib.constants.Z_HUFFMAN_ONLY,
  zlib.constants.Z_RLE,
  zlib.constants.Z_FIXED
]

/** A fault stands for itself. */
const hex = (result: Uint8Array | DecompressionFault): string =>
  typeof result === "string" ? result : Buffer.from(result).toString("hex")

/** Rows of it, each a little different, so that there are matches of all kinds. */
const rows = (bytes: Uint8Array, count: number): Uint8Array =>
  new Uint8Array(Buffer.concat(Array.from({ length: count }, (_, row) => bytes.map((byte) => byte ^ (row >> 3)))))

describe.each([
  { name: "zlib", browser: BrowserCompression.zlibMethod, node: NodeCompression.zlibMethod },
  { name: "gzip", browser: BrowserCompression.gzipMethod, node: NodeCompression.gzipMethod }
])("$name", ({ browser, name, node }) => {
  it.prop("of browsers and of Node read each other", [Bytes, Count], ([bytes, count]) => {
    const plain = rows(bytes, count)

    assert.strictEqual(hex(node.decompress(browser.compress(plain), maxBytes)), hex(plain))
    assert.strictEqual(hex(browser.decompress(node.compress(plain), maxBytes)), hex(plain))
  }, { arbitrary: { runs: 200 } })

  it.prop("of browsers reads whatever zlib can be told to write", [Bytes, Count, Level], ([bytes, count, level]) => {
    const plain = rows(bytes, count)
    for (const strategy of strategies) {
      const write = name === "zlib" ? zlib.deflateSync : zlib.gzipSync
      const packed = write(plain, { level, strategy, memLevel: 1 + level % 9 })
      assert.strictEqual(hex(browser.decompress(packed, plain.length)), hex(plain))
      if (plain.length > 0) assert.strictEqual(browser.decompress(packed, plain.length - 1), "tooLarge")
    }
  }, { arbitrary: { runs: 100 } })

  it.prop("of browsers takes and refuses the same changed bodies as of Node", [Bytes, Count, Place, Mask], ([
    bytes,
    count,
    place,
    mask
  ]) => {
    const packed = node.compress(rows(bytes, count)).slice()
    packed[place % packed.length]! ^= mask

    assert.strictEqual(hex(browser.decompress(packed, maxBytes)), hex(node.decompress(packed, maxBytes)))
  }, { arbitrary: { runs: 2000 } })

  it.prop("of browsers takes and refuses the same of any bytes as of Node", [Bytes], ([bytes]) => {
    const header = node.compress(new Uint8Array(0)).subarray(0, name === "zlib" ? 2 : 10)
    // The first bits of a block choose its kind, which any bytes seldom do well.
    for (let first = 0; first < 8; first++) {
      const packed = Buffer.concat([header, Uint8Array.of(first | (bytes[0] ?? 0) << 3), bytes])
      assert.strictEqual(hex(browser.decompress(packed, maxBytes)), hex(node.decompress(packed, maxBytes)))
    }
  }, { arbitrary: { runs: 1000 } })

  it("of browsers writes the same for the same, at any time", () => {
    const plain = rows(Uint8Array.of(1, 2, 3), 100)

    assert.strictEqual(hex(browser.compress(plain)), hex(browser.compress(plain)))
    if (name === "gzip") assert.strictEqual(hex(browser.compress(plain).subarray(4, 8)), "00000000")
  })

  it("of browsers refuses Huffman codes that are impossible, at once", () => {
    // 62 bytes whose lengths ask for 285 words of one bit; some readers fill a table for each of them.
    const header = node.compress(new Uint8Array(0)).subarray(0, name === "zlib" ? 2 : 10)
    const packed = Buffer.concat([header, hostileBlock()])

    assert.strictEqual(browser.decompress(packed, maxBytes), "malformed")
    assert.strictEqual(node.decompress(packed, maxBytes), "malformed")
  })
})

/** One block with codes of its own, in which each literal has a word of one bit, and one has fifteen. */
const hostileBlock = (): Uint8Array => {
  const bits: Array<number> = []
  const number = (value: number, count: number) => {
    for (let i = 0; i < count; i++) bits.push((value >> i) & 1)
  }
  number(1, 1)
  number(2, 2)
  number(29, 5)
  number(29, 5)
  number(15, 4)
  for (const symbol of [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]) {
    number(symbol === 1 ? 1 : symbol === 15 || symbol === 16 ? 2 : 0, 3)
  }
  for (const count of [285, 29]) {
    number(0, 1)
    // "The last length six times more", as often as it fits, and one length of 15.
    for (let i = 0; i < Math.floor((count - 1) / 6); i++) number(0b1111, 4)
    for (let i = 0; i < (count - 1) % 6; i++) number(0, 1)
    number(0b01, 2)
  }
  number(0, 200)
  return Uint8Array.from(
    { length: Math.ceil(bits.length / 8) },
    (_, byte) => bits.slice(8 * byte, 8 * byte + 8).reduce((value, bit, place) => value | (bit << place), 0)
  )
}

const everything = Compression.layerMerge(BrowserCompression.layer, Bz2.layer, Lzma.layer)

/** Every module that a module of ours rests on, by name, with the packages. */
const importsOf = (entry: string): ReadonlySet<string> => {
  const found = new Set<string>()
  const follow = (file: string) => {
    if (found.has(file)) return
    found.add(file)
    const code = readFileSync(file, "utf8")
    for (const [, name] of code.matchAll(/^(?:import|export)(?! type)[^"]*? from "([^"]+)"/gm)) {
      if (name!.startsWith(".")) follow(join(dirname(file), name!))
      else found.add(name!)
    }
  }
  follow(join(import.meta.dirname, "../../src/Layers", entry))
  return found
}

describe("what browsers run", () => {
  it.each(["BrowserCompression.ts", "BrowserHashing.ts"])("in %s, imports nothing of Node", (entry) => {
    const names = [...importsOf(entry)]

    assert.isAbove(names.length, 4)
    assert.deepStrictEqual(names.filter((name) => /^node:|platform-node|\/Node[A-Z]/.test(name)), [])
  })
})

describe("BrowserCompression", () => {
  it.effect("offers what Node does, in its order", () =>
    Effect.gen(function*() {
      const names = (layer: typeof BrowserCompression.layer) =>
        Effect.map(Compression, ({ methods }) => methods.map(({ name }) => name)).pipe(Effect.provide(layer))

      assert.deepStrictEqual(yield* names(BrowserCompression.layer), yield* names(NodeCompression.layer))
      assert.deepStrictEqual(yield* names(BrowserCompression.layer), ["zlib", "gzip", "snappy", "lz-string"])
    }))

  it.effect("reads every compressed frame that was recorded", () =>
    Effect.gen(function*() {
      const { methods } = yield* Compression
      for (const vector of vectors.compressed) {
        const original = vectors.messages.find(({ name }) => name === vector.message)!

        const plain = unpack(toBytes(vector.frame).subarray(4), methods, 1 << 22)

        const found = isWireFault(plain) ? plain.reason : hex(plain)
        assert.isTrue(found === hex(toBytes(original.serialized).subarray(4)), `${vector.message} by ${vector.made_by}`)
      }
    }).pipe(Effect.provide(everything)))

  it.effect("refuses the broken frames that Node refuses", () =>
    Effect.gen(function*() {
      const { methods } = yield* Compression
      const node = [NodeCompression.zlibMethod, NodeCompression.gzipMethod]
      const read = (body: Uint8Array, all: ReadonlyArray<(typeof methods)[number]>, names: ReadonlyArray<string>) => {
        const plain = unpack(body, all.filter(({ name }) => names.includes(name)), 1 << 22)
        return isWireFault(plain) ? plain.reason : hex(plain)
      }
      for (const { compressions, frame, name } of vectors.frames) {
        if (compressions.includes("bz2") || compressions.includes("lzma")) continue
        const body = toBytes(frame).subarray(4)
        assert.strictEqual(read(body, methods, compressions), read(body, node, compressions), name)
      }
    }).pipe(Effect.provide(everything)))
})
