/** What we write is read by Python's own modules, and what those write is read by us. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as ChildProcess from "node:child_process"
import * as BrowserCompression from "../../src/Layers/BrowserCompression.ts"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import { bz2 } from "../../src/Protocol/Compression/Bz2.ts"
import type { CompressingMethod, CompressionMethod } from "../../src/Protocol/Compression/Compression.ts"
import { lzma } from "../../src/Protocol/Compression/Lzma.ts"

/** Reads pieces, each behind its length in four bytes, and answers with the pieces of `work(piece, index)`. */
const script = (work: string) => `
import bz2, gzip, lzma, struct, sys, zlib
filters = lambda index: [dict(id=lzma.FILTER_LZMA2, preset=index % 3, lc=index % 4, lp=4 - index % 4, pb=index % 5)]
data, at, index = sys.stdin.buffer.read(), 0, 0
while at < len(data):
    length, = struct.unpack(">I", data[at:at + 4])
    piece = (lambda piece, index: ${work})(data[at + 4:at + 4 + length], index)
    sys.stdout.buffer.write(struct.pack(">I", len(piece)) + piece)
    at, index = at + 4 + length, index + 1
`

/** The program itself: a command may be a script that looks for it each time. */
const python = ["python3", "python"].map((command) =>
  ChildProcess.spawnSync(command, ["-c", "import bz2, gzip, lzma, sys, zlib; print(sys.executable)"], {
    encoding: "utf8"
  })
).find(({ status }) => status === 0)?.stdout.trim()
const reason = python === undefined ? " (skipped: no Python with zlib, gzip, bz2 and lzma is installed here)" : ""

const join = (pieces: ReadonlyArray<Uint8Array>): Buffer =>
  Buffer.concat(pieces.flatMap((piece) => {
    const header = Buffer.alloc(4)
    header.writeUInt32BE(piece.length)
    return [header, piece]
  }))

/** What Python makes of each piece. */
const ask = (work: string, pieces: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const answer = ChildProcess.execFileSync(python!, ["-c", script(work)], {
    input: join(pieces),
    maxBuffer: 1 << 28
  })
  const found: Array<Uint8Array> = []
  for (let at = 0; at < answer.length; at += 4 + answer.readUInt32BE(at)) {
    found.push(new Uint8Array(answer.subarray(at + 4, at + 4 + answer.readUInt32BE(at))))
  }
  return found
}

/** Noise of few and of many values, text that repeats itself, long rows, and what lies between, of any length. */
const samples = Effect.runSync(
  Effect.gen(function*() {
    const found: Array<Uint8Array> = [new Uint8Array(0), Uint8Array.of(7), new Uint8Array(1_200_000)]
    for (let index = 0; index < 24; index++) {
      const length = Math.floor((yield* Random.next) ** 3 * 30_000)
      const valueCount = 1 + Math.floor((yield* Random.next) ** 2 * 256)
      const rowLength = index % 3 === 0 ? 1 + Math.floor((yield* Random.next) * 600) : 1
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += rowLength) {
        bytes.fill(Math.floor((yield* Random.next) * valueCount), at, at + rowLength)
      }
      found.push(index % 4 === 0 ? new Uint8Array(Buffer.concat([bytes, bytes.subarray(length >> 1), bytes])) : bytes)
    }
    return found
  }).pipe(Random.withSeed("python"))
)

const isSame = (a: Uint8Array | string | undefined, b: Uint8Array): boolean =>
  a !== undefined && typeof a !== "string" && Buffer.compare(a, b) === 0

const read: ReadonlyArray<readonly [name: string, method: CompressingMethod, work: string]> = [
  ["zlib of Node", NodeCompression.zlibMethod, "zlib.decompress(piece)"],
  ["zlib of browsers", BrowserCompression.zlibMethod, "zlib.decompress(piece)"],
  ["gzip of Node", NodeCompression.gzipMethod, "gzip.decompress(piece)"],
  ["gzip of browsers", BrowserCompression.gzipMethod, "gzip.decompress(piece)"]
]

const written: ReadonlyArray<readonly [name: string, method: CompressionMethod, work: string]> = [
  ["zlib, for Node", NodeCompression.zlibMethod, "zlib.compress(piece, index % 10)"],
  ["zlib, for browsers", BrowserCompression.zlibMethod, "zlib.compress(piece, index % 10)"],
  ["gzip, for browsers", BrowserCompression.gzipMethod, "gzip.compress(piece, index % 10)"],
  ["bz2", bz2, "bz2.compress(piece, 1 + index % 9)"],
  ["two streams of bz2", bz2, "bz2.compress(piece[:99]) + bz2.compress(piece[99:])"],
  ["xz", lzma, "lzma.compress(piece, preset=index % 7)"],
  ["xz with odd properties", lzma, "lzma.compress(piece, filters=filters(index))"],
  ["xz with CRC-32", lzma, "lzma.compress(piece, preset=1, check=lzma.CHECK_CRC32)"],
  ["lzma of old", lzma, "lzma.compress(piece, preset=1, format=lzma.FORMAT_ALONE)"]
]

describe("Python", () => {
  for (const [name, method, work] of read) {
    it.skipIf(python === undefined)(`reads what ${name} writes${reason}`, () => {
      const found = ask(work, samples.map((bytes) => method.compress(bytes)))

      assert.strictEqual(found.length, samples.length)
      for (const [index, bytes] of samples.entries()) assert.isTrue(isSame(found[index], bytes), `sample ${index}`)
    })
  }

  for (const [name, method, work] of written) {
    it.skipIf(python === undefined)(`writes ${name}, which is read up to the limit${reason}`, () => {
      const packed = ask(work, samples)

      assert.strictEqual(packed.length, samples.length)
      for (const [index, bytes] of samples.entries()) {
        assert.isTrue(method.recognizes(packed[index]!), `sample ${index}`)
        assert.isTrue(isSame(method.decompress(packed[index]!, bytes.length), bytes), `sample ${index}`)
        if (bytes.length === 0) continue
        assert.strictEqual(method.decompress(packed[index]!, bytes.length - 1), "tooLarge", `sample ${index}`)
      }
    })
  }
})
