/**
 * TCP on Node. Connections have no delay for small writes
 * (`TCP_NODELAY`); writes wait for `drain`, reads for a pull, so that back-pressure runs from the
 * reading application to the writing one.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Net from "node:net"
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import { closeGently, fromSocket, listenTcp, openSocket, toDialError, within } from "./internal/NodeSockets.ts"
import { type Listener, refuseDial, refuseListen, Transport } from "./Transport.ts"

/**
 * What can be set of TCP.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeTcpOptions {
  /** How long a dial may take until it fails with `TimedOut`. Default 5 seconds. */
  readonly dialTimeout?: Duration.Input | undefined
  /**
   * How long a closed connection may stay to hand its last bytes to a peer that does not read,
   * in milliseconds; then it is reset. Default 1000.
   */
  readonly lingerMillis?: number | undefined
  /**
   * Connections that a listener has open at once, those that it is closing included; further ones are reset
   * at once. It keeps descriptors for dials and files. Default 512.
   */
  readonly maxConnections?: number | undefined
}

/**
 * The `Transport` over TCP.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: NodeTcpOptions = {}): Layer.Layer<Transport> => {
  const lingerMillis = options.lingerMillis ?? 1000
  return Layer.succeed(Transport, {
    encryption: "Plaintext",
    resolvesNames: true,
    dial: (address) =>
      address.scheme === "" ? dial(address, options.dialTimeout ?? "5 seconds", lingerMillis) : refuseDial(address),
    listen: (address) =>
      address.scheme === "" ? listen(address, lingerMillis, options.maxConnections ?? 512) : refuseListen(address)
  })
}

const dial = (address: PeerAddress, timeout: Duration.Input, lingerMillis: number) => {
  const create = () => Net.createConnection({ host: address.host, port: address.port, noDelay: true })
  const open = Effect.mapError(openSocket(create, "connect", lingerMillis), (failed) => toDialError(address, failed))
  return Effect.flatMap(within(open, address, timeout), (socket) => fromSocket(socket, address))
}

const listen = Effect.fnUntraced(function*(address: PeerAddress, lingerMillis: number, maxConnections: number) {
  const server = yield* listenTcp(address, maxConnections)
  const serve: Listener["serve"] = (handler, onRefused) =>
    server.accept(
      Effect.fnUntraced(function*(accepted, remote) {
        yield* Effect.addFinalizer(() => closeGently(accepted, lingerMillis))
        yield* Effect.flatMap(fromSocket(accepted, remote), handler)
      }),
      onRefused
    )
  return { address: server.address, serve } satisfies Listener
})
