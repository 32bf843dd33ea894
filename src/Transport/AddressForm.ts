/**
 * How addresses read at the other end of a connection. One without a scheme means the network's own
 * transport, and that is another one where the encryption is: TCP among `Plaintext` nodes, TLS among
 * `SSL` ones. A node that stands in both networks (`Transports`) says and reads each address in the
 * form of the network that the connection belongs to.
 */
import { type PeerAddress, withScheme } from "../Protocol/PeerAddress.ts"

/** The schemes of the networks' own transports, where they have to be said. */
const ownSchemes = {
  Plaintext: "tcp",
  SSL: "tls",
  "TLS pinned": "tls-pinned",
  "TLS authority": "tls-authority"
} as const

/**
 * The encryptions that nodes of ours have names for: each makes a network of its own of a subnet.
 *
 * @category models
 * @since 0.1.0
 */
export const encryptions: ReadonlyArray<string> = Object.keys(ownSchemes)

/**
 * The scheme by which an address without one is told to another network.
 *
 * @category models
 * @since 0.1.0
 */
export type OwnScheme = typeof ownSchemes[keyof typeof ownSchemes]

const ownScheme = (encryption: string): OwnScheme =>
  Object.entries(ownSchemes).find(([name]) => name === encryption)?.[1] ?? "tcp"

/**
 * An address of one network in the form of another; each is named by its encryption.
 *
 * @category encoding
 * @since 0.1.0
 */
export const translate = (address: PeerAddress, from: string, to: string): PeerAddress => {
  if (from === to) return address
  const { scheme } = address
  if (scheme === "") return withScheme(address, ownScheme(from)) ?? address
  return scheme === ownScheme(to) ? withScheme(address, "") ?? address : address
}
