/**
 * What a peer can do beyond what every implementation does, told in the handshake's list of
 * compression methods: the original nodes of all versions skip entries they do not know. Ours adds one entry, `effect-p2p:1:<nonce>`, and one for each address by another
 * transport than the network's own, `effect-p2p:at:ws://host:port`.
 */
import { format, parse, type PeerAddress } from "./PeerAddress.ts"

const prefix = "effect-p2p:1:"

/**
 * What the other end showed of itself in its handshake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** It is one of ours: answers pings, understands goodbyes, resolves double connections by rule. */
  readonly extended: boolean
  /** It survives a renegotiation, which some original nodes do not: which ones is up to the wire version. */
  readonly renegotiates: boolean
  /** Chosen anew for each connection by one of ours, so that both ends can order connections. */
  readonly nonce: string
}

/**
 * The entry that ours adds to its methods. The nonce is any text without control characters.
 *
 * @category encoding
 * @since 0.1.0
 */
export const marker = (nonce: string): string => prefix + nonce

const placePrefix = "effect-p2p:at:"

/** Further addresses taken from one handshake. */
const maxPlaces = 4

/**
 * The entry for one more address of the node: one by another transport, which the address of the
 * handshake, that the original nodes read and tell each other, cannot be.
 *
 * @category encoding
 * @since 0.1.0
 */
export const placeEntry = (address: PeerAddress): string => placePrefix + format(address)

/**
 * The further addresses among the methods of a handshake, the first 4; what is none is skipped.
 *
 * @category decoding
 * @since 0.1.0
 */
export const placesIn = (methods: ReadonlyArray<string>): ReadonlyArray<PeerAddress> => {
  const places: Array<PeerAddress> = []
  for (const method of methods) {
    const place = method.startsWith(placePrefix) ? parse(method.slice(placePrefix.length)) : undefined
    if (place !== undefined && place.scheme !== "" && place.port !== 0) places.push(place)
    if (places.length === maxPlaces) break
  }
  return places
}

/**
 * What the methods of a handshake show, in every wire version: of nodes that are not ours, the least.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromMethods = (methods: ReadonlyArray<string>): Capabilities => {
  const own = methods.find((method) => method.startsWith(prefix))
  return {
    extended: own !== undefined,
    renegotiates: own !== undefined,
    nonce: own === undefined ? "" : own.slice(prefix.length)
  }
}
