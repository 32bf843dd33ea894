/**
 * Compression methods, as a service: which a node offers, in its order of preference. Two peers
 * compress with the first method of the sender's order that the receiver offered (protocol 0.4,
 * section 3). Every method bounds what it may produce while it inflates, so that a small frame
 * cannot fill the memory.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * Why a body could not be decompressed: its bytes are not of the method, or it would have grown
 * past the limit.
 *
 * @category models
 * @since 0.1.0
 */
export type DecompressionFault = "malformed" | "tooLarge"

/**
 * One compression method. `name` is what the wire version maps to its own flag (`"zlib"`, `"gzip"`,
 * `"bz2"`, `"lzma"`); a name no wire version knows is offered as that text, which other
 * implementations skip.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompressionMethod {
  readonly name: string
  /** Compresses whole; the caller compares lengths and may send the plain bytes instead. */
  readonly compress: (bytes: Uint8Array) => Uint8Array
  /** Decompresses whole, giving up as soon as the output would exceed `maxBytes`. Never throws. */
  readonly decompress: (bytes: Uint8Array, maxBytes: number) => Uint8Array | DecompressionFault
  /** Whether bytes start as this method's output does. Plain bodies must not match. */
  readonly recognizes: (bytes: Uint8Array) => boolean
}

/**
 * The compression methods a node offers, most preferred first.
 *
 * @category services
 * @since 0.1.0
 */
export class Compression extends Context.Service<Compression, {
  readonly methods: ReadonlyArray<CompressionMethod>
}>()("effect-p2p/Protocol/Compression") {
  /** Offers these methods, most preferred first. */
  static readonly layer = (methods: ReadonlyArray<CompressionMethod>): Layer.Layer<Compression> =>
    Layer.succeed(this, { methods })

  /** Offers nothing: every frame to and from this node is plain. */
  static readonly layerNone: Layer.Layer<Compression> = Layer.succeed(this, { methods: [] })
}

/**
 * The method to send with: the first of one's own order that the peer offered, or `undefined` for
 * plain.
 *
 * @category math
 * @since 0.1.0
 */
export const negotiate = (
  own: ReadonlyArray<CompressionMethod>,
  offeredByPeer: ReadonlyArray<string>
): CompressionMethod | undefined => own.find((method) => offeredByPeer.includes(method.name))
