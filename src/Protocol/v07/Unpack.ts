/**
 * Undoes the compression of a body (`docs/protocol-0.7.md`, "Compression"). A plain body begins with a
 * digest, so that any bytes may come first and none tells for sure: a method that recognizes them is tried,
 * and its result counts if it is intact. What no method can read is taken as plain, at any time, as the
 * references do.
 */
import type { CompressionMethod } from "../Compression/Compression.ts"
import type { Hashing } from "../Hashing.ts"
import { WireFault } from "../WireFault.ts"
import { isIntact } from "./MessageCodec.ts"

/**
 * The plain body.
 *
 * @category decoding
 * @since 0.1.0
 */
export const unpack = (
  hashing: Hashing["Service"],
  body: Uint8Array,
  methods: ReadonlyArray<CompressionMethod>,
  maxBytes: number
): Uint8Array | WireFault => {
  let fault: WireFault | undefined
  let found: Uint8Array | undefined
  for (const method of methods) {
    if (!method.recognizes(body)) continue
    const plain = method.decompress(body, maxBytes)
    if (plain === "tooLarge") {
      fault ??= new WireFault("DecompressedTooLarge", 0, `a body that ${method.name} inflates past ${maxBytes} bytes`)
    } else if (plain === "malformed") {
      fault ??= new WireFault("MalformedCompression", 0, `a body that begins as ${method.name} does, but is not`)
    } else if (isIntact(hashing, plain)) return plain
    else found ??= plain
  }
  if (fault === undefined && found === undefined) return body
  return isIntact(hashing, body) ? body : fault ?? found ?? body
}
