import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Frame from "../../src/Protocol/Frame.ts"
import { FrameSplitter } from "../../src/Protocol/FrameSplitter.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"

const Byte = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
const Body = Arbitrary.map(Arbitrary.array(Byte, { minLength: 1, maxLength: 200 }), (bytes) => Uint8Array.from(bytes))
const Bodies = Arbitrary.array(Body, { maxLength: 12 })
const Cuts = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))), {
  maxLength: 60
})

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Chunks of these sizes, over and over, each in memory of its own. */
const chunksOf = (bytes: Uint8Array, sizes: ReadonlyArray<number>): Array<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let start = 0, i = 0; start < bytes.length; i++) {
    const size = sizes.every((size) => size === 0) ? bytes.length : sizes[i % sizes.length]!
    chunks.push(bytes.slice(start, start + size))
    start += size
  }
  return chunks
}

const header = (size: number): Uint8Array => {
  const out = new Uint8Array(4)
  Frame.writeHeader(size, out, 0)
  return out
}

describe("FrameSplitter", () => {
  it.prop("finds the same bodies in any chunks", [Bodies, Cuts], ([bodies, cuts]) => {
    const splitter = new FrameSplitter(1 << 20)
    const found: Array<Uint8Array> = []

    for (const chunk of chunksOf(join(bodies.map(Frame.frame)), cuts)) {
      assert.isUndefined(splitter.push(chunk, found))
    }

    assert.deepStrictEqual(found.map((body) => [...body]), bodies.map((body) => [...body]))
    assert.strictEqual(splitter.pendingBytes, 0)
    assert.isUndefined(splitter.end())
  }, { arbitrary: { runs: 300 } })

  it.prop("reports a stream cut anywhere within a frame", [Body, Cuts], ([body, cuts]) => {
    const frame = Frame.frame(body)
    for (let length = 1; length < frame.length; length++) {
      const splitter = new FrameSplitter(1 << 20)
      const found: Array<Uint8Array> = []
      for (const chunk of chunksOf(frame.subarray(0, length), cuts)) splitter.push(chunk, found)

      assert.deepStrictEqual(found, [])
      assert.strictEqual(splitter.pendingBytes, length)
      assert.deepInclude(splitter.end(), {
        reason: "TruncatedFrame",
        offset: length,
        detail: length < 4 ? `${length} of 4 header bytes` : `${length - 4} of ${body.length} body bytes`
      })
    }
  }, { arbitrary: { runs: 30 } })

  it.prop("never throws, and stays faulted once it is", [Arbitrary.array(Arbitrary.schema(Schema.Uint8Array))], ([
    chunks
  ]) => {
    const splitter = new FrameSplitter(64)
    const found: Array<Uint8Array> = []
    let fault = undefined
    for (const chunk of chunks) {
      const count = found.length
      const next = splitter.push(chunk, found)
      if (fault !== undefined) {
        assert.strictEqual(next, fault)
        assert.strictEqual(found.length, count)
      }
      fault = next
    }
    assert.isTrue(found.every((body) => body.length > 0 && body.length <= 64))
  })

  it("gives views of the chunk for bodies that lie in it whole", () => {
    const chunk = join([Frame.frame(Uint8Array.of(1, 2)), Frame.frame(Uint8Array.of(3)), header(5)])
    const found: Array<Uint8Array> = []

    new FrameSplitter(100).push(chunk, found)

    assert.deepStrictEqual(found.map((body) => [...body]), [[1, 2], [3]])
    assert.isTrue(found.every((body) => body.buffer === chunk.buffer))
  })

  const Size = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60_000 })))
  const Piece = Arbitrary.schema(Schema.Literals([1, 700, 4095, 4096, 9000, 16_384]))

  it.prop("finds large bodies in pieces of any size", [
    Arbitrary.array(Size, { minLength: 1, maxLength: 3 }),
    Arbitrary.array(Piece, { minLength: 1, maxLength: 8 })
  ], ([sizes, pieces]) => {
    const bodies = sizes.map((size, seed) => Uint8Array.from({ length: size }, (_, index) => index * 31 + seed))
    const splitter = new FrameSplitter(1 << 20)
    const found: Array<Uint8Array> = []

    for (const chunk of chunksOf(join(bodies.map(Frame.frame)), pieces)) {
      assert.isUndefined(splitter.push(chunk, found))
    }

    assert.deepStrictEqual(found.map((body) => Buffer.from(body)), bodies.map((body) => Buffer.from(body)))
    assert.strictEqual(splitter.pendingBytes, 0)
  }, { arbitrary: { runs: 100 } })

  it("keeps no chunk that is a small part of its memory", () => {
    const body = Uint8Array.from({ length: 20_000 }, (_, index) => index)
    const memory = new Uint8Array(65_536)
    memory.set(Frame.frame(body).subarray(0, 10_000))
    const found: Array<Uint8Array> = []
    const splitter = new FrameSplitter(65_536)

    splitter.push(memory.subarray(0, 10_000), found)
    memory.fill(0)
    splitter.push(Frame.frame(body).slice(10_000), found)

    assert.strictEqual(Buffer.compare(found[0]!, body), 0)
  })

  it("keeps no small chunk that a split body came in", () => {
    const chunk = join([header(4), Uint8Array.of(1, 2)])
    const found: Array<Uint8Array> = []
    const splitter = new FrameSplitter(100)

    splitter.push(chunk, found)
    chunk.fill(0)
    splitter.push(Uint8Array.of(3, 4), found)

    assert.deepStrictEqual([...found[0]!], [1, 2, 3, 4])
    assert.strictEqual(found[0]!.buffer.byteLength, 4)
  })

  it("refuses a frame above the limit at its header, and takes one at the limit", () => {
    const found: Array<Uint8Array> = []
    const splitter = new FrameSplitter(3)

    assert.isUndefined(splitter.push(Frame.frame(Uint8Array.of(1, 2, 3)), found))
    const fault = splitter.push(header(4), found)

    assert.deepInclude(fault, { reason: "FrameTooLarge", offset: 7 })
    assert.strictEqual(found.length, 1)
    assert.strictEqual(splitter.end(), fault)
  })

  it("refuses an empty frame, whatever bytes follow", () => {
    const found: Array<Uint8Array> = []
    const splitter = new FrameSplitter(100)

    const fault = splitter.push(join([Frame.frame(Uint8Array.of(9)), header(0), Frame.frame(Uint8Array.of(8))]), found)

    assert.deepInclude(fault, { reason: "EmptyFrame", offset: 5 })
    assert.deepStrictEqual(found.map((body) => [...body]), [[9]])
  })

  it("takes no memory for bytes that were only announced", () => {
    const splitter = new FrameSplitter(0xffffffff)
    const before = process.memoryUsage().arrayBuffers

    assert.isUndefined(splitter.push(join([header(0xffffffff), Uint8Array.of(1)]), []))

    assert.strictEqual(splitter.pendingBytes, 5)
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 1 << 20)
  })

  it("collects a large body from single bytes", () => {
    const body = Uint8Array.from({ length: 300_000 }, (_, index) => index)
    const found: Array<Uint8Array> = []
    const splitter = new FrameSplitter(1 << 20)

    const frame = Frame.frame(body)
    for (let i = 0; i < frame.length; i++) splitter.push(frame.subarray(i, i + 1), found)

    assert.strictEqual(Buffer.compare(found[0]!, body), 0)
  })
})

