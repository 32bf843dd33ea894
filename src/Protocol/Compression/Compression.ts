/**
 * Compression methods, as a service: which a node offers, in its order of preference. Two peers
 * compress with the first method of the sender's order that the receiver offered. Every method bounds what it may produce while it inflates, so that a small frame
 * cannot fill the memory.
 *
 * A method of one's own is made by `Compression.make` and added to others by `layerMerge`:
 *
 * ```ts
 * import { Compression } from "effect-p2p"
 * import { NodeCompression } from "effect-p2p/node"
 *
 * // For tests: nothing shrinks, but every frame goes through it.
 * const reversed = Compression.make({
 *   name: "reversed",
 *   magic: "REV1",
 *   compress: (bytes) => bytes.toReversed(),
 *   decompress: (bytes, maxBytes) => bytes.length > maxBytes ? "tooLarge" : bytes.toReversed()
 * })
 *
 * const layer = Compression.layerMerge(Compression.layer([reversed]), NodeCompression.layer)
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

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
 * `"bz2"`, `"lzma"`, `"snappy"` on 0.7, and those that are reserved); a name without a flag is offered
 * as that text, which other implementations skip.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompressionMethod {
  readonly name: string
  /**
   * Compresses whole, or gives the bytes back where it would take too long; the caller compares lengths and may send
   * the plain bytes instead. A method without it is read only: peers are told that they may use it, and this node
   * never does.
   */
  readonly compress?: ((bytes: Uint8Array) => Uint8Array) | undefined
  /**
   * Decompresses whole, giving up as soon as the output would exceed `maxBytes`, and in a time that
   * is bounded by the bytes in and out. Never throws.
   */
  readonly decompress: (bytes: Uint8Array, maxBytes: number) => Uint8Array | DecompressionFault
  /**
   * Whether bytes start as this method's output does. Plain bodies of 0.4, which begin with a zero byte, must not
   * match. Those of 0.7 begin with a digest and may: what then comes out counts only if its digest is right.
   */
  readonly recognizes: (bytes: Uint8Array) => boolean
}

/**
 * A method that compresses, too.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompressingMethod extends CompressionMethod {
  readonly compress: (bytes: Uint8Array) => Uint8Array
}

/**
 * What `Compression.make` takes: how packed bodies are told from others by `magic` or by
 * `recognizes`, one of them.
 *
 * @category options
 * @since 0.1.0
 */
export type CompressionOptions =
  & {
    /**
     * As `CompressionMethod` has it. A name that is reserved is offered by its flag (`"ppmd"` by 0x1E), any
     * other as text.
     */
    readonly name: string
    /** Leave it out for a method that is only read. */
    readonly compress?: ((bytes: Uint8Array) => Uint8Array) | undefined
    /**
     * Gives the plain bytes. It has to stop by itself when they would be more than `maxBytes`, or a
     * peer can fill the memory; what it throws counts as `"malformed"`.
     */
    readonly decompress: (bytes: Uint8Array, maxBytes: number) => Uint8Array | DecompressionFault
  }
  & (
    | {
      /**
       * Written in front of what `compress` gives and taken off before `decompress`: for formats
       * without a mark of their own. Any text that no other method begins with; four characters
       * will do.
       */
      readonly magic: string
      readonly recognizes?: undefined
    }
    | {
      /**
       * Whether bytes are of this format, for formats with a mark. Plain bodies begin with a zero byte on 0.4,
       * and with any byte on 0.7.
       */
      readonly recognizes: (bytes: Uint8Array) => boolean
      readonly magic?: undefined
    }
  )

/**
 * The compression methods a node offers, most preferred first.
 *
 * @category services
 * @since 0.1.0
 */
export class Compression extends Context.Service<Compression, {
  readonly methods: ReadonlyArray<CompressionMethod>
}>()("effect-p2p/Protocol/Compression") {
  /**
   * A method from functions, made safe: what they throw, and what they give beyond the limit, is a
   * fault. Throws a `RangeError` for a `magic` that is empty or begins with a zero byte: it could
   * not be told from a plain body of 0.4.
   */
  static readonly make = (options: CompressionOptions): CompressionMethod => makeMethod(options)

  /** Offers these methods, most preferred first. */
  static readonly layer = (methods: ReadonlyArray<CompressionMethod>): Layer.Layer<Compression> =>
    Layer.succeed(this, { methods })

  /**
   * Offers the methods of all these layers, those of the first layer first. Of two methods with one
   * name the first counts.
   */
  static readonly layerMerge = <Errors extends ReadonlyArray<unknown>>(
    ...layers: { readonly [Index in keyof Errors]: Layer.Layer<Compression, Errors[Index]> }
  ): Layer.Layer<Compression, Errors[number]> => Layer.effect(this, mergeLayers<Errors[number]>(layers))

  /** Offers nothing: every frame to and from this node is plain. */
  static readonly layerNone: Layer.Layer<Compression> = Layer.succeed(this, { methods: [] })
}

const mergeLayers = <E>(
  layers: ReadonlyArray<Layer.Layer<Compression, E>>
): Effect.Effect<Compression["Service"], E, Scope.Scope> =>
  Effect.map(Effect.forEach(layers, (layer) => Layer.build(layer)), (contexts) => {
    const byName = new Map<string, CompressionMethod>()
    for (const context of contexts) {
      for (const method of Context.get(context, Compression).methods) {
        if (!byName.has(method.name)) byName.set(method.name, method)
      }
    }
    return { methods: Array.from(byName.values()) }
  })

const makeMethod = (options: CompressionOptions): CompressionMethod => {
  const { compress, decompress, name } = options
  const mark = new TextEncoder().encode(options.magic ?? "")
  if (options.magic !== undefined && (mark[0] ?? 0) === 0) {
    throw new RangeError(`"${name}" needs a magic of at least one byte, the first of them not zero`)
  }
  const recognizes = options.recognizes ?? ((bytes: Uint8Array) => mark.every((byte, i) => bytes[i] === byte))
  return {
    name,
    compress: compress === undefined ? undefined : (bytes) => {
      const packed = compress(bytes)
      if (mark.length === 0) return packed
      const out = new Uint8Array(mark.length + packed.length)
      out.set(mark)
      out.set(packed, mark.length)
      return out
    },
    decompress: (bytes, maxBytes) => {
      try {
        if (!recognizes(bytes)) return "malformed"
        const plain = decompress(bytes.subarray(mark.length), maxBytes)
        return typeof plain !== "string" && plain.length > maxBytes ? "tooLarge" : plain
      } catch {
        return "malformed"
      }
    },
    recognizes: (bytes) => {
      try {
        return recognizes(bytes)
      } catch {
        return false
      }
    }
  }
}

/**
 * The method to send with: the first of one's own order that the peer offered and that compresses,
 * or `undefined` for plain.
 *
 * @category math
 * @since 0.1.0
 */
export const negotiate = (
  own: ReadonlyArray<CompressionMethod>,
  offeredByPeer: ReadonlyArray<string>
): CompressingMethod | undefined =>
  own.find((method): method is CompressingMethod =>
    method.compress !== undefined && offeredByPeer.includes(method.name)
  )
