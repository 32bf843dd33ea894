/** `Hashing` with Node's own digests, and WebAssembly for what is shorter than a call of those. */
import * as Layer from "effect/Layer"
import * as crypto from "node:crypto"
import * as Digester from "../Protocol/Digest/Digester.ts"
import { digestBytes, type HashAlgorithm, Hashing } from "../Protocol/Hashing.ts"
import { view } from "../Protocol/internal/Bytes.ts"

/** One block of the larger digests: longer inputs take no longer with Node's own. */
const maxShortBytes = 111
/** Up to here copying two parts together for the one-shot function is cheaper than a hash object. */
const maxJoinedBytes = 16 * 1024

const scratch = new Uint8Array(maxJoinedBytes)

/**
 * Digests by `node:crypto`; those of up to 111 bytes by WebAssembly where there is any.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Hashing> = Layer.sync(Hashing, () => {
  const short = Digester.large()
  if (short === undefined) return { digest }
  const isShort = (first: Uint8Array, second: Uint8Array | undefined): boolean =>
    first.length + (second === undefined ? 0 : second.length) <= maxShortBytes
  return {
    digest: (algorithm, first, second) =>
      (algorithm === "sha384" || algorithm === "sha512") && isShort(first, second)
        ? short[algorithm](first, second)
        : digest(algorithm, first, second),
    idText: (first, second) =>
      isShort(first, second) ? short.idText(first, second) : short.idTextOf(binary("sha384", first, second))
  }
})

/** By `node:crypto`. As text and back takes half the time of the Buffer that its functions would make. */
const digest = (algorithm: HashAlgorithm, first: Uint8Array, second?: Uint8Array): Uint8Array => {
  const text = binary(algorithm, first, second)
  const out = new Uint8Array(digestBytes[algorithm])
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i)
  return out
}

/** A character for each byte. */
const binary = (algorithm: HashAlgorithm, first: Uint8Array, second: Uint8Array | undefined): string => {
  if (second === undefined) return crypto.hash(algorithm, first, "binary")
  const total = first.length + second.length
  if (total > maxJoinedBytes) return crypto.createHash(algorithm).update(first).update(second).digest("binary")
  scratch.set(first)
  scratch.set(second, first.length)
  return crypto.hash(algorithm, view(scratch, 0, total), "binary")
}
