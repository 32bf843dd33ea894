/**
 * Digests, as a service: message ids, node ids and chord keys all hang on it. It is synchronous,
 * because it is on the path of every message, and swappable: `node:crypto` on Node
 * (`NodeHashing`), a fast non-cryptographic mix for simulations and tests (`layerFast`).
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Base58 from "./Base58.ts"
import { view } from "./internal/Bytes.ts"
import { maxIdBytes } from "./internal/Ids.ts"

/**
 * The digests the wire protocol uses: SHA-384 for node ids and the message ids of 0.4, SHA-256 for
 * network ids and the message ids of 0.7, and all five for chord keys.
 *
 * @category models
 * @since 0.1.0
 */
export type HashAlgorithm = "sha1" | "sha224" | "sha256" | "sha384" | "sha512"

/**
 * The length of each digest in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export const digestBytes: Readonly<Record<HashAlgorithm, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64
}

/**
 * The digests, by length: each is also one of the five hash tables of chord.
 *
 * @category models
 * @since 0.1.0
 */
export const hashAlgorithms = /* @__PURE__ */ Object.keys(digestBytes) as ReadonlyArray<HashAlgorithm>

/**
 * Computes digests synchronously.
 *
 * @category services
 * @since 0.1.0
 */
export class Hashing extends Context.Service<Hashing, {
  /**
   * The digest of `first` followed by `second`, which need not lie next to each other in memory.
   * The result is the caller's own, `digestBytes[algorithm]` long. Never fails.
   */
  readonly digest: (algorithm: HashAlgorithm, first: Uint8Array, second?: Uint8Array) => Uint8Array
  /**
   * The SHA-384 of both in base 58, as ASCII, which the id of a message is: for who is faster than `digest` and
   * `Base58.writeBytes` are, which is what is done without it. The result may be a view that the next call overwrites.
   */
  readonly idText?: (first: Uint8Array, second?: Uint8Array) => Uint8Array
}>()("effect-p2p/Protocol/Hashing") {
  /**
   * A fast mix that is NOT a cryptographic hash: for simulations and tests only. Digests have the
   * right lengths and spread well, but anyone can make two inputs collide. Nodes that use it only
   * understand each other.
   */
  static readonly layerFast: Layer.Layer<Hashing> = Layer.sync(this, () => {
    const digest = new Uint8Array(digestBytes.sha384)
    const text = new Uint8Array(maxIdBytes)
    return {
      digest: (algorithm, first, second) => mixInto(new Uint8Array(digestBytes[algorithm]), first, second),
      // Without a digest that is made for each message.
      idText: (first, second) => view(text, 0, Base58.writeBytes(mixInto(digest, first, second), text, 0))
    }
  })
}

/** Four interleaved 32-bit FNV-1a lanes, stretched to the length of `out` by a finalizing mix. */
const mixInto = (out: Uint8Array, first: Uint8Array, second: Uint8Array | undefined): Uint8Array => {
  lanes[0] = 0x811c9dc5
  lanes[1] = 0x9747b28c
  lanes[2] = 0x1b873593
  lanes[3] = 0xcc9e2d51
  let state = absorb(first, 0)
  if (second !== undefined) state = absorb(second, state)
  for (let offset = 0; offset < out.length; offset += 4) {
    for (let lane = 0; lane < 4; lane++) {
      state = Math.imul(state ^ lanes[lane]!, 0x85ebca6b)
      state ^= state >>> 13
    }
    state = Math.imul(state + offset, 0xc2b2ae35)
    const word = state ^ (state >>> 16)
    out[offset] = word >>> 24
    out[offset + 1] = word >>> 16
    out[offset + 2] = word >>> 8
    out[offset + 3] = word
  }
  return out
}

/** Of the digest that is being made; nothing else runs meanwhile. */
const lanes = /* @__PURE__ */ new Uint32Array(4)

const absorb = (part: Uint8Array, start: number): number => {
  for (let i = 0; i < part.length; i++) {
    const lane = (start + i) & 3
    lanes[lane] = Math.imul(lanes[lane]! ^ part[i]!, 0x01000193)
  }
  return start + part.length
}
