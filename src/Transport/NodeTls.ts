/**
 * TLS on Node, in three modes. `compatible` is the "SSL" of protocol 0.4: encrypted, and nobody knows
 * who is at the other end. `pinned`: each node has a key, its identity, which the handshake proves and
 * its id follows from. `authority`: only nodes whose certificate was issued by one authority get in,
 * and their ids follow from their keys as well. Nodes of different modes are on different networks.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import { NodeKnownPeers } from "./internal/NodeKnownPeers.ts"
import { fromSocket, openSocket, toDialError, within } from "./internal/NodeSockets.ts"
import * as Credentials from "./internal/NodeTlsCredentials.ts"
import { agree, fromError, type TlsMode } from "./internal/NodeTlsHandshake.ts"
import { listen } from "./internal/NodeTlsListener.ts"
import type { IdentityError, NodeIdentity } from "./NodeIdentity.ts"
import type { NodeTcpOptions } from "./NodeTcp.ts"
import { refusedHere, type TlsRefused } from "./TlsFault.ts"
import { type Connection, ConnectionClosed, DialError, refuseDial, refuseListen, Transport } from "./Transport.ts"

export type { TlsMode } from "./internal/NodeTlsHandshake.ts"

/**
 * The name of the encryption of a mode, which is part of the network id.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encryptionOf = (mode: TlsMode): string => Credentials.encryptions[mode]

/**
 * Forgets which identity was met at an address, in the memory of the identity in a directory; gives
 * whether one was.
 *
 * @category identity
 * @since 0.1.0
 */
export const forget = (directory: string, address: PeerAddress): Effect.Effect<boolean, IdentityError> =>
  Effect.suspend(() => new NodeKnownPeers(directory).forget(address))

/**
 * How connections are secured. A file is named by its path, or is given as its text (PEM).
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeTlsOptions extends NodeTcpOptions {
  /** How much the ends ask of each other; the same on all nodes. Default `"pinned"`. */
  readonly mode?: "compatible" | "pinned" | "authority" | undefined
  /**
   * Pinned: this node's identity, or the directory in which it is kept, and in which the identities
   * met at each address are remembered. Default: a new identity that ends with the Layer.
   */
  readonly identity?: string | NodeIdentity | undefined
  /**
   * Pinned: the fingerprints (`NodeIdentity.fingerprint`) of the nodes that are to be at some addresses, by
   * `"host:port"`; whoever else is met there is refused. In other modes nobody looks at them. Default none: the first that is
   * met is remembered.
   */
  readonly pins?: Readonly<Record<string, string>> | undefined
  /** Authority: the certificate of the authority, or several of them. */
  readonly ca?: string | undefined
  /** Authority: this node's certificate, with those between it and the authority's behind it. */
  readonly cert?: string | undefined
  /** Authority: this node's private key; as a file only its owner may read it. */
  readonly key?: string | undefined
  /** From an accepted connection to the end of its TLS handshake. Default 10 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /**
   * Accepted connections that are not secured yet, or that nobody serves. When there are so many, the host with most of them
   * makes room; who comes from there is closed at once. Default 64. Of those that were served and are being closed there may
   * be half of `maxConnections`, by the same rule.
   */
  readonly maxPendingHandshakes?: number | undefined
}

/**
 * The `Transport` over TLS. Fails when the identity, the key or a certificate cannot be used.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: NodeTlsOptions = {}): Layer.Layer<Transport, IdentityError> =>
  Layer.effect(Transport, Effect.suspend(() => make(options)))

const make = Effect.fnUntraced(function*(options: NodeTlsOptions) {
  const credentials = yield* Credentials.make(options)
  const lingerMillis = options.lingerMillis ?? 1000
  const timeout = options.dialTimeout ?? "5 seconds"
  return Transport.of({
    encryption: credentials.encryption,
    resolvesNames: true,
    identity: credentials.identity,
    dial: (address) =>
      address.scheme === "" ? within(dial(credentials, address, lingerMillis), address, timeout) : refuseDial(address),
    listen: (address) =>
      address.scheme !== "" ? refuseListen(address) : listen(credentials, address, {
        lingerMillis,
        handshakeMillis: Duration.toMillis(options.handshakeTimeout ?? "10 seconds"),
        maxPending: options.maxPendingHandshakes ?? 64,
        maxConnections: options.maxConnections ?? 512,
        connect: (socket, remote, identity) => toConnection(credentials, socket, remote, identity)
      })
  })
})

const dial = Effect.fnUntraced(function*(
  credentials: Credentials.NodeTlsCredentials,
  address: PeerAddress,
  lingerMillis: number
) {
  let isConnected = false
  const create = () => {
    const socket = Tls.connect({ ...credentials.client, host: address.host, port: address.port })
    socket.setNoDelay(true)
    return socket.once("connect", () => isConnected = true)
  }
  const socket = yield* Effect.mapError(openSocket(create, "secureConnect", lingerMillis), (failed) => {
    const { cause } = failed
    return isConnected ? toRefusal(address, closedEarly(cause) ?? fromError(cause)) : toDialError(address, failed)
  })
  const identity = yield* Effect.mapError(
    agree(socket, credentials, address),
    (refused) => toRefusal(address, refused)
  )
  return yield* toConnection(credentials, socket, address, identity)
})

/** The other end took the connection, and then closed it without a word. */
const closedEarly = (cause: Error): TlsRefused | undefined =>
  "code" in cause && cause.code === "ECONNRESET"
    ? refusedHere("TlsFailed", "the other end closed the connection; it may not speak TLS")
    : undefined

const toRefusal = (address: PeerAddress, { by, detail, fault }: TlsRefused): DialError =>
  new DialError({ address, kind: fault, by, cause: detail })

const toConnection = (
  credentials: Credentials.NodeTlsCredentials,
  socket: Tls.TLSSocket,
  remote: PeerAddress,
  identity: Uint8Array | undefined
) =>
  fromSocket(socket, remote, {
    identity,
    ...(credentials.mode === "compatible" ? { sendApart: sendApart(socket) } : {})
  })

/** Writes that wait for each other: those that are queued together share a record. */
const sendApart = (socket: Net.Socket): Connection["send"] => (chunks) =>
  Effect.forEach(
    chunks,
    (chunk) =>
      Effect.callback<void, ConnectionClosed>((resume) => {
        socket.write(chunk, (error) =>
          resume(
            error === undefined || error === null
              ? Effect.void
              : Effect.fail(new ConnectionClosed({ clean: false, detail: error.message }))
          ))
      }),
    { discard: true }
  )
