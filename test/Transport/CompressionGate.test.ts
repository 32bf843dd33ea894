import { assert, describe, it } from "@effect/vitest"
import { CompressionGate } from "../../src/Transport/CompressionGate.ts"

/** How many messages go by until the next try. */
const skippedBy = (gate: CompressionGate): number => {
  let count = 0
  while (!gate.isOpen()) count++
  return count
}

describe("CompressionGate", () => {
  it("skips twice as many messages after each miss, up to 255", () => {
    const gate = new CompressionGate()
    const skipped = Array.from({ length: 10 }, () => {
      gate.tried(false)
      return skippedBy(gate)
    })

    assert.deepStrictEqual(skipped, [1, 3, 7, 15, 31, 63, 127, 255, 255, 255])
  })

  it("tries every message again after one that shrank", () => {
    const gate = new CompressionGate()
    for (let miss = 0; miss < 5; miss++) gate.tried(false)
    skippedBy(gate)

    gate.tried(true)

    assert.strictEqual(skippedBy(gate), 0)
    gate.tried(false)
    assert.strictEqual(skippedBy(gate), 1)
  })
})
