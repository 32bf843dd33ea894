/**
 * Which addresses are worth believing that a peer names, as another's or as its own. Strangers choose them: what
 * they name gets dialed, so it must not be this machine's own services, those of its network, or whatever a name
 * is made to mean.
 */
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { Link } from "../Link.ts"
import { isAsFar, reachOf } from "../Source.ts"
import type { Transport } from "../Transport.ts"

/**
 * Who tells: the peer at the other end of a link, or whoever is met otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export type Teller = Pick<Link, "direction" | "remote"> & Partial<Pick<Link, "host">>

/**
 * Whether an address is believed that somebody tells of, where names are looked up or not that peers name, by one who
 * dials by such a transport: a network of names, such as one in memory, has no inside.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPlausible = (
  address: PeerAddress,
  teller: Teller,
  dialNames: boolean,
  transport: Pick<Transport["Service"], "resolvesNames">
): boolean => {
  if (transport.resolvesNames !== true) return true
  const reach = reachOf(address.hostname)
  if (reach === "never") return false
  // The certificate of a `wss://` address is for its name.
  if (reach === "name") return dialNames || address.scheme === "wss"
  // So nodes on one machine find each other over WebSockets; to whatever else listens there it is a bad request.
  if (isProxied(teller)) return reach === "public" || (reach === "loopback" && address.scheme !== "")
  return isAsFar(address, teller.host === undefined ? teller.remote : { hostname: teller.host })
}

/**
 * Whether it may have come through a proxy on this machine, as WebSockets do: then it may be from anywhere.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isProxied = ({ direction, remote }: Teller): boolean =>
  direction === "inbound" && remote.scheme !== "" && reachOf(remote.hostname) === "loopback"
