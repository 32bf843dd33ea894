/**
 * Which addresses are worth remembering that a peer names, in a list, an answer to a search, or as its
 * own. Strangers choose them: what they name gets dialed, so it must not be this machine's own services,
 * those of its network, or whatever a name is made to mean.
 */
import { type PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { Link } from "../../Transport/Link.ts"
import { isAsFar, reachOf } from "../../Transport/Source.ts"
import type { MeshNode } from "./MeshNode.ts"

/** Who tells: the peer at the other end of a link, or whoever is met otherwise. */
export type Teller = Pick<Link, "direction" | "remote" | "source">

export const isPlausible = (node: MeshNode, address: PeerAddress, teller: Teller): boolean => {
  // A network of names, such as one in memory, looks nothing up and has no inside.
  if (node.services.transport.resolvesNames !== true) return true
  const reach = reachOf(address.hostname)
  if (reach === "never") return false
  // The certificate of a `wss://` address is for its name.
  if (reach === "name") return node.options.dialNames || address.scheme === "wss"
  // So nodes on one machine find each other over WebSockets; to whatever else listens there it is a bad request.
  if (isProxied(teller)) return reach === "public" || (reach === "loopback" && address.scheme !== "")
  return isAsFar(address, teller.remote)
}

/** Whether it may have come through a proxy on this machine, as WebSockets do: then it may be from anywhere. */
export const isProxied = ({ direction, remote }: Teller): boolean =>
  direction === "inbound" && remote.scheme !== "" && reachOf(remote.hostname) === "loopback"
