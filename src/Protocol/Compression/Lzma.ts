/**
 * LZMA, which the original nodes have on Python 3 and write as .xz: read only, since no peer ever
 * prefers it to zlib. It is a Layer of its own, to merge into the others:
 * `Compression.layerMerge(NodeCompression.layer, Lzma.layer)`.
 *
 * Written here because none of the packages fits: those of liblzma and xz-embedded answer only
 * later, while bodies are read in one go, and the one that answers at once has no bound.
 */
import type * as Layer from "effect/Layer"
import { Compression, type CompressionMethod, type DecompressionFault } from "./Compression.ts"
import type { GrowingOutput } from "./internal/GrowingOutput.ts"
import { isLzmaFile, readLzmaFile } from "./internal/LzmaFile.ts"
import { readStreams } from "./internal/Streams.ts"
import { isXzStream, readXzStream } from "./internal/XzStream.ts"

/**
 * The method `"lzma"`. It reads .xz and the older .lzma, as Python does; streams that follow each
 * other are read as one, and what follows them is ignored.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lzma: CompressionMethod = {
  name: "lzma",
  decompress: (bytes, maxBytes) => readStreams({ isStream, readStream }, bytes, maxBytes),
  recognizes: (bytes) => isStream(bytes, 0)
}

/**
 * Offers lzma alone.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Compression> = Compression.layer([lzma])

const isStream = (bytes: Uint8Array, start: number): boolean => isXzStream(bytes, start) || isLzmaFile(bytes, start)

const readStream = (bytes: Uint8Array, start: number, output: GrowingOutput): number | DecompressionFault =>
  isXzStream(bytes, start) ? readXzStream(bytes, start, output) : readLzmaFile(bytes, start, output)
