/**
 * Ids of wire version 0.7 (`docs/protocol-0.7.md`, "Ids"): networks, nodes, and the positions of chord.
 */
import * as Base58 from "../Base58.ts"
import { digestBytes, type HashAlgorithm, type Hashing } from "../Hashing.ts"
import * as Ids from "../internal/Ids.ts"

/**
 * The version as it goes into network ids.
 *
 * @category models
 * @since 0.1.0
 */
export const version = "0.7"

/**
 * The exponent of the chord ring's size: 2^384 positions, one for each node id.
 *
 * @category models
 * @since 0.1.0
 */
export const ringBits = 384

/**
 * The id of a network: the SHA-256 of subnet, encryption and version.
 *
 * @category encoding
 * @since 0.1.0
 */
export const networkId = (hashing: Hashing["Service"], subnet: string, encryption: string): string =>
  Ids.networkId(hashing, subnet, encryption, version)

/**
 * The id of a node: the SHA-384 of its address as JavaScript writes it, its network and a salt of its
 * own. Nobody checks it.
 *
 * @category encoding
 * @since 0.1.0
 */
export const nodeId = (
  hashing: Hashing["Service"],
  address: { readonly host: string; readonly port: number },
  networkId: string,
  salt: string
): string => Ids.digestText(hashing, "sha384", `(${address.host}, ${address.port})${networkId}${salt}`)

/**
 * The id of a node that has a key.
 *
 * @category encoding
 * @since 0.1.0
 */
export const identityId = Ids.identityId

/**
 * What a chord node puts in its handshake for the network. The ring of 2^384 is the version's own, and
 * then it is the plain id, as the references have it; nodes of ours with another ring keep apart.
 *
 * @category encoding
 * @since 0.1.0
 */
export const chordNetworkId = (networkId: string, exponent: number): string =>
  exponent === ringBits ? networkId : networkId + Base58.fromInteger(exponent)

/**
 * How many zero bits are behind a digest on a ring of 2^`exponent`: digests shorter than the 384 bits of the
 * version's own ring are filled up with zeros. On other rings, which only ours have, none.
 *
 * @category math
 * @since 0.1.0
 */
export const keyShift = (table: HashAlgorithm, exponent: number): number =>
  exponent === ringBits ? Math.max(0, ringBits - 8 * digestBytes[table]) : 0

/**
 * The position of an id on a ring of 2^`exponent`; `undefined` when the id is not in base 58. Takes
 * time quadratic in the length of the id.
 *
 * @category math
 * @since 0.1.0
 */
export const ringPosition = Ids.ringPosition
