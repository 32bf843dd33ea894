import { assert, describe, it } from "@effect/vitest"
import type { CompressingMethod } from "../../src/Protocol/Compression.ts"
import { Outgoing } from "../../src/Transport/Outgoing.ts"

/** A method that makes bodies as long as it is told to, and counts. */
const methodOf = (length: number): CompressingMethod & { count: number } => ({
  name: `to ${length}`,
  count: 0,
  compress() {
    this.count++
    return new Uint8Array(length).fill(9)
  },
  decompress: () => "malformed",
  recognizes: () => false
})

const body = new Uint8Array(100).fill(1)

describe("Outgoing", () => {
  it("frames the plain body once for all peers without compression", () => {
    const outgoing = new Outgoing(body, 10)

    const frame = outgoing.frameFor(undefined)

    assert.deepStrictEqual([...frame], [0, 0, 0, 100, ...body])
    assert.strictEqual(outgoing.frameFor(undefined), frame)
    assert.strictEqual(outgoing.bodyBytes, 100)
  })

  it("compresses once for each method, however many peers there are", () => {
    const outgoing = new Outgoing(body, 10)
    const [small, smaller] = [methodOf(50), methodOf(20)]

    const frames = [small, smaller, small, smaller].map((method) => outgoing.frameFor(method))

    assert.deepStrictEqual(frames.map((frame) => [...frame.subarray(0, 5)]), [
      [0, 0, 0, 50, 9],
      [0, 0, 0, 20, 9],
      [0, 0, 0, 50, 9],
      [0, 0, 0, 20, 9]
    ])
    assert.deepStrictEqual([small.count, smaller.count], [1, 1])
  })

  it("stays plain where compression does not shrink, and does not try twice", () => {
    const outgoing = new Outgoing(body, 10)
    const same = methodOf(100)

    const frames = [same, undefined, same].map((method) => outgoing.frameFor(method))

    assert.isTrue(frames.every((frame) => frame === frames[0]))
    assert.strictEqual(same.count, 1)
  })

  it("stays plain under the length from which bodies are compressed, and not at it", () => {
    const method = methodOf(5)

    assert.strictEqual(new Outgoing(body, 101).frameFor(method).length, 104)
    assert.strictEqual(method.count, 0)
    assert.strictEqual(new Outgoing(body, 100).frameFor(method).length, 9)
  })
})
