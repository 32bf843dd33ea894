/**
 * Undoes the compression of a body (`docs/protocol.md`, "Compression"). The references
 * try every method agreed on; ours looks at the first bytes, which tell: a plain body begins with
 * the length of its first packet, and would need a packet of 130 MB to look compressed.
 */
import type { CompressionMethod } from "../Compression/Compression.ts"
import { WireFault } from "../WireFault.ts"

/**
 * The plain body. What no method recognizes is taken as plain, at any time, as the references do.
 *
 * @category decoding
 * @since 0.1.0
 */
export const unpack = (
  body: Uint8Array,
  methods: ReadonlyArray<CompressionMethod>,
  maxBytes: number
): Uint8Array | WireFault => {
  let malformed: string | undefined
  for (const method of methods) {
    if (!method.recognizes(body)) continue
    const plain = method.decompress(body, maxBytes)
    if (plain === "tooLarge") {
      return new WireFault("DecompressedTooLarge", 0, `a body that ${method.name} inflates past ${maxBytes} bytes`)
    }
    if (plain !== "malformed") return plain
    malformed = method.name
  }
  return malformed === undefined
    ? body
    : new WireFault("MalformedCompression", 0, `a body that begins as ${malformed} does, but is not`)
}
