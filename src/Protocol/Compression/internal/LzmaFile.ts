/**
 * The .lzma format of old: one byte of properties, four of the size of the dictionary, eight of the
 * size of the content (all ones when a mark ends it), and LZMA. It has no mark of its own and no
 * check sum, so its header is taken for one only where all of it makes sense.
 */
import type { DecompressionFault } from "../Compression.ts"
import type { GrowingOutput } from "./GrowingOutput.ts"
import { LzmaDecoder } from "./LzmaDecoder.ts"

const headerBytes = 13
/** liblzma takes no larger file for one, either. */
const maxPlainBytes = 2 ** 38

/** Whether such a file begins at `start`. */
export const isLzmaFile = (bytes: Uint8Array, start: number): boolean => {
  // The first byte of a plain body is zero, which as properties nobody writes; the first of LZMA always is.
  if (bytes.length - start <= headerBytes || bytes[start] === 0 || bytes[start + headerBytes] !== 0) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, headerBytes)
  const plainBytes = contentBytes(view)
  return isDictionarySize(view.getUint32(1, true)) && (plainBytes === Infinity || plainBytes <= maxPlainBytes)
}

/** Appends the file at `start`, which begins as one, and returns where it ends. */
export const readLzmaFile = (bytes: Uint8Array, start: number, output: GrowingOutput): number | DecompressionFault => {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, headerBytes)
  const plainBytes = contentBytes(view)
  const decoder = new LzmaDecoder(bytes, output)
  if (!decoder.setProperties(bytes[start]!)) return "malformed"
  return decoder.decode(start + headerBytes, bytes.length, plainBytes, output.count)
}

/** All programs write a power of two, or one and a half of it. */
const isDictionarySize = (size: number): boolean => {
  const power = 2 ** Math.floor(Math.log2(size))
  return size === power || size === power * 1.5 || size === 0xffffffff
}

const contentBytes = (view: DataView): number => {
  const [low, high] = [view.getUint32(5, true), view.getUint32(9, true)]
  return low === 0xffffffff && high === 0xffffffff ? Infinity : high * 2 ** 32 + low
}
