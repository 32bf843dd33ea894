/**
 * Snappy as a compression method: quick, pure JavaScript, the same on Node and in browsers. A packed
 * body is one raw block, without a frame around it.
 *
 * A block has no mark of its own, but it says how long its content is, and its parts say so again:
 * a body is taken for one when both agree, which a plain body of 0.4 (its first byte is 0) never does. The
 * package alone would not do: it leaves zeros where the parts are too short, and a part of negative
 * length sends it round in circles. It also throws at what no program writes: a literal in the form for
 * long ones that ends less than four bytes behind its tag.
 */
import snappyJs from "snappyjs"
import type { CompressingMethod } from "./Compression.ts"

/**
 * The method `"snappy"`. On 0.4 only nodes of this library know it; on 0.7 it has a flag, and the original Python
 * nodes prefer it to all others.
 *
 * @category constructors
 * @since 0.1.0
 */
export const snappy: CompressingMethod = {
  name: "snappy",
  compress: (bytes) => snappyJs.compress(plainArray(bytes)),
  decompress: (bytes, maxBytes) => {
    const contentBytes = contentLength(bytes)
    if (contentBytes === undefined) return "malformed"
    if (contentBytes > maxBytes) return "tooLarge"
    try {
      return snappyJs.uncompress(plainArray(bytes), maxBytes)
    } catch {
      return "malformed"
    }
  },
  recognizes: (bytes) => contentLength(bytes) !== undefined
}

/** The package answers a Buffer with a Buffer. */
const plainArray = (bytes: Uint8Array): Uint8Array =>
  bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

const maxLengthBytes = 5

/** How many bytes a block holds; `undefined` when it is none: all of its parts are looked at, none is copied. */
const contentLength = (bytes: Uint8Array): number | undefined => {
  let announced = 0
  let position = 0
  for (let unit = 1;; unit *= 0x80) {
    const byte = bytes[position++]
    if (byte === undefined || position > maxLengthBytes) return undefined
    announced += (byte & 0x7f) * unit
    if (byte < 0x80) break
  }
  let count = 0
  while (position < bytes.length) {
    if (count >= announced) return undefined
    const tag = bytes[position]!
    if ((tag & 3) === 0) {
      const lengthBytes = Math.max(0, (tag >>> 2) - 59)
      const length = (lengthBytes === 0 ? tag >>> 2 : readNumber(bytes, position + 1, lengthBytes)) + 1
      position += 1 + lengthBytes + length
      count += length
    } else {
      const offsetBytes = (tag & 3) === 3 ? 4 : tag & 3
      const offset = readNumber(bytes, position + 1, offsetBytes) + ((tag & 3) === 1 ? (tag >>> 5) << 8 : 0)
      if (offset === 0 || offset > count) return undefined
      position += 1 + offsetBytes
      count += (tag & 3) === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    }
  }
  return position === bytes.length && count === announced ? announced : undefined
}

/** Little-endian, of up to four bytes; those behind the end count as zeros. */
const readNumber = (bytes: Uint8Array, start: number, count: number): number => {
  let value = 0
  for (let i = count - 1; i >= 0; i--) value = value * 0x100 + (bytes[start + i] ?? 0)
  return value
}
