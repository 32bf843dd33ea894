import { assert, describe, it } from "@effect/vitest"
import type { CompressingMethod } from "../../src/Protocol/Compression/Compression.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { CompressionGate } from "../../src/Transport/CompressionGate.ts"
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
const plain = frame(body)

describe("Outgoing", () => {
  it("gives the plain frame itself to all peers without compression", () => {
    const outgoing = new Outgoing(plain, 10)

    assert.strictEqual(outgoing.frameFor(undefined), plain)
    assert.strictEqual(outgoing.bodyBytes, 100)
  })

  it("compresses once for each method, however many peers there are", () => {
    const outgoing = new Outgoing(plain, 10)
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
    const outgoing = new Outgoing(plain, 10)
    const same = methodOf(100)

    const frames = [same, undefined, same].map((method) => outgoing.frameFor(method))

    assert.isTrue(frames.every((frame) => frame === frames[0]))
    assert.strictEqual(same.count, 1)
  })

  it("learns nothing of the next messages from a method that leaves one as it is", () => {
    const gate = new CompressionGate()
    const leaves: CompressingMethod = { ...methodOf(0), compress: (bytes) => bytes }

    for (let count = 0; count < 5; count++) {
      const outgoing = new Outgoing(plain, 10, gate)
      assert.strictEqual(outgoing.frameFor(methodOf(5)).length, 9)
      assert.strictEqual(outgoing.frameFor(leaves), plain)
    }
  })

  it("stays plain under the length from which bodies are compressed, and not at it", () => {
    const method = methodOf(5)

    assert.strictEqual(new Outgoing(plain, 101).frameFor(method).length, 104)
    assert.strictEqual(method.count, 0)
    assert.strictEqual(new Outgoing(plain, 100).frameFor(method).length, 9)
  })
})
