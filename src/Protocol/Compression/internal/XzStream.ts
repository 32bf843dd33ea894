/**
 * One stream in the .xz file format 1.2.0, with LZMA2 as the one filter, which is what Python writes
 * unless told otherwise.
 */
import type { DecompressionFault } from "../Compression.ts"
import { crc32 } from "../DeflateFormat.ts"
import { crc64 } from "./Crc64.ts"
import type { GrowingOutput } from "./GrowingOutput.ts"
import { Lzma2Reader } from "./Lzma2.ts"

const magic = /* @__PURE__ */ Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)
const headerBytes = 12
const footerBytes = 12
const lzma2Filter = 0x21
const maxDictionaryCode = 40

/** Check sums of blocks by their number; those that have none here are not checked, as the format allows. */
const checkNone = 0
const checkCrc32 = 1
const checkCrc64 = 4

/** Whether a stream begins at `start`. */
export const isXzStream = (bytes: Uint8Array, start: number): boolean =>
  magic.every((byte, index) => bytes[start + index] === byte)

/** What the index repeats of a block. */
interface Block {
  readonly unpaddedBytes: number
  readonly plainBytes: number
}

/** Appends the stream at `start`, which begins as one, and returns where it ends. */
export const readXzStream = (bytes: Uint8Array, start: number, output: GrowingOutput): number | DecompressionFault => {
  const check = bytes[start + 7]!
  if (bytes.length - start < headerBytes || bytes[start + 6] !== 0 || check > 15) return "malformed"
  if (readUint32(bytes, start + 8) !== crc32(bytes, start + 6, start + 8)) return "malformed"
  const chunks = new Lzma2Reader(bytes, output)
  const blocks: Array<Block> = []
  let position = start + headerBytes
  while (bytes[position] !== 0) {
    const end = readBlock(bytes, position, check, output, chunks, blocks)
    if (typeof end === "string") return end
    position = end
  }
  return readEnd(bytes, position, check, blocks) ?? "malformed"
}

/** Appends the block at `start`, and returns where it ends. */
const readBlock = (
  bytes: Uint8Array,
  start: number,
  check: number,
  output: GrowingOutput,
  chunks: Lzma2Reader,
  blocks: Array<Block>
): number | DecompressionFault => {
  const dataStart = blockDataStart(bytes, start)
  if (dataStart === undefined) return "malformed"
  const plainStart = output.count
  const dataEnd = chunks.read(dataStart)
  if (typeof dataEnd === "string") return dataEnd
  const checkStart = padded(dataEnd - start) + start
  const end = checkStart + checkBytes(check)
  if (end > bytes.length || !isZero(bytes, dataEnd, checkStart)) return "malformed"
  if (!isChecked(bytes, checkStart, check, output.bytes, plainStart, output.count)) return "malformed"
  blocks.push({ unpaddedBytes: dataEnd - start + checkBytes(check), plainBytes: output.count - plainStart })
  return end
}

/** Where the data of a block begins, behind a header that announces LZMA2 and nothing else. */
const blockDataStart = (bytes: Uint8Array, start: number): number | undefined => {
  const size = bytes[start]
  if (size === undefined) return undefined
  const end = start + (size + 1) * 4
  if (end > bytes.length || readUint32(bytes, end - 4) !== crc32(bytes, start, end - 4)) return undefined
  const flags = bytes[start + 1]!
  if ((flags & 0x3f) !== 0) return undefined
  const numbers = new NumberReader(bytes, start + 2)
  // The sizes are optional; the chunks of the data say them again, and are what counts.
  if ((flags & 0x40) !== 0) numbers.next()
  if ((flags & 0x80) !== 0) numbers.next()
  const isLzma2 = numbers.next() === lzma2Filter && numbers.next() === 1
  const { position } = numbers
  if (!isLzma2 || position >= end - 4 || bytes[position]! > maxDictionaryCode) return undefined
  return isZero(bytes, position + 1, end - 4) ? end : undefined
}

/** Where the index and the footer end, if they say of the blocks what they were. */
const readEnd = (
  bytes: Uint8Array,
  start: number,
  check: number,
  blocks: ReadonlyArray<Block>
): number | undefined => {
  const numbers = new NumberReader(bytes, start + 1)
  if (numbers.next() !== blocks.length) return undefined
  for (const { plainBytes, unpaddedBytes } of blocks) {
    if (numbers.next() !== unpaddedBytes || numbers.next() !== plainBytes) return undefined
  }
  const sumStart = padded(numbers.position - start) + start
  const footer = sumStart + 4
  const end = footer + footerBytes
  if (end > bytes.length || !isZero(bytes, numbers.position, sumStart)) return undefined
  const isConsistent = readUint32(bytes, sumStart) === crc32(bytes, start, sumStart) &&
    readUint32(bytes, footer) === crc32(bytes, footer + 4, footer + 10) &&
    (readUint32(bytes, footer + 4) + 1) * 4 === footer - start &&
    bytes[footer + 8] === 0 && bytes[footer + 9] === check &&
    bytes[footer + 10] === 0x59 && bytes[footer + 11] === 0x5a
  return isConsistent ? end : undefined
}

const isChecked = (
  bytes: Uint8Array,
  position: number,
  check: number,
  plain: Uint8Array,
  start: number,
  end: number
): boolean => {
  if (check === checkCrc32) return readUint32(bytes, position) === crc32(plain, start, end)
  if (check !== checkCrc64) return true
  const sum = crc64(plain, start, end)
  return readUint32(bytes, position) === sum.low && readUint32(bytes, position + 4) === sum.high
}

const checkBytes = (check: number): number => check === checkNone ? 0 : 4 * 2 ** Math.floor((check - 1) / 3)

const padded = (length: number): number => Math.ceil(length / 4) * 4

const isZero = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}

/** Little-endian; the bytes are known to be there. */
const readUint32 = (bytes: Uint8Array, position: number): number =>
  (bytes[position]! | (bytes[position + 1]! << 8) | (bytes[position + 2]! << 16) | (bytes[position + 3]! << 24)) >>> 0

/** Numbers of seven bits a byte, the lowest first. */
class NumberReader {
  readonly #bytes: Uint8Array
  position: number

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes
    this.position = position
  }

  /** The next number below 2^49, more than anything here can be; `undefined` for others. */
  next(): number | undefined {
    let value = 0
    for (let unit = 1; unit < 2 ** 49; unit *= 0x80) {
      const byte = this.#bytes[this.position++]
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return byte === 0 && unit > 1 ? undefined : value
    }
    return undefined
  }
}
