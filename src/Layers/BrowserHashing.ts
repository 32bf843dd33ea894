/**
 * `Hashing` for browsers, whose own digests are asynchronous, and lack SHA-224: by WebAssembly, or in JavaScript alone
 * where a page has none. The digests are those of `NodeHashing`.
 */
import { sha1 } from "@noble/hashes/legacy.js"
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import * as Layer from "effect/Layer"
import * as Digester from "../Protocol/Digest/Digester.ts"
import { Hashing } from "../Protocol/Hashing.ts"

/**
 * Digests by WebAssembly, and by `@noble/hashes` where a page forbids that (its policy lacks `wasm-unsafe-eval`), and for
 * SHA-1.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Hashing> = Layer.sync(Hashing, () => {
  const [large, small] = [Digester.large(), Digester.small()]
  const functions = {
    sha1: noble(sha1),
    sha224: noble(sha224),
    sha256: noble(sha256),
    sha384: noble(sha384),
    sha512: noble(sha512),
    ...large,
    ...small
  }
  return {
    digest: (algorithm, first, second) => functions[algorithm](first, second),
    ...(large && { idText: large.idText })
  }
})

const noble = (hash: typeof sha384 | typeof sha224 | typeof sha1): Digester.Digest => (first, second) =>
  second === undefined ? hash(first) : hash.create().update(first).update(second).digest()
