/**
 * `Hashing` in JavaScript alone, for browsers: their own digests are asynchronous, and lack
 * SHA-224. The digests are those of `NodeHashing`.
 */
import { sha1 } from "@noble/hashes/legacy.js"
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import * as Layer from "effect/Layer"
import { Hashing } from "../Protocol/Hashing.ts"

const functions = { sha1, sha224, sha256, sha384, sha512 }

/**
 * Digests by `@noble/hashes`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Hashing> = Layer.succeed(Hashing, {
  digest: (algorithm, first, second) => {
    const hash = functions[algorithm]
    return second === undefined ? hash(first) : hash.create().update(first).update(second).digest()
  }
})
