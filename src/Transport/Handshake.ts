/**
 * The handshake: both ends write theirs at once and wait for the other's (`docs/protocol.md`, "Handshake"). The
 * originals close silently when they do not like what they read; ours says why, at both ends.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { marker, placeEntry, placesIn } from "../Protocol/Capabilities.ts"
import { excerpt } from "../Protocol/internal/Excerpt.ts"
import type { Handshake, PeerEntry } from "../Protocol/Payload.ts"
import { fromParts, nowhere, type PeerAddress, withScheme } from "../Protocol/PeerAddress.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import { isWireFault } from "../Protocol/WireFault.ts"
import { translate } from "./AddressForm.ts"
import { type CloseReason, LinkClosed } from "./CloseReason.ts"
import { readGoodbye } from "./Goodbye.ts"
import type { Link } from "./Link.ts"
import { plainHost, reachOf } from "./Source.ts"

/**
 * What this node says of itself, and how long it waits for the other's word.
 *
 * @category options
 * @since 0.1.0
 */
export interface HandshakeOptions {
  readonly nodeId: string
  readonly networkId: string
  /** Where this node can be dialed; with port 0 it cannot. */
  readonly address: PeerAddress
  /** Where else: by other transports. */
  readonly furtherAddresses?: ReadonlyArray<PeerAddress> | undefined
  /** The encryption of the node's transport, which says how the addresses are to be read. Default the link's own. */
  readonly encryption?: string | undefined
  /** From the connection to the whole handshake of the peer; trickling bytes do not extend it. */
  readonly timeout: Duration.Input
}

/**
 * Who is at the other end, as it says itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerIdentity {
  readonly id: string
  /** Where it can be dialed; undefined when it did not say, or cannot be. */
  readonly address: PeerAddress | undefined
  /** Where else it can be dialed: by other transports. */
  readonly furtherAddresses: ReadonlyArray<PeerAddress>
}

/** The longest node id taken, in characters; the original ones have 65 or 66. */
const maxIdLength = 256

/**
 * Says who this node is.
 *
 * @category handshake
 * @since 0.1.0
 */
export const introduce = (link: Link, options: HandshakeOptions): Effect.Effect<void, never, Protocol> =>
  Effect.map(Protocol, (protocol) => {
    const { networkId, nodeId } = options
    const [own, theirs] = encryptions(link, options)
    const addresses = [options.address, ...options.furtherAddresses ?? []].map((each) => translate(each, own, theirs))
    const methods = [
      ...protocol.methods.map((method) => method.name),
      marker(String(link.key)),
      ...addresses.filter(({ port, scheme }) => scheme !== "" && port !== 0).map(placeEntry)
    ]
    // The originals tell this one each other, so it is one that they can dial, or that nobody can.
    const address = addresses.find(({ scheme }) => scheme === "") ?? nowhere
    link.tell({ _tag: "Handshake", nodeId, networkId, address, methods })
  })

/**
 * Waits for the handshake of the peer and checks it: same network, not this node itself, and an id
 * that is its own where the transport proved a key. Fails with the typed reason otherwise. A node whose slots are taken sends `peers` and a goodbye in place of
 * its handshake: `onPeers` is told of the former. A second list is refused: no original sends any before its
 * handshake, and nothing else bounds how many are learned.
 *
 * @category handshake
 * @since 0.1.0
 */
export const receive = Effect.fnUntraced(function*(
  link: Link,
  options: HandshakeOptions,
  onPeers: (peers: ReadonlyArray<PeerEntry>) => void
): Effect.fn.Return<PeerIdentity, LinkClosed, Protocol> {
  const handshake = yield* firstHandshake(link, onPeers).pipe(
    Effect.timeoutOrElse({
      duration: options.timeout,
      orElse: () => refuse({ _tag: "HandshakeTimeout", afterMillis: Duration.toMillis(options.timeout) })
    })
  )
  const { networkId, nodeId } = handshake
  link.acceptMethods(handshake.methods)
  if (networkId !== options.networkId) {
    return yield* refuse({ _tag: "NetworkMismatch", own: options.networkId, peer: excerpt(networkId, maxIdLength) })
  }
  if (nodeId === options.nodeId) return yield* refuse({ _tag: "SelfConnection" })
  if (nodeId.length === 0 || nodeId.length > maxIdLength) {
    return yield* refuse({ _tag: "HandshakeInvalid", detail: `an id of ${nodeId.length} characters` })
  }
  if (link.identity !== undefined) {
    const proven = (yield* Protocol).identityId(link.identity, options.networkId)
    if (nodeId !== proven) return yield* refuse({ _tag: "IdentityMismatch", claimed: nodeId, proven })
  }
  const [own, theirs] = encryptions(link, options)
  const addresses = [handshake.address, ...placesIn(handshake.methods)].flatMap((announced) => {
    const address = reachable(announced, link)
    return address === undefined ? [] : [translate(address, theirs, own)]
  })
  return { id: nodeId, address: addresses[0], furtherAddresses: addresses.slice(1) }
})

/** That of the node, and that of the other end, by which addresses are told. */
const encryptions = (link: Link, { encryption = "" }: HandshakeOptions): readonly [string, string] => [
  encryption,
  link.encryption ?? encryption
]

const refuse = (reason: CloseReason) => Effect.fail(new LinkClosed({ reason }))

const firstHandshake = Effect.fnUntraced(function*(
  link: Link,
  onPeers: (peers: ReadonlyArray<PeerEntry>) => void
): Effect.fn.Return<Handshake, LinkClosed, Protocol> {
  const protocol = yield* Protocol
  let hasListed = false
  while (true) {
    const [first, ...rest] = yield* link.pull
    link.unread(rest)
    const goodbye = readGoodbye(first)
    if (goodbye !== undefined) return yield* refuse(goodbye)
    // Of what strangers say nothing else is worth reading.
    const subFlag = protocol.subFlag(first.packets)
    const mayBeRead = subFlag === "handshake" ||
      (subFlag === "peers" && link.direction === "outbound" && !hasListed)
    const said = mayBeRead ? protocol.decodePayload(first.packets) : undefined
    if (isWireFault(said)) return yield* refuse({ _tag: "HandshakeInvalid", detail: said.detail })
    if (said?._tag === "Handshake") return said
    if (said?._tag !== "Peers") {
      const what = hasListed ? "second list of peers" : `message of type ${first.type}`
      return yield* refuse({ _tag: "HandshakeInvalid", detail: `a ${what} came first` })
    }
    hasListed = true
    onPeers(said.peers)
  }
})

/** Hosts that mean "every address of this machine": of no use to anyone else. */
const wildcards = new Set(["0.0.0.0", "::", ""])

/**
 * A node that listens on every address can be dialed where its connection leads. Of one that was dialed by a name others
 * are told where that led, for they look up no names; the name of a `wss://` address is that of its certificate.
 */
const reachable = (announced: PeerAddress | null, { host, remote }: Link): PeerAddress | undefined => {
  if (announced === null || announced.port === 0) return undefined
  if (!wildcards.has(announced.hostname)) return announced
  const isNamed = reachOf(remote.hostname) === "name" && announced.scheme !== "wss"
  return withScheme(fromParts(plainHost(isNamed && host || remote.hostname), announced.port), announced.scheme)
}
