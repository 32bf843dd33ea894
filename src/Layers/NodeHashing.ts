/** `Hashing` with Node's own digests. */
import * as Layer from "effect/Layer"
import * as crypto from "node:crypto"
import { digestBytes, type HashAlgorithm, Hashing } from "../Protocol/Hashing.ts"
import { view } from "../Protocol/internal/Bytes.ts"

/** Up to here copying two parts together for the one-shot function is cheaper than a hash object. */
const maxJoinedBytes = 16 * 1024

const scratch = new Uint8Array(maxJoinedBytes)

/**
 * Digests by `node:crypto`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Hashing> = Layer.succeed(Hashing, {
  digest: (algorithm, first, second) => {
    if (second === undefined) return fromBinary(algorithm, crypto.hash(algorithm, first, "binary"))
    const total = first.length + second.length
    if (total > maxJoinedBytes) {
      return fromBinary(algorithm, crypto.createHash(algorithm).update(first).update(second).digest("binary"))
    }
    scratch.set(first)
    scratch.set(second, first.length)
    return fromBinary(algorithm, crypto.hash(algorithm, view(scratch, 0, total), "binary"))
  }
})

/** As text and back: half the time of the Buffer that the functions would make. */
const fromBinary = (algorithm: HashAlgorithm, text: string): Uint8Array => {
  const out = new Uint8Array(digestBytes[algorithm])
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i)
  return out
}
