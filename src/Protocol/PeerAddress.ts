/**
 * Where a node can be dialed: a host and a port. The mesh, the chord and every transport speak of
 * peers by this pair; its text form is `host:port`, with brackets round an IPv6 host.
 *
 * An address that another transport than the network's own serves says so in its host, which then
 * begins with a scheme: `ws://example.org`. It fits the pair of the wire so, and an original node
 * that sees one takes it for a host it cannot find; ours do not show them any.
 */
import * as Schema from "effect/Schema"

/** A scheme as in a URL, in lower case. */
const schemePattern = /^([a-z][a-z0-9+.-]*):\/\//

const mark = "://"

/** Where the scheme of a host ends; 0 when it has none. */
const schemeEnd = (host: string): number => Math.max(0, host.indexOf(mark))

const withoutScheme = (host: string): string => {
  const end = schemeEnd(host)
  return end === 0 ? host : host.slice(end + mark.length)
}

/**
 * Where a peer listens. `host` is an IP address or a name that the transport can resolve, after a
 * scheme where it is not the network's own transport; `port` is 0 to 65535; 0 stands for "any free
 * port" when listening and for "cannot be dialed" when announced.
 *
 * @category models
 * @since 0.1.0
 */
export class PeerAddress extends Schema.Class<PeerAddress>("effect-p2p/Protocol/PeerAddress")({
  host: Schema.NonEmptyString.check(Schema.isMaxLength(255)),
  port: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))
}) {
  /** The transport that serves it, `"ws"` for instance; `""` for the network's own. */
  get scheme(): string {
    return this.host.slice(0, schemeEnd(this.host))
  }

  /** The host without a scheme. */
  get hostname(): string {
    return withoutScheme(this.host)
  }

  override toString(): string {
    return format(this)
  }
}

/**
 * The text form: `host:port`, or `[host]:port` when the host holds a colon (IPv6); after the scheme,
 * where there is one.
 *
 * @category encoding
 * @since 0.1.0
 */
export const format = (address: { readonly host: string; readonly port: number }): string => {
  const { host, port } = address
  // Most have neither a scheme nor a colon, and this runs for every address that a node knows.
  if (!host.includes(":")) return `${host}:${port}`
  const hostname = withoutScheme(host)
  const prefix = host.slice(0, host.length - hostname.length)
  return hostname.includes(":") ? `${prefix}[${hostname}]:${port}` : `${prefix}${hostname}:${port}`
}

/** What stands for a port that a WebSocket's address leaves out, as in any URL. */
const defaultPorts: Readonly<Record<string, string>> = { ws: "80", wss: "443" }

/**
 * Reads `host:port` or `[host]:port`, with or without a scheme; `undefined` when the text is neither
 * or the port is not 0 to 65535. With `ws://` and `wss://` the port may be missing (80 and 443) and
 * one slash may follow, but no path, query, fragment or user.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): PeerAddress | undefined => {
  const scheme = schemePattern.exec(text)?.[1] ?? ""
  const rest = scheme === "" ? text : text.slice(scheme.length + 3).replace(/\/$/, "")
  const match = /^(?:\[([^/?#@\\[\]\s\p{Cc}]+)\]|([^:/?#@%\\[\]\s\p{Cc}]+))(?::(\d{1,5}))?$/u.exec(rest)
  const port = match?.[3] ?? defaultPorts[scheme]
  return match === null || port === undefined
    ? undefined
    : withScheme(fromParts(match[1] ?? match[2], Number(port)), scheme)
}

/**
 * An address from values that came off the wire or from a user; `undefined` when the host is not a
 * text of 1 to 255 characters or the port is not an integer from 0 to 65535.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromParts = (host: unknown, port: unknown): PeerAddress | undefined => {
  if (typeof host !== "string" || host.length === 0 || host.length > 255) return undefined
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65535) return undefined
  return new PeerAddress({ host, port }, { disableChecks: true })
}

/**
 * The same host and port by another transport; `""` for the network's own. `undefined` for an
 * address that is not there, or that becomes too long.
 *
 * @category constructors
 * @since 0.1.0
 */
export const withScheme = (address: PeerAddress | undefined, scheme: string): PeerAddress | undefined =>
  address === undefined
    ? undefined
    : fromParts(scheme === "" ? address.hostname : `${scheme}://${address.hostname}`, address.port)

/**
 * What a node without any address of its own transport says where one is asked for: port 0, which
 * nobody dials. Never null, which would end an original JavaScript node.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nowhere: PeerAddress = new PeerAddress({ host: "0.0.0.0", port: 0 })

/**
 * A text that is no address.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidAddress extends Schema.TaggedError<InvalidAddress>()("InvalidAddress", { text: Schema.String }) {
  override get message(): string {
    return `"${this.text}" is no address: write HOST:PORT, for instance 127.0.0.1:4444 or [::1]:4444, or ` +
      "ws://HOST:PORT for a WebSocket"
  }
}
