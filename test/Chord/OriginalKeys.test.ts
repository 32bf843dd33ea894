import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { OriginalKeys } from "../../src/Chord/internal/OriginalKeys.ts"
import { tables } from "../../src/Chord/KeyPlacement.ts"
import * as Base58 from "../../src/Protocol/Base58.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { record } from "./records.ts"

const fast = Context.get(Effect.runSync(Effect.scoped(Layer.build(Hashing.layerFast))), Hashing)
const records = Array.from({ length: 100 }, (_, index) => record(`key ${index}`, 1, "value"))
const encoder = new TextEncoder()

describe("OriginalKeys", () => {
  it("finds a record by the digest of its key in each table", () => {
    const keys = new OriginalKeys()
    for (const table of tables) {
      for (const wanted of records.slice(40, 45)) {
        const digest = Base58.toBigInt(fast.digest(table, encoder.encode(wanted.key)))
        assert.strictEqual(keys.find(fast, records, { table, digest }), wanted)
        assert.isUndefined(keys.find(fast, records, { table, digest: digest ^ (1n << 100n) }))
      }
    }
  })

  it("works out the digests once, however often strangers ask", () => {
    let count = 0
    const digest: typeof fast.digest = (...args) => {
      count++
      return fast.digest(...args)
    }
    const keys = new OriginalKeys()
    for (let asked = 0n; asked < 50n; asked++) {
      assert.isUndefined(keys.find({ digest }, records, { table: "sha512", digest: asked }))
    }

    assert.strictEqual(count, records.length)
  })
})
