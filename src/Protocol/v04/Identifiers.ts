/**
 * Ids of wire version 0.4 (`docs/protocol.md`, "Ids"): networks, nodes, and the positions of chord.
 */
import * as Base58 from "../Base58.ts"
import type { Hashing } from "../Hashing.ts"
import * as Ids from "../internal/Ids.ts"

/**
 * The version as it goes into network ids.
 *
 * @category models
 * @since 0.1.0
 */
export const version = "0.4"

/**
 * The id of a network: the SHA-256 of subnet, encryption and version.
 *
 * @category encoding
 * @since 0.1.0
 */
export const networkId = (hashing: Hashing["Service"], subnet: string, encryption: string): string =>
  Ids.networkId(hashing, subnet, encryption, version)

/**
 * The id of a node: the SHA-384 of its address as Python writes a pair, its network and a salt of
 * its own. Nobody checks it; that it is made as py2p makes it only keeps ids of one kind.
 *
 * @category encoding
 * @since 0.1.0
 */
export const nodeId = (
  hashing: Hashing["Service"],
  address: { readonly host: string; readonly port: number },
  networkId: string,
  salt: string
): string => Ids.digestText(hashing, "sha384", `(${pythonText(address.host)}, ${address.port})${networkId}${salt}`)

/**
 * The id of a node that has a key.
 *
 * @category encoding
 * @since 0.1.0
 */
export const identityId = Ids.identityId

/**
 * What a chord node puts in its handshake for the network: the id and the exponent of the ring's
 * size, glued together.
 *
 * @category encoding
 * @since 0.1.0
 */
export const chordNetworkId = (networkId: string, exponent: number): string => networkId + Base58.fromInteger(exponent)

/**
 * The position of an id on a ring of 2^`exponent`; `undefined` when the id is not in base 58. Takes
 * time quadratic in the length of the id.
 *
 * @category math
 * @since 0.1.0
 */
export const ringPosition = Ids.ringPosition

/** A text as Python 3 writes it: quotes chosen by content, what cannot be printed as escapes. */
const pythonText = (text: string): string => {
  const quote = text.includes("'") && !text.includes("\"") ? "\"" : "'"
  let out = quote
  for (const character of text) {
    if (character === quote || character === "\\") out += `\\${character}`
    else if (character !== " " && /[\p{C}\p{Z}]/u.test(character)) out += pythonEscape(character)
    else out += character
  }
  return out + quote
}

const pythonEscape = (character: string): string => {
  if (character === "\n") return "\\n"
  if (character === "\r") return "\\r"
  if (character === "\t") return "\\t"
  const hex = character.codePointAt(0)!.toString(16)
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`
}
