/**
 * Frames, the same in every wire version: a size of four bytes, big-endian, and a body of that
 * many bytes (`docs/protocol.md`, "A frame"). `FrameSplitter` finds them in a stream.
 */
import * as Slab from "./internal/Slab.ts"
import { WireFault } from "./WireFault.ts"

/**
 * The bytes that the size takes before each body.
 *
 * @category models
 * @since 0.1.0
 */
export const headerBytes = 4

const maxSize = 0xffffffff

/**
 * The size of a body as the four bytes before it, written into `out` from `offset` on. Throws a
 * `RangeError` for a body of 4 GiB or more, which no frame can hold.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writeHeader = (bodyBytes: number, out: Uint8Array, offset: number): void => {
  if (bodyBytes > maxSize) throw new RangeError(`a frame holds at most ${maxSize} bytes, not ${bodyBytes}`)
  out[offset] = bodyBytes >>> 24
  out[offset + 1] = bodyBytes >>> 16
  out[offset + 2] = bodyBytes >>> 8
  out[offset + 3] = bodyBytes
}

/**
 * The size that the four bytes from `offset` on announce.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readHeader = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0

/**
 * A whole frame: the header and a copy of the body. A small one is a part of a larger buffer, as Node's own
 * small buffers are: do not transfer its `buffer`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const frame = (body: Uint8Array): Uint8Array => {
  const out = Slab.allocate(headerBytes + body.length)
  writeHeader(body.length, out, 0)
  out.set(body, headerBytes)
  return out
}

/**
 * The body (a view) of bytes that are exactly one frame. Faults: `TruncatedFrame`, `EmptyFrame`,
 * `FrameTooLarge` (above `maxFrameBytes`, header not counted) and `TrailingBytes`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeFrame = (bytes: Uint8Array, maxFrameBytes: number): Uint8Array | WireFault => {
  if (bytes.length < headerBytes) {
    return new WireFault("TruncatedFrame", bytes.length, `${bytes.length} of ${headerBytes} header bytes`)
  }
  const size = readHeader(bytes, 0)
  const fault = checkSize(size, maxFrameBytes, 0)
  if (fault !== undefined) return fault
  const found = bytes.length - headerBytes
  if (found < size) return new WireFault("TruncatedFrame", bytes.length, `${found} of ${size} body bytes`)
  if (found > size) {
    return new WireFault("TrailingBytes", headerBytes + size, `${found - size} bytes after a frame of ${size}`)
  }
  return bytes.subarray(headerBytes)
}

/**
 * What is wrong with an announced size, if anything: `EmptyFrame` or `FrameTooLarge`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const checkSize = (size: number, maxFrameBytes: number, offset: number): WireFault | undefined => {
  if (size === 0) return new WireFault("EmptyFrame", offset, "a frame without a body")
  if (size > maxFrameBytes) {
    return new WireFault("FrameTooLarge", offset, `a frame of ${size} bytes where ${maxFrameBytes} are allowed`)
  }
  return undefined
}
