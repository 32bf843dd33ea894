/**
 * Signatures, as a service that a node may have: what checks those of others, and, where the node has
 * a key and is to use it, what makes its own. Without it nothing is signed and nothing is proven.
 * Synchronous, as digests are: it is on the path of the messages that carry a signature.
 */
import * as Context from "effect/Context"

/**
 * What a node can do with keys. Keys are Ed25519, as DER (SubjectPublicKeyInfo).
 *
 * @category models
 * @since 0.1.0
 */
export interface SigningKeys {
  /** The key that this node's id follows from; undefined when it has none. */
  readonly publicKey: Uint8Array | undefined
  /** Signs with that key, 64 bytes; undefined when this node does not sign. */
  readonly sign: ((bytes: Uint8Array) => Uint8Array) | undefined
  /** Whether the signature of the bytes was made with that key. Never throws; `false` for what is no key. */
  readonly verify: (publicKey: Uint8Array, signature: Uint8Array, bytes: Uint8Array) => boolean
}

/**
 * The service; by default there is none.
 *
 * @category services
 * @since 0.1.0
 */
export const Signing: Context.Reference<SigningKeys | undefined> = Context.Reference<SigningKeys | undefined>(
  "effect-p2p/Protocol/Signing",
  { defaultValue: () => undefined }
)
