/**
 * What each compression method makes of four kinds of payload: how small, and how fast both ways,
 * against `node:zlib`'s deflate of the same bytes in the same run. What is only read here is packed
 * by Python, and left out where there is none.
 */
import { spawnSync } from "node:child_process"
import * as crypto from "node:crypto"
import * as zlib from "node:zlib"
import { Bz2, type CompressionMethod, Lzma, lzString, snappy } from "../src/index.ts"
import * as BrowserCompression from "../src/Layers/BrowserCompression.ts"
import { NodeCompression } from "../src/Layers/node.ts"
import type { CodecOptions } from "./codec.ts"
import { type Figure, layOut, type Row } from "./report.ts"

const payloadBytes = 16 * 1024
const maxBytes = 1 << 20

/** As a generator of numbers that is the same in each run (mulberry32). */
const makeRandom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Bytes of a text of at least that many lines, cut to length. */
const textOf = (line: (index: number) => string): Uint8Array => {
  let text = ""
  for (let index = 0; text.length < payloadBytes; index++) text += line(index)
  return new Uint8Array(Buffer.from(text).subarray(0, payloadBytes))
}

const jsonText = (): Uint8Array => {
  const random = makeRandom(1)
  return textOf((index) =>
    `${JSON.stringify({ room: `room-${random(40)}`, sensor: index, celsius: random(400) / 10, ok: random(9) > 0 })},`
  )
}

/** Words of three syllables at most, the common ones far more often than the rare ones. */
const englishText = (): Uint8Array => {
  const random = makeRandom(2)
  const parts = ["th", "e", "ing", "an", "re", "on", "st", "er", "a", "to", "le", "mi", "ou", "sh", "wa", "ent", "ly"]
  const word = () => Array.from({ length: 1 + random(3) }, () => parts[random(parts.length)]).join("")
  const words = Array.from({ length: 600 }, word)
  return textOf(() =>
    `${words[Math.floor(words.length * (random(10_000) / 10_000) ** 3)]}${random(12) === 0 ? ". " : " "}`
  )
}

/** A counter, a time, a place as two floats, and flags: 24 bytes each. */
const binaryRecords = (): Uint8Array => {
  const random = makeRandom(3)
  const out = new Uint8Array(payloadBytes)
  const view = new DataView(out.buffer)
  for (let at = 0, index = 0; at + 24 <= out.length; at += 24, index++) {
    view.setUint32(at, index)
    view.setFloat64(at + 4, 1_700_000_000_000 + index * 250 + random(20))
    view.setFloat32(at + 12, 52 + random(1000) / 1e4)
    view.setFloat32(at + 16, 13 + random(1000) / 1e4)
    view.setUint32(at + 20, random(8))
  }
  return out
}

const payloads: ReadonlyArray<readonly [name: string, bytes: Uint8Array]> = [
  ["JSON", jsonText()],
  ["English-like text", englishText()],
  ["binary records", binaryRecords()],
  ["random bytes", new Uint8Array(crypto.randomBytes(payloadBytes))]
]

interface Case {
  readonly name: string
  readonly method: CompressionMethod
  /** For a method that is only read. */
  readonly python?: string
}

const cases: ReadonlyArray<Case> = [
  { name: "zlib, Node", method: NodeCompression.zlibMethod },
  { name: "zlib, browser", method: BrowserCompression.zlibMethod },
  { name: "gzip, Node", method: NodeCompression.gzipMethod },
  { name: "gzip, browser", method: BrowserCompression.gzipMethod },
  { name: "snappy", method: snappy },
  { name: "lz-string", method: lzString },
  { name: "bz2", method: Bz2.bz2, python: "bz2.compress(data)" },
  { name: "lzma (.xz)", method: Lzma.lzma, python: "lzma.compress(data)" }
]

/** What Python makes of the bytes; `undefined` when there is no Python. */
const packByPython = (expression: string, bytes: Uint8Array): Uint8Array | undefined => {
  const script = `import bz2, lzma, sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(${expression})`
  const { status, stdout } = spawnSync("python3", ["-c", script], { input: bytes })
  return status === 0 ? new Uint8Array(stdout) : undefined
}

