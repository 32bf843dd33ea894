import { assert, describe, it, layer } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import * as crypto from "node:crypto"
import * as BrowserHashing from "../../src/Layers/BrowserHashing.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { digestBytes, type HashAlgorithm, Hashing } from "../../src/Protocol/Hashing.ts"

const algorithms = Object.keys(digestBytes) as Array<HashAlgorithm>
const Bytes = Arbitrary.schema(Schema.Uint8Array)

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

    it.effect("gives a digest that later calls leave alone", () =>
      Effect.gen(function*() {
        const hashing = yield* Hashing
        const digest = hashing.digest("sha384", Uint8Array.of(1))
        const before = hex(digest)

        hashing.digest("sha384", Uint8Array.of(2), Uint8Array.of(3))

        assert.strictEqual(hex(digest), before)
        assert.isFalse(Buffer.isBuffer(digest))
      }))

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

describe("BrowserHashing", () => {
  it.effect.prop("gives the digests of NodeHashing", [Bytes, Bytes], ([first, second]) =>
    Effect.gen(function*() {
      const hashing = (of: typeof NodeHashing.layer) => Effect.flatMap(Hashing, Effect.succeed).pipe(Effect.provide(of))
      const [browser, node] = [yield* hashing(BrowserHashing.layer), yield* hashing(NodeHashing.layer)]
      for (const algorithm of algorithms) {
        assert.strictEqual(hex(browser.digest(algorithm, first)), hex(node.digest(algorithm, first)))
        assert.strictEqual(hex(browser.digest(algorithm, first, second)), hex(node.digest(algorithm, first, second)))
      }
    }))
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
