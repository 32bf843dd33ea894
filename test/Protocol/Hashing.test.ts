import { assert, describe, it, layer } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { spawnSync } from "node:child_process"
import * as crypto from "node:crypto"
import * as BrowserHashing from "../../src/Layers/BrowserHashing.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as Base58 from "../../src/Protocol/Base58.ts"
import { digestBytes, type HashAlgorithm, Hashing } from "../../src/Protocol/Hashing.ts"
import * as Ids from "../../src/Protocol/internal/Ids.ts"

const algorithms = Object.keys(digestBytes) as Array<HashAlgorithm>
const Bytes = Arbitrary.schema(Schema.Uint8Array)

const ascii = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe.each([
  { name: "NodeHashing", hashingLayer: NodeHashing.layer },
  { name: "BrowserHashing", hashingLayer: BrowserHashing.layer },
  { name: "Hashing.layerFast", hashingLayer: Hashing.layerFast }
])("$name", ({ hashingLayer }) => {
  layer(hashingLayer)((it) => {
    it.effect.each(algorithms)("gives digests of the length that %s has", (algorithm) =>
      Effect.gen(function*() {
        const hashing = yield* Hashing

        assert.strictEqual(hashing.digest(algorithm, new Uint8Array(0)).length, digestBytes[algorithm])
      }))

    it.effect.prop(
      "gives the digest of both parts as of one",
      [Bytes, Bytes],
      ([first, second]) =>
        Effect.gen(function*() {
          const hashing = yield* Hashing
          const joined = new Uint8Array([...first, ...second])
          for (const algorithm of algorithms) {
            assert.strictEqual(hex(hashing.digest(algorithm, first, second)), hex(hashing.digest(algorithm, joined)))
          }
        })
    )

    it.effect("takes the same bytes as both parts", () =>
      Effect.gen(function*() {
        const hashing = yield* Hashing
        const bytes = Uint8Array.of(1, 2, 3)
        for (const algorithm of algorithms) {
          const expected = hex(hashing.digest(algorithm, Uint8Array.of(1, 2, 3, 1, 2, 3)))
          assert.strictEqual(hex(hashing.digest(algorithm, bytes, bytes)), expected)
        }
      }))

    it.effect("gives a digest that later calls leave alone", () =>
      Effect.gen(function*() {
        const hashing = yield* Hashing
        const digest = hashing.digest("sha384", Uint8Array.of(1))
        const before = hex(digest)

        hashing.digest("sha384", Uint8Array.of(2), Uint8Array.of(3))

        assert.strictEqual(hex(digest), before)
        assert.isFalse(Buffer.isBuffer(digest))
      }))

    it.effect.prop(
      "gives the text of a message's id as base 58 writes it",
      [Bytes, Bytes],
      ([first, second]) =>
        Effect.gen(function*() {
          const hashing = yield* Hashing
          const idText = Ids.idText(hashing)
          const expected = Base58.fromBytes(hashing.digest("sha384", first, second))

          assert.strictEqual(ascii(idText(first, second)), expected)
          assert.strictEqual(ascii(idText(new Uint8Array([...first, ...second]))), expected)
        })
    )

    it.effect("tells a change of any single byte", () =>
      Effect.gen(function*() {
        const hashing = yield* Hashing
        const input = Uint8Array.from({ length: 100 }, (_, index) => index)
        const seen = new Set([hex(hashing.digest("sha384", input))])
        for (let i = 0; i < input.length; i++) {
          const changed = input.slice()
          changed[i]! ^= 1
          seen.add(hex(hashing.digest("sha384", changed)))
        }

        assert.strictEqual(seen.size, 101)
      }))
  })
})

