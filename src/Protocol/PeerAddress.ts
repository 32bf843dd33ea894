/**
 * Where a node can be dialed: a host and a port. The mesh, the chord and every transport speak of
 * peers by this pair; its text form is `host:port`, with brackets round an IPv6 host.
 */
import * as Schema from "effect/Schema"

/**
 * Where a peer listens. `host` is an IP address or a name that the transport can resolve, `port` is
 * 0 to 65535; 0 stands for "any free port" when listening and for "cannot be dialed" when announced.
 *
 * @category models
 * @since 0.1.0
 */
export class PeerAddress extends Schema.Class<PeerAddress>("effect-p2p/Protocol/PeerAddress")({
  host: Schema.NonEmptyString.check(Schema.isMaxLength(255)),
  port: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))
}) {
  override toString(): string {
    return format(this)
  }
}

/**
 * The text form: `host:port`, or `[host]:port` when the host holds a colon (IPv6).
 *
 * @category encoding
 * @since 0.1.0
 */
export const format = (address: { readonly host: string; readonly port: number }): string =>
  address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`

/**
 * Reads `host:port` or `[host]:port`; `undefined` when the text is neither or the port is not
 * 0 to 65535.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): PeerAddress | undefined => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  return fromParts(match[1] ?? match[2], Number(match[3]))
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
 * A text that is no address.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidAddress extends Schema.TaggedError<InvalidAddress>()("InvalidAddress", { text: Schema.String }) {
  override get message(): string {
    return `"${this.text}" is no address: write HOST:PORT, for instance 127.0.0.1:4444 or [::1]:4444`
  }
}
