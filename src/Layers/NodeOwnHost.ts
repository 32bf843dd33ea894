/** Where others reach a node that listens on all addresses of its machine, and that has to name one. */
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os"
import { fromParts, type PeerAddress, withScheme } from "../Protocol/PeerAddress.ts"

/**
 * The address to announce for a node that listens there: with a host of this machine where it listens on all,
 * and port 0, which stands for the port that it gets. `undefined` where the address will do as it is. @internal
 */
export const announced = (
  listen: PeerAddress,
  interfaces: ReadonlyArray<NetworkInterfaceInfo> = ownInterfaces()
): PeerAddress | undefined =>
  isEverywhere(listen) ? withScheme(fromParts(hostOf(interfaces), 0), listen.scheme) : undefined

/** Where others dial a node that has that address: at a host of this machine where it stands for all. @internal */
export const dialed = (address: PeerAddress): PeerAddress =>
  isEverywhere(address)
    ? withScheme(fromParts(hostOf(ownInterfaces()), address.port), address.scheme) ?? address
    : address

const isEverywhere = ({ hostname }: PeerAddress): boolean => hostname === "0.0.0.0" || hostname === "::"

const ownInterfaces = (): ReadonlyArray<NetworkInterfaceInfo> =>
  Object.values(networkInterfaces()).flatMap((list) => list ?? [])

/** The first that others may reach, of IPv4 if there is one; this machine alone if there is none. */
const hostOf = (interfaces: ReadonlyArray<NetworkInterfaceInfo>): string => {
  const outer = interfaces.filter(({ address, internal }) => !internal && !isLinkLocal(address))
  const [found] = [...outer.filter(({ family }) => family === "IPv4"), ...outer]
  return found?.address ?? "127.0.0.1"
}

const isLinkLocal = (address: string): boolean => address.startsWith("169.254.") || /^fe[89ab]/i.test(address)
