/** `Signing` with the Ed25519 of `node:crypto`. */
import * as Layer from "effect/Layer"
import * as crypto from "node:crypto"
import { Signing, type SigningKeys } from "../Protocol/Signing.ts"
import type { NodeIdentity } from "../Transport/NodeIdentity.ts"

/** Public keys that were read of late, by their bytes: to read one costs as much as a signature. */
const maxKeys = 256

/**
 * Checks signatures, gives a node the id of `identity`, if there is one, and signs with it if it is to.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (identity: NodeIdentity | undefined, sign: boolean): Layer.Layer<never> =>
  Layer.sync(Signing, () => make(identity, sign))

/**
 * The same by itself, for who needs no Layer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (identity: NodeIdentity | undefined, sign: boolean): SigningKeys => {
  const keys = new Map<string, crypto.KeyObject>()
  return {
    publicKey: identity?.publicKey,
    sign: identity === undefined || !sign
      ? undefined
      : (bytes) => new Uint8Array(crypto.sign(null, bytes, identity.privateKey)),
    verify: (publicKey, signature, bytes) => {
      const key = readKey(keys, publicKey)
      return key !== undefined && crypto.verify(null, bytes, key, signature)
    }
  }
}

/** Only Ed25519: another kind of key is no identity. */
const readKey = (keys: Map<string, crypto.KeyObject>, publicKey: Uint8Array): crypto.KeyObject | undefined => {
  const name = Buffer.from(publicKey).toString("latin1")
  const known = keys.get(name)
  if (known !== undefined) return known
  const key = parseKey(publicKey)
  if (key?.asymmetricKeyType !== "ed25519") return undefined
  if (keys.size >= maxKeys) keys.clear()
  keys.set(name, key)
  return key
}

const parseKey = (publicKey: Uint8Array): crypto.KeyObject | undefined => {
  try {
    return crypto.createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" })
  } catch {
    return undefined
  }
}
