/** Ids that every wire version makes in the same way. */
import * as Base58 from "../Base58.ts"
import type { HashAlgorithm, Hashing } from "../Hashing.ts"
import { view } from "./Bytes.ts"

const encoder = new TextEncoder()

/** A digest of 48 bytes in base 58. */
export const maxIdBytes = 66

/** The SHA-384 of both in base 58, as ASCII: a view that the next call may overwrite. */
export type IdText = (first: Uint8Array, second?: Uint8Array) => Uint8Array

/** The one of `hashing`, or one by its `digest`. */
export const idText = (hashing: Hashing["Service"]): IdText => {
  if (hashing.idText !== undefined) return hashing.idText
  const text = new Uint8Array(maxIdBytes)
  return (first, second) => view(text, 0, Base58.writeBytes(hashing.digest("sha384", first, second), text, 0))
}

/** The text of the digest of a text. */
export const digestText = (hashing: Hashing["Service"], algorithm: HashAlgorithm, text: string): string =>
  Base58.fromBytes(hashing.digest(algorithm, encoder.encode(text)))

/** The id of a network: the SHA-256 of subnet, encryption and version. */
export const networkId = (hashing: Hashing["Service"], subnet: string, encryption: string, version: string): string =>
  digestText(hashing, "sha256", subnet + encryption + version)

/**
 * The id of a node that has a key: the SHA-384 of a name for this use, its network and its public key
 * (DER). It looks like any other id, and only whoever has the private key can prove that it is theirs.
 */
export const identityId = (hashing: Hashing["Service"], publicKey: Uint8Array, networkId: string): string =>
  Base58.fromBytes(hashing.digest("sha384", encoder.encode(`effect-p2p:identity:1:${networkId}:`), publicKey))

/**
 * The position of an id on a ring of 2^`exponent`; `undefined` when the id is not in base 58. Takes
 * time quadratic in the length of the id.
 */
export const ringPosition = (id: string, exponent: number): bigint | undefined => {
  const integer = Base58.toInteger(id)
  return integer === undefined ? undefined : BigInt.asUintN(exponent, integer)
}
