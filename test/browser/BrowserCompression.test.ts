/** Every compression that browsers have, in a browser. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { protocolLayer } from "./protocolLayer.ts"

const text = new TextEncoder().encode("What one node says, all hear. ".repeat(200))
const noise = Uint8Array.from({ length: 20_000 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 19)

layer(protocolLayer)("BrowserCompression", (it) => {
  const compressing = Effect.map(
    Protocol,
    ({ methods }) =>
      methods.flatMap((method) => method.compress === undefined ? [] : [{ ...method, compress: method.compress }])
  )

  describe("each method", () => {
    it.effect("reads what it wrote, recognizes it, and shrinks text", () =>
      Effect.gen(function*() {
        for (const method of yield* compressing) {
          for (const bytes of [text, noise, new Uint8Array(0)]) {
            const packed = method.compress(bytes)

            assert.isTrue(method.recognizes(packed), method.name)
            assert.deepStrictEqual(method.decompress(packed, bytes.length + 1), bytes, method.name)
          }
          assert.isBelow(method.compress(text).length, text.length / 3, method.name)
        }
      }))

    it.effect("stops at the most bytes that it may make", () =>
      Effect.gen(function*() {
        for (const method of yield* compressing) {
          const packed = method.compress(new Uint8Array(60_000))

          assert.strictEqual(method.decompress(packed, 59_999), "tooLarge", method.name)
        }
      }))
  })

  it.effect("has what the original nodes send, and more", () =>
    Effect.gen(function*() {
      const names = (yield* Protocol).methods.map(({ name }) => name)

      assert.includeMembers(names, ["zlib", "gzip", "snappy", "lz-string", "bz2", "lzma"])
    }))
})
