/**
 * What a peer can do beyond what every implementation does, told in the handshake's list of
 * compression methods: the original nodes skip entries they do not know (protocol 0.4, last
 * section). Ours adds one entry, `effect-p2p:1:<nonce>`.
 */

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
  /**
   * It survives a renegotiation. The original JavaScript node ends its process on one; the original
   * Python node is known by offering bz2, which the JavaScript one never does.
   */
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

/**
 * Reads the methods of a handshake.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromMethods = (methods: ReadonlyArray<string>): Capabilities => {
  const own = methods.find((method) => method.startsWith(prefix))
  return {
    extended: own !== undefined,
    renegotiates: own !== undefined || methods.includes("bz2"),
    nonce: own === undefined ? "" : own.slice(prefix.length)
  }
}
