/**
 * Where a connection comes from, as far as strangers can be told apart by it. Ids are claims that cost
 * nothing; addresses cost something. An IPv4 host is one source, and so is an IPv6 network of 64 bits,
 * for whoever has one address of it has them all.
 */
import type { PeerAddress } from "../Protocol/PeerAddress.ts"

/**
 * The source that a host belongs to.
 *
 * @category math
 * @since 0.1.0
 */
export const sourceOf = ({ hostname }: Pick<PeerAddress, "hostname">): string => {
  const host = hostOf(hostname)
  return host.includes(":") ? `${groupsOf(host).slice(0, 4).join(":")}::/64` : host
}

/**
 * A host in the one spelling in which hosts are compared: lower case, an IPv6 address as eight groups without
 * leading zeros, and what sockets for both families make of an IPv4 address (`::ffff:10.0.0.1`, `::ffff:a00:1`)
 * as that address. What is no address stays as it is.
 *
 * @category math
 * @since 0.1.0
 */
export const hostOf = (hostname: string): string => {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase()
  if (!host.includes(":")) return host
  const groups = groupsOf(host)
  if (groups.length !== 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return host
  const zone = /%.*$/.exec(host)?.[0] ?? ""
  const text = groups.join(":")
  if (!text.startsWith("0:0:0:0:0:ffff:") || zone !== "") return text + zone
  return groups.slice(6).flatMap((group) => {
    const pair = Number.parseInt(group, 16)
    return [pair >>> 8, pair & 0xff]
  }).join(".")
}

/**
 * A host as others are told of it: what sockets for both families make of an IPv4 address as that address, for whoever has
 * IPv4 alone cannot dial it. All others as they are.
 *
 * @category math
 * @since 0.1.0
 */
export const plainHost = (hostname: string): string => {
  const host = hostOf(hostname)
  return hostname.includes(":") && !host.includes(":") ? host : hostname
}

/**
 * Whether a connection leads to a host: one that was dialed by a name does to that name, and to where it is.
 *
 * @category predicates
 * @since 0.1.0
 */
export const leadsTo = (
  { host, remote }: { readonly remote: Pick<PeerAddress, "hostname">; readonly host?: string | undefined },
  hostname: string
): boolean => [remote.hostname, host ?? ""].map(hostOf).includes(hostOf(hostname))

/** The groups of an IPv6 address, without leading zeros: eight, unless it is none. */
const groupsOf = (host: string): ReadonlyArray<string> => {
  const [head = "", tail, ...others] = host.replace(/%.*$/, "").replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, toGroups)
    .split("::")
  // What is behind a second row of zeros may be anything, a name of a stranger's among it.
  if (others.length > 0) return [host]
  const before = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined
    ? []
    : Array.from({ length: Math.max(1, 8 - before.length - after.length) }, () => "0")
  return [...before, ...zeros, ...after].map((group) => group.replace(/^0+(?=.)/, ""))
}

/** The two groups that end an IPv6 address as an IPv4 address does. */
const toGroups = (text: string, ...parts: ReadonlyArray<unknown>): string => {
  const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number)
  return Math.max(a, b, c, d) > 255 ? text : `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

/**
 * How far an address reaches, by what it looks like.
 *
 * - `loopback`: this machine alone.
 * - `private`: networks that are not routed between organizations, and link-local addresses.
 * - `public`: anything else that can be dialed.
 * - `name`: no IP address, so it has to be looked up. In ASCII, as names are in the end.
 * - `never`: nobody is dialed there who was not named by the user (wildcards, multicast, scoped addresses, odd
 *   spellings, and what a name cannot be).
 *
 * @category models
 * @since 0.1.0
 */
export type Reach = "loopback" | "private" | "public" | "name" | "never"

/**
 * The reach of a host.
 *
 * @category math
 * @since 0.1.0
 */
export const reachOf = (hostname: string): Reach => {
  const host = hostOf(hostname)
  if (host.includes(":")) return reachOfIpv6(host)
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(host)
  if (match === null) return host === "localhost" ? "loopback" : isName(host) ? "name" : "never"
  const [a = 0, b = 0, c = 0, d = 0] = match.slice(1).map(Number)
  if (Math.max(a, b, c, d) > 255 || a === 0 || a >= 224) return "never"
  if (a === 127) return "loopback"
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
    (a === 169 && b === 254) || (a === 100 && b >= 64 && b < 128)
  return isPrivate ? "private" : "public"
}

/** From farthest to nearest. Who was dialed under an odd spelling may be anywhere, which is far. */
const distances = { public: 0, name: 0, never: 0, private: 1, loopback: 2 } as const

/**
 * Whether an address is as far away as another one, or farther: who is near may tell of what is as near, and who is
 * far may not.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAsFar = (address: Pick<PeerAddress, "hostname">, other: Pick<PeerAddress, "hostname">): boolean => {
  const reach = reachOf(address.hostname)
  // Who comes from a scoped address is on the network of that interface.
  return reach !== "never" && distances[reach] <= distances[reachOf(other.hostname.replace(/%.*$/, ""))]
}

/**
 * What stays the host wherever it is put. In the URL of a WebSocket `a@10.0.0.1`, `10.0.0.1/path`, `%31%30.0.0.1` and digits of
 * other scripts would all lead to `10.0.0.1`, and so would names under `localhost` to this machine.
 */
const isName = (host: string): boolean =>
  /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(host) && !isNumeric(host) && !host.endsWith(".localhost")

/** What the system reads as an IPv4 address of another form: `0x7f000001`, `2130706433`, `127.1`, `012.0.0.1`. */
const isNumeric = (host: string): boolean => /^(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d*))*$/.test(host) && /\d/.test(host)

const reachOfIpv6 = (host: string): Reach => {
  if (!/^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$/.test(host)) return "never"
  const groups = host.split(":")
  // An IPv4 address without `ffff` before it was a form for tunnels, and leads nowhere now.
  if (groups.slice(0, 6).every((group) => group === "0")) return host.endsWith(":0:1") ? "loopback" : "never"
  const first = Number.parseInt(groups[0] ?? "", 16)
  if (first >= 0xff00) return "never"
  return (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80 ? "private" : "public"
}
