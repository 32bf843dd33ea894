/**
 * bzip2, which the original Python node has: read only, since no peer ever prefers it to zlib. It is
 * a Layer of its own, to merge into the others:
 * `Compression.layerMerge(NodeCompression.layer, Bz2.layer)`.
 *
 * Written here because none of the packages can be trusted with bytes from a peer: seek-bzip bounds
 * neither its output nor what a block of 30 bytes costs, the WebAssembly one takes over the
 * uncaught exceptions of the whole process, and neither runs in a browser as it is.
 */
import type * as Layer from "effect/Layer"
import { Compression, type CompressionMethod, type DecompressionFault } from "./Compression.ts"
import { BlockReader } from "./internal/Bz2Block.ts"
import type { GrowingOutput } from "./internal/GrowingOutput.ts"
import { HighBits } from "./internal/HighBits.ts"
import { readStreams } from "./internal/Streams.ts"

/** "BZh", and how large a block can be, '1' to '9', in units of 100,000 bytes. */
const magic = /* @__PURE__ */ Uint8Array.of(0x42, 0x5a, 0x68)
const headerBytes = 4
const blockUnitBytes = 100_000

/** What stands before a block, and before the check sum at the end: the digits of pi, and of its root. */
const blockMark = [0x314159, 0x265359]
const endMark = [0x177245, 0x385090]

/**
 * The method `"bz2"`. Streams that follow each other are read as one, as Python does; what follows
 * them is ignored.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bz2: CompressionMethod = {
  name: "bz2",
  decompress: (bytes, maxBytes) => readStreams({ isStream, readStream }, bytes, maxBytes),
  recognizes: (bytes) => isStream(bytes, 0)
}

/**
 * Offers bz2 alone.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Compression> = Compression.layer([bz2])

const isStream = (bytes: Uint8Array, start: number): boolean => {
  const level = bytes[start + magic.length]!
  return magic.every((byte, index) => bytes[start + index] === byte) && level >= 0x31 && level <= 0x39
}

/** Appends the stream at `start`, which begins as one, and returns where it ends. */
const readStream = (bytes: Uint8Array, start: number, output: GrowingOutput): number | DecompressionFault => {
  const bits = new HighBits(bytes, start + headerBytes)
  const blocks = new BlockReader(bits, output, (bytes[start + magic.length]! - 0x30) * blockUnitBytes)
  let sum = 0
  for (;;) {
    const mark = [bits.read(24), bits.read(24)]
    if (mark[0] === endMark[0] && mark[1] === endMark[1]) break
    if (mark[0] !== blockMark[0] || mark[1] !== blockMark[1]) return "malformed"
    const blockSum = bits.read32()
    const fault = blocks.read(blockSum)
    if (fault !== undefined) return fault
    sum = ((sum << 1) | (sum >>> 31)) ^ blockSum
  }
  const announced = bits.read32()
  return bits.isPastEnd || announced !== sum >>> 0 ? "malformed" : bits.end
}
