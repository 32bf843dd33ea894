/**
 * `Compression` for browsers, which have no synchronous zlib: in JavaScript alone, with the same
 * methods, the same bytes taken and the same bounds as `NodeCompression`. fflate writes zlib and
 * gzip; `Inflate` reads them.
 */
import type * as Layer from "effect/Layer"
import { gzipSync, zlibSync } from "fflate"
import { type CompressingMethod, Compression, type DecompressionFault } from "../Protocol/Compression/Compression.ts"
import {
  adler32,
  crc32,
  gzipHeaderBytes,
  gzipTrailerBytes,
  isGzip,
  isZlib,
  isZlibOrGzip
} from "../Protocol/Compression/DeflateFormat.ts"
import { inflate } from "../Protocol/Compression/Inflate.ts"
import { lzString } from "../Protocol/Compression/LzString.ts"
import { snappy } from "../Protocol/Compression/Snappy.ts"

const zlibHeaderBytes = 2
const zlibTrailerBytes = 4

/**
 * zlib's format, which all implementations prefer. Reads gzip as well, as the original Python node
 * does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const zlibMethod: CompressingMethod = {
  name: "zlib",
  compress: (bytes) => zlibSync(bytes),
  decompress: (bytes, maxBytes) => decompress(bytes, maxBytes),
  recognizes: (bytes) => isZlibOrGzip(bytes)
}

/**
 * gzip's format, of one member. Reads zlib as well, as the original Python node does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const gzipMethod: CompressingMethod = {
  name: "gzip",
  // Without the time of day, which it would take from the host.
  compress: (bytes) => gzipSync(bytes, { mtime: 0 }),
  decompress: (bytes, maxBytes) => decompress(bytes, maxBytes),
  recognizes: (bytes) => isZlibOrGzip(bytes)
}

/**
 * zlib, gzip, snappy and lz-string, in this order.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Compression> = Compression.layer([zlibMethod, gzipMethod, snappy, lzString])

/** The first stream in `bytes`, whichever of the two formats it has; what follows it is ignored. */
const decompress = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFault => {
  if (isGzip(bytes)) return gunzip(bytes, maxBytes)
  return isZlib(bytes) ? unzlib(bytes, maxBytes) : "malformed"
}

const unzlib = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFault => {
  // A dictionary that both ends would have to know.
  if ((bytes[1]! & 0x20) !== 0) return "malformed"
  const inflated = inflate(bytes, zlibHeaderBytes, maxBytes)
  if (typeof inflated === "string") return inflated
  if (inflated.end + zlibTrailerBytes > bytes.length) return "malformed"
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + inflated.end, zlibTrailerBytes)
  return trailer.getUint32(0) === adler32(inflated.bytes) ? inflated.bytes : "malformed"
}

const gunzip = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFault => {
  const start = gzipHeaderBytes(bytes)
  if (start === undefined) return "malformed"
  const inflated = inflate(bytes, start, maxBytes)
  if (typeof inflated === "string") return inflated
  if (inflated.end + gzipTrailerBytes > bytes.length) return "malformed"
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + inflated.end, gzipTrailerBytes)
  const matches = trailer.getUint32(0, true) === crc32(inflated.bytes) &&
    trailer.getUint32(4, true) === inflated.bytes.length
  return matches ? inflated.bytes : "malformed"
}