/** A process that prints the digests of both layers, in which `change` is done to WebAssembly before they are made. */
const program = (change: string): string => `
  import { Effect } from "effect"
  import { Hashing } from "effect-p2p"
  import { BrowserHashing } from "effect-p2p/browser"
  import { NodeHashing } from "effect-p2p/node"
  ${change}
  for (const layer of [NodeHashing.layer, BrowserHashing.layer]) {
    const { digest, idText } = Effect.runSync(Effect.provide(Hashing, layer))
    const digests = ${JSON.stringify(algorithms)}.map((algorithm) => digest(algorithm, Buffer.from("abc")))
    console.log(typeof idText, ...digests.map((bytes) => Buffer.from(bytes).toString("hex")))
  }`

describe("in a process of its own", () => {
  it.each([
    ["there is no WebAssembly", "delete globalThis.WebAssembly"],
    ["it is forbidden", "WebAssembly.Module = class { constructor() { throw new Error() } }"]
  ])("gives the same digests where %s", (_, change) => {
    const options = ["--conditions=effect-p2p-source", "--input-type=module", "-e", program(change)]
    const { stderr, stdout } = spawnSync(process.execPath, options, { encoding: "utf8" })
    const line = ["undefined", ...algorithms.map((algorithm) => crypto.hash(algorithm, "abc"))].join(" ")

    assert.deepStrictEqual([stderr, stdout], ["", `${line}\n${line}\n`])
  })
})

describe.each([
  { name: "NodeHashing", hashingLayer: NodeHashing.layer },
  { name: "BrowserHashing", hashingLayer: BrowserHashing.layer }
])("what $name gives are the digests of node:crypto:", ({ hashingLayer }) => {
  layer(hashingLayer)((it) => {
    const isDigest = (algorithm: HashAlgorithm, input: Uint8Array, cut: number) =>
      Effect.gen(function*() {
        const hashing = yield* Hashing
        const expected = crypto.createHash(algorithm).update(input).digest("hex")
        assert.strictEqual(hex(hashing.digest(algorithm, input)), expected)
        assert.strictEqual(hex(hashing.digest(algorithm, input.subarray(0, cut), input.subarray(cut))), expected)
      })

    // Where one block more begins, and where the bits of the length no longer fit into it.
    it.effect.each(algorithms)("%s of any length up to three blocks", (algorithm) =>
      Effect.forEach(
        Array.from({ length: 3 * 128 + 1 }, (_, length) => length),
        (length) => isDigest(algorithm, crypto.randomBytes(length), length >> 1),
        { discard: true }
      ))

    // What the memory of WebAssembly holds at once, and more.
    it.effect.each(algorithms)("%s of many blocks", (algorithm) =>
      Effect.forEach(
        [32_767, 32_768, 32_769, 65_536, 100_001],
        (length) => isDigest(algorithm, crypto.randomBytes(length), 32_760),
        { discard: true }
      ))

    it.effect("of ids that begin with zeros in base 58", () =>
      Effect.gen(function*() {
        const idText = Ids.idText(yield* Hashing)
        for (let i = 0; i < 5000; i++) {
          const input = new TextEncoder().encode(`${i}`)
          assert.strictEqual(ascii(idText(input)), Base58.fromBytes(crypto.hash("sha384", input, "buffer")))
        }
      }))
  })
})

layer(NodeHashing.layer)("NodeHashing", (it) => {
  // Around the size up to which two parts are copied together.
  it.effect.each([0, 1, 16 * 1024 - 6, 16 * 1024 - 5, 100_000])("agrees with a hash object on %i bytes and six more", (
    length
  ) =>
    Effect.gen(function*() {
      const hashing = yield* Hashing
      const first = new Uint8Array(length).fill(7)
      const second = Uint8Array.of(1, 2, 3, 4, 5, 6)
      for (const algorithm of algorithms) {
        const expected = crypto.createHash(algorithm).update(first).update(second).digest("hex")
        assert.strictEqual(hex(hashing.digest(algorithm, first, second)), expected)
      }
    }))
})

describe("Hashing.layerFast", () => {
  it("has the lengths of the real digests", () => {
    for (const algorithm of algorithms) {
      assert.strictEqual(crypto.createHash(algorithm).digest().length, digestBytes[algorithm])
    }
  })
})