/** Measures all methods on all payloads. */
export const measureCompression = (options: CodecOptions): ReadonlyArray<Row> =>
  payloads.flatMap(([payload, bytes]) => measurePayload(payload, bytes, options))

const measurePayload = (payload: string, bytes: Uint8Array, options: CodecOptions): ReadonlyArray<Row> => {
  const deflated = zlib.deflateSync(bytes)
  const rows: Array<Row> = []
  for (const { method, name, python } of cases) {
    const { compress } = method
    const packed = python === undefined ? compress?.(bytes) : packByPython(python, bytes)
    if (packed === undefined) continue
    const plain = method.decompress(packed, maxBytes)
    if (typeof plain === "string" || Buffer.compare(plain, bytes) !== 0) throw new Error(`${name} lost ${payload}`)
    const row = { name: `${name}, ${payload}`, yardstick: "node:zlib deflate" } as const
    rows.push({ ...row, group: "size", unit: "bytes", ours: [packed.length], theirs: [deflated.length] })
    const decompress = measurePair(
      () => method.decompress(packed, maxBytes).length,
      () => zlib.inflateSync(deflated).length,
      options
    )
    rows.push({ ...row, group: "decompress", unit: "operations", ...decompress })
    if (compress === undefined) continue
    const both = measurePair(() => compress(bytes).length, () => zlib.deflateSync(bytes).length, options)
    rows.push({ ...row, group: "compress", unit: "operations", ...both })
  }
  return rows
}

/** Rates of both, in turns, a first round aside. */
const measurePair = (ours: () => number, theirs: () => number, { rounds, turnMillis }: CodecOptions) => {
  const rates = { ours: [] as Array<number>, theirs: [] as Array<number> }
  for (let round = -1; round < rounds; round++) {
    const [our, their] = [rateOf(ours, turnMillis), rateOf(theirs, turnMillis)]
    if (round < 0) continue
    rates.ours.push(our)
    rates.theirs.push(their)
  }
  return rates
}

/** Keeps results in use, so that no call can be left out. */
let sink = 0

/** Runs in a second of the processor, from runs of about `millis`: the clock on the wall tells more of other programs. */
const rateOf = (run: () => number, millis: number): number => {
  const start = cpuMillis()
  let count = 0
  let end = start
  do {
    sink += run()
    count++
    end = cpuMillis()
  } while (end - start < millis)
  return count / (end - start) * 1000
}

const cpuMillis = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** One row for each method and payload; nothing when none was measured. */
export const compressionTable = (figures: ReadonlyArray<Figure>): ReadonlyArray<string> => {
  const sizes = figures.filter(({ group }) => group === "size")
  if (sizes.length === 0) return []
  const find = (group: Row["group"], name: string) =>
    figures.find((figure) => figure.group === group && figure.name === name)
  const time = (figure: Figure | undefined) =>
    figure === undefined
      ? "-"
      : `${figure.ratio.toFixed(2)} (${figure.minRatio.toFixed(2)}-${figure.maxRatio.toFixed(2)})`
  const header = ["", "bytes", "of the plain size", "of zlib's size", "time to compress", "time to decompress"]
  const rows = sizes.map(({ name, ours, ratio }) => [
    name,
    String(ours),
    `${(100 * ours / payloadBytes).toFixed(1)} %`,
    ratio.toFixed(2),
    time(find("compress", name)),
    time(find("decompress", name))
  ])
  const title =
    `Compression of ${payloadBytes} bytes: sizes and processor times over those of node:zlib's deflate (less is better)`
  const hasAll = rows.length === cases.length * payloads.length
  const note = hasAll ? [] : ["bz2 and lzma are left out: they are only read, and no python3 is here to write them."]
  return [`${title}.\n\n${layOut([header, ...rows])}`, ...note]
}
