/**
 * The two wrappings of a deflate stream: zlib's (RFC 1950) and gzip's (RFC 1952). Their headers and
 * check sums, for the implementations that Node and browsers have.
 */

/**
 * What follows the stream in gzip: the check sum and the length of the output, four bytes each.
 *
 * @category models
 * @since 0.1.0
 */
export const gzipTrailerBytes = 8

/**
 * Whether bytes begin as zlib's do: deflate with any window, and a header that is a multiple of 31.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isZlib = (bytes: Uint8Array): boolean =>
  bytes.length >= 2 && (bytes[0]! & 0x0f) === 8 && bytes[0]! <= 0x78 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0

/**
 * Whether bytes begin as gzip's do.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/**
 * Either: whoever offers one of them reads both, as the original Python node does.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isZlibOrGzip = (bytes: Uint8Array): boolean => isZlib(bytes) || isGzip(bytes)

/**
 * The length of a gzip header; `undefined` when it is cut off, has flags that nobody has defined, or
 * is of something other than deflate.
 *
 * @category decoding
 * @since 0.1.0
 */
export const gzipHeaderBytes = (bytes: Uint8Array): number | undefined => {
  const flags = bytes[3] ?? 0xff
  if (bytes[2] !== 8 || (flags & 0xe0) !== 0) return undefined
  let position = 10
  if ((flags & 0x04) !== 0) position += 2 + (bytes[position] ?? 0) + ((bytes[position + 1] ?? 0) << 8)
  for (const flag of [0x08, 0x10]) {
    if ((flags & flag) === 0) continue
    const end = bytes.indexOf(0, position)
    if (end < 0) return undefined
    position = end + 1
  }
  if ((flags & 0x02) !== 0) position += 2
  return position < bytes.length ? position : undefined
}

/**
 * The check sum of zlib's format.
 *
 * @category math
 * @since 0.1.0
 */
export const adler32 = (bytes: Uint8Array): number => {
  let low = 1
  let high = 0
  for (let start = 0; start < bytes.length; start += 3800) {
    // So many bytes keep the sums below 2^31.
    const end = Math.min(bytes.length, start + 3800)
    for (let i = start; i < end; i++) {
      low += bytes[i]!
      high += low
    }
    low %= 65521
    high %= 65521
  }
  return high * 0x10000 + low
}

/**
 * The check sum of gzip's and xz's formats (CRC-32, polynomial 0xEDB88320), of `bytes` from `start` to `end`.
 *
 * @category math
 * @since 0.1.0
 */
export const crc32 = (bytes: Uint8Array, start = 0, end = bytes.length): number => {
  let sum = -1
  for (let i = start; i < end; i++) sum = crcTable[(sum ^ bytes[i]!) & 0xff]! ^ (sum >>> 8)
  return ~sum >>> 0
}

const crcTable = /* @__PURE__ */ Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb88320
  return value
})
