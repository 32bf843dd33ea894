/** `Compression` with Node's zlib: the methods that all original nodes have, snappy and lz-string. */
import type * as Layer from "effect/Layer"
import * as zlib from "node:zlib"
import { type CompressingMethod, Compression, type DecompressionFault } from "../Protocol/Compression/Compression.ts"
import {
  gzipHeaderBytes,
  gzipTrailerBytes,
  isGzip,
  isZlib,
  isZlibOrGzip
} from "../Protocol/Compression/DeflateFormat.ts"
import { lzString } from "../Protocol/Compression/LzString.ts"
import { snappy } from "../Protocol/Compression/Snappy.ts"

/**
 * zlib's format, which all implementations prefer. Reads gzip as well, as the original Python node
 * does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const zlibMethod: CompressingMethod = {
  name: "zlib",
  compress: (bytes) => plainArray(zlib.deflateSync(bytes)),
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
  compress: (bytes) => plainArray(zlib.gzipSync(bytes)),
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

/**
 * The first stream in `bytes`, whichever of the two formats it has; what follows it is ignored. The
 * original Python node reads so: a second gzip member is not read, and the body lacks its end.
 */
const decompress = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFault => {
  try {
    if (isGzip(bytes)) return gunzip(bytes, maxBytes)
    return isZlib(bytes) ? within(maxBytes, zlib.inflateSync(bytes, limits(bytes, maxBytes))) : "malformed"
  } catch (error) {
    return error instanceof RangeError ? "tooLarge" : "malformed"
  }
}

/** Node's own gunzip goes on to further members, and fails on other bytes that follow. */
const gunzip = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFault => {
  const start = gzipHeaderBytes(bytes)
  if (start === undefined) return "malformed"
  const options = { ...limits(bytes, maxBytes), info: true } as const
  // The declarations of Node do not know what `info` changes.
  const { buffer, engine } = zlib.inflateRawSync(bytes.subarray(start), options) as unknown as {
    readonly buffer: Buffer
    readonly engine: { readonly bytesWritten: number }
  }
  const trailer = start + engine.bytesWritten
  if (trailer + gzipTrailerBytes > bytes.length) return "malformed"
  const view = new DataView(bytes.buffer, bytes.byteOffset + trailer, gzipTrailerBytes)
  const matches = view.getUint32(0, true) === zlib.crc32(buffer) && view.getUint32(4, true) === buffer.length
  return matches ? within(maxBytes, buffer) : "malformed"
}

/** Output comes in chunks of a size that fits: the default of 16 KiB is slow to make for small bodies. */
const limits = (bytes: Uint8Array, maxBytes: number) => ({
  // What Node takes; a limit outside of it would be an error of its own.
  maxOutputLength: Math.min(Math.max(1, maxBytes), 0x7fffffff),
  chunkSize: Math.min(64 * 1024, Math.max(1024, bytes.length * 4))
})

const within = (maxBytes: number, buffer: Buffer): Uint8Array | DecompressionFault =>
  buffer.length > maxBytes ? "tooLarge" : plainArray(buffer)

/** No Buffer, and a copy where a small result would keep a large chunk in memory. */
const plainArray = (buffer: Buffer): Uint8Array =>
  buffer.buffer.byteLength > 2 * buffer.length
    ? new Uint8Array(buffer)
    : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
