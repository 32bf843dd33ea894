/**
 * Which addresses are worth remembering that a peer names, in a list, an answer to a search, or as its
 * own. Strangers choose them: what they name gets dialed, so it must not be this machine's own services,
 * those of its network, or whatever a name is made to mean.
 */
import { type PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { Link } from "../../Transport/Link.ts"
import { reachOf } from "../../Transport/Source.ts"
import type { MeshNode } from "./MeshNode.ts"

/** From farthest to nearest: who is near may name what is as near or farther. */
const distances = { public: 0, name: 0, private: 1, loopback: 2, never: 3 } as const

export const isPlausible = (node: MeshNode, address: PeerAddress, link: Link): boolean => {
  // A network of names, such as one in memory, looks nothing up and has no inside.
  if (node.services.transport.resolvesNames !== true) return true
  const reach = reachOf(address.hostname)
  if (reach === "never") return false
  // The certificate of a `wss://` address is for its name.
  if (reach === "name") return node.options.dialNames || address.scheme === "wss"
  return distances[reach] <= distances[reachOf(link.remote.hostname)]
}
