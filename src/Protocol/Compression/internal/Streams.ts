/**
 * Bodies that are streams of a format one behind the other, which Python's modules read as one; what
 * follows the last stream is ignored.
 */
import type { DecompressionFault } from "../Compression.ts"
import { GrowingOutput } from "./GrowingOutput.ts"

/** Streams in one body; a row of empty ones would cost much more than it weighs. Nobody writes two. */
const maxStreams = 16

/** A format of streams. */
export interface StreamFormat {
  /** Whether a stream begins at `start`. */
  readonly isStream: (bytes: Uint8Array, start: number) => boolean
  /** Appends the stream at `start`, where one begins, to the output; gives where it ends. */
  readonly readStream: (bytes: Uint8Array, start: number, output: GrowingOutput) => number | DecompressionFault
}

/** The output of all streams in a body, of `maxBytes` at most. */
export const readStreams = (
  { isStream, readStream }: StreamFormat,
  bytes: Uint8Array,
  maxBytes: number
): Uint8Array | DecompressionFault => {
  if (!isStream(bytes, 0)) return "malformed"
  const output = new GrowingOutput(maxBytes, bytes.length * 4)
  let position = 0
  for (let count = 0; isStream(bytes, position); count++) {
    const end = count < maxStreams ? readStream(bytes, position, output) : "malformed"
    if (typeof end === "string") return end
    position = end
  }
  return output.finish()
}