describe("Frame", () => {
  it.prop("reads back the body that it framed", [Body], ([body]) => {
    const read = Frame.decodeFrame(Frame.frame(body), body.length)

    assert.deepStrictEqual(isWireFault(read) ? read : [...read], [...body])
  })

  it.each<[string, Uint8Array, string, number]>([
    ["no bytes", new Uint8Array(0), "TruncatedFrame", 0],
    ["part of a header", Uint8Array.of(0, 0), "TruncatedFrame", 2],
    ["part of a body", Uint8Array.of(0, 0, 0, 3, 1), "TruncatedFrame", 5],
    ["an empty frame", Uint8Array.of(0, 0, 0, 0), "EmptyFrame", 0],
    ["more than the limit", Uint8Array.of(0, 0, 0, 11), "FrameTooLarge", 0],
    ["bytes after the frame", Uint8Array.of(0, 0, 0, 1, 7, 7), "TrailingBytes", 5]
  ])("refuses %s", (_, bytes, reason, offset) => {
    const result = Frame.decodeFrame(bytes, 10)

    assert.deepInclude(isWireFault(result) ? result : {}, { reason, offset })
  })

  it("throws for a body that no header can announce", () => {
    assert.throws(() => Frame.writeHeader(2 ** 32, new Uint8Array(4), 0), RangeError)
  })
})
