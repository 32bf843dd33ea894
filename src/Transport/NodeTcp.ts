/**
 * TCP on Node, over Effect's own sockets. Connections have no delay for small writes
 * (`TCP_NODELAY`); writes wait for `drain`, reads for a pull, so that back-pressure runs from the
 * reading application to the writing one.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Net from "node:net"
import { fromParts, PeerAddress } from "../Protocol/PeerAddress.ts"
import { ConnectionClosed, DialError, type Listener, ListenError, makeConnection, Transport } from "./Transport.ts"

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
    dial: (address) => dial(address, options.dialTimeout ?? "5 seconds", lingerMillis),
    listen: (address) => listen(address, lingerMillis)
  })
}

const dial = Effect.fnUntraced(function*(address: PeerAddress, timeout: Duration.Input, lingerMillis: number) {
  const open = Effect.flatMap(Effect.scope, (scope) => openSocket(address, scope, lingerMillis))
  const socket = yield* NodeSocket.fromDuplex(open, { openTimeout: timeout })
  return yield* Effect.mapError(fromSocket(socket, address), (error) => toDialError(address, error))
})

const openSocket = (address: PeerAddress, scope: Scope.Scope, lingerMillis: number) =>
  Effect.callback<Net.Socket, Socket.SocketError>((resume) => {
    const connection = Net.createConnection({ host: address.host, port: address.port, noDelay: true })
    connection.once(
      "connect",
      () => resume(Effect.as(Scope.addFinalizer(scope, closeGently(connection, lingerMillis)), connection))
    )
    connection.on("error", (cause) =>
      resume(Effect.fail(
        new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) })
      )))
    return Effect.sync(() => connection.destroy())
  })

/**
 * Lets the last bytes go out and waits until the connection is gone. What still comes in is thrown
 * away: closing with unread bytes would reset the connection and take our last words with it. A
 * peer that neither reads nor closes is reset when the time is over.
 */
const closeGently = (connection: Net.Socket, lingerMillis: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (connection.closed) return resume(Effect.void)
    connection.once("close", () => resume(Effect.void))
    connection.end()
    connection.resume()
  }).pipe(
    Effect.timeoutOption(lingerMillis),
    Effect.andThen(Effect.sync(() => connection.destroy()))
  )

const toDialError = (address: PeerAddress, error: Socket.SocketError): DialError => {
  const reason = error.reason
  if (reason._tag !== "SocketOpenError") return new DialError({ address, kind: "Other", cause: error })
  if (reason.kind === "Timeout") return new DialError({ address, kind: "TimedOut", cause: reason.cause })
  return new DialError({ address, kind: dialErrorKinds[codeOf(reason.cause)] ?? "Other", cause: reason.cause })
}

const dialErrorKinds: Readonly<Record<string, DialError["kind"]>> = {
  ECONNREFUSED: "Refused",
  ECONNRESET: "Refused",
  ETIMEDOUT: "TimedOut",
  EHOSTUNREACH: "Unreachable",
  ENETUNREACH: "Unreachable",
  EADDRNOTAVAIL: "Unreachable",
  ENOTFOUND: "UnknownHost",
  EAI_AGAIN: "UnknownHost"
}

const listenErrorKinds: Readonly<Record<string, ListenError["kind"]>> = {
  EADDRINUSE: "InUse",
  EACCES: "Denied",
  EADDRNOTAVAIL: "NoSuchAddress",
  ENOTFOUND: "NoSuchAddress"
}

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

const listen = Effect.fnUntraced(function*(address: PeerAddress, lingerMillis: number) {
  const server = yield* NodeSocketServer.make({ host: address.host, port: address.port, noDelay: true }).pipe(
    Effect.mapError((error) => {
      const cause = "cause" in error.reason ? error.reason.cause : error
      return new ListenError({ address, kind: listenErrorKinds[codeOf(cause)] ?? "Other", cause })
    })
  )
  const port = "port" in server.address ? server.address.port : address.port
  const serve: Listener["serve"] = (handler) =>
    server.run(() =>
      Effect.gen(function*() {
        const accepted = Option.getOrUndefined(yield* Effect.serviceOption(NodeSocket.NetSocket))
        // The peer was gone before the handler began: there is nobody to tell.
        if (accepted === undefined || accepted.destroyed) return
        // Not the socket that the server offers: that one destroys the connection as soon as its last
        // bytes are written, and with unread bytes that is a reset.
        const open = Effect.as(Effect.addFinalizer(() => closeGently(accepted, lingerMillis)), accepted)
        const socket = yield* NodeSocket.fromDuplex(open)
        const remote = fromParts(accepted.remoteAddress, accepted.remotePort) ?? address
        yield* Effect.flatMap(Effect.orDie(fromSocket(socket, remote)), handler)
      }).pipe(Effect.scoped)
    ).pipe(Effect.orDie)
  return { address: new PeerAddress({ host: address.host, port }), serve } satisfies Listener
})

const fromSocket = Effect.fnUntraced(function*(socket: Socket.Socket, remote: PeerAddress) {
  const pull = yield* Socket.readerBytes(socket)
  const writer = yield* socket.writer
  return makeConnection({
    remote,
    pull: Effect.mapError(pull, toClosed),
    send: (chunks) => Effect.mapError(writer.writeAll(chunks), toClosed)
  })
})

const toClosed = (error: Socket.SocketError): ConnectionClosed => {
  const reason = error.reason
  const clean = reason._tag === "SocketCloseError" && reason.code === 1000
  const cause = "cause" in reason ? reason.cause : undefined
  return new ConnectionClosed({ clean, detail: codeOf(cause) || (clean ? "closed" : "aborted") })
}
