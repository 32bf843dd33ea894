/**
 * What connections over Node's sockets have in common, whether plain or secured: opening and
 * accepting them, closing them gently, and the names of what can go wrong.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Net from "node:net"
import { fromParts, PeerAddress } from "../../Protocol/PeerAddress.ts"
import { blockBytes } from "../Outbox.ts"
import { reachOf } from "../Source.ts"
import {
  type Connection,
  type ConnectionClosed,
  DialError,
  ListenError,
  makeConnection,
  type RefusedConnection
} from "../Transport.ts"
import { aborted, lostBy, NodeSocketReader } from "./NodeSocketReader.ts"
import { codeOf, dialErrorKinds, listenErrorKinds } from "./SystemErrors.ts"

/**
 * A socket that `create` makes, once `event` says that it can be used. Closed gently with the scope.
 * Its errors are always heard, so that none of them ends the process.
 */
export const openSocket = <S extends Net.Socket>(
  create: () => S,
  event: "connect" | "secureConnect",
  lingerMillis: number
): Effect.Effect<S, OpenFailed, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) =>
    Effect.callback<S, OpenFailed>((resume) => {
      const socket = create()
      socket.once(event, () => resume(Effect.as(Scope.addFinalizer(scope, closeGently(socket, lingerMillis)), socket)))
      socket.on("error", (cause) => resume(Effect.fail({ _tag: "OpenFailed", cause })))
      return Effect.sync(() => socket.destroy())
    }))

/** Why a socket could not be opened, as Node says it. */
export interface OpenFailed {
  readonly _tag: "OpenFailed"
  readonly cause: Error
}

/**
 * Lets the last bytes go out and waits until the connection is gone. What still comes in is thrown
 * away: closing with unread bytes would reset the connection and take our last words with it. A
 * peer that neither reads nor closes is reset when the time is over.
 */
export const closeGently = (connection: Net.Socket, lingerMillis: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    // A stranger to whom nothing was said: there are no last words to take care of.
    if (connection.bytesWritten === 0) connection.destroy()
    if (connection.closed) return resume(Effect.void)
    if (connection.destroyed) return void connection.once("close", () => resume(Effect.void))
    connection.once("close", () => resume(Effect.void))
    connection.end()
    connection.resume()
  }).pipe(
    Effect.timeoutOption(lingerMillis),
    Effect.andThen(Effect.sync(() => connection.destroy()))
  )

/** The connection of an open socket, which belongs to whoever opened it. */
export const fromSocket = (
  socket: Net.Socket,
  remote: PeerAddress,
  more: Partial<Connection> = {}
): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new NodeSocketReader(socket)),
      (reader) => Effect.sync(() => reader.stop())
    ),
    ({ intercept, pull }) =>
      makeConnection({
        remote,
        host: hostAt(socket, remote),
        pull,
        intercept,
        send: (chunks) => Effect.suspend(() => send(socket, chunks)),
        sendNow: (bytes) => sendNow(socket, bytes),
        ...more
      })
  )

/** Where the other end of a socket is, as far as `remote` does not say so. */
export const hostAt = ({ localAddress, remoteAddress }: Net.Socket, remote: PeerAddress): string | undefined => {
  // From one address to the same: both are here.
  if (remoteAddress !== undefined && remoteAddress === localAddress) return "127.0.0.1"
  const reach = reachOf(remote.hostname)
  return reach === "name" || reach === "never" ? remoteAddress : undefined
}

/** Closed at this end, or read to the end: the other one takes nothing more then. */
const isOver = (socket: Net.Socket): boolean => !socket.writable || socket.readableEnded

const gone = Effect.fail(aborted)

/**
 * Writes all of it at once, and waits until the socket takes more. One that has told of its end tells of nothing more: what
 * is written to it then would be waited for for ever.
 */
const send = (socket: Net.Socket, chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, ConnectionClosed> => {
  if (isOver(socket)) return gone
  socket.cork()
  for (const chunk of chunks) socket.write(chunk)
  socket.uncork()
  return socket.writableNeedDrain ? untilDrained(socket) : Effect.void
}

const untilDrained = (socket: Net.Socket): Effect.Effect<void, ConnectionClosed> =>
  Effect.callback((resume) => {
    const drained = () => settle(Effect.void)
    const closed = () => settle(gone)
    const failed = (error: Error) => settle(Effect.fail(lostBy(error)))
    const stop = () => void socket.off("drain", drained).off("close", closed).off("error", failed)
    const settle = (result: Effect.Effect<void, ConnectionClosed>) => {
      stop()
      resume(result)
    }
    socket.on("drain", drained).on("close", closed).on("error", failed)
    return Effect.sync(stop)
  })

/** Hands bytes to an open socket that has room for them; `false` where they have to wait, or it is closed. */
const sendNow = (socket: Net.Socket, bytes: Uint8Array): boolean => {
  if (isOver(socket) || !hasRoom(socket, bytes.length)) return false
  socket.write(bytes)
  return true
}

/** A socket that holds nothing takes a large frame whole, but not any: what waits in it does not count as queued any more. */
const hasRoom = ({ writableHighWaterMark, writableLength }: Net.Socket, count: number): boolean =>
  writableLength === 0 ? count <= 2 * blockBytes : writableLength + count < writableHighWaterMark

/**
 * Binds an address and accepts, each socket in a fiber of its own: so many at once, until their handlers and
 * what these leave to be done at the end are over. Further ones are reset, and told to `onRefused`.
 */
export const listenTcp = Effect.fnUntraced(function*(address: PeerAddress, maxConnections: number) {
  const server = yield* NodeSocketServer.make({ host: address.host, port: address.port, noDelay: true }).pipe(
    Effect.mapError((error) => {
      const cause = "cause" in error.reason ? error.reason.cause : error
      return new ListenError({ address, kind: listenErrorKinds[codeOf(cause)] ?? "Other", cause: inWords(cause) })
    })
  )
  const port = "port" in server.address ? server.address.port : address.port
  let openCount = 0
  const accept = <R>(
    handler: (accepted: Net.Socket, remote: PeerAddress) => Effect.Effect<void, never, R>,
    onRefused?: (refused: RefusedConnection) => void
  ): Effect.Effect<never, never, Exclude<R, Scope.Scope>> =>
    server.run(() =>
      Effect.gen(function*() {
        // Not the socket that the server offers: that one destroys the connection as soon as its last
        // bytes are written, and with unread bytes that is a reset.
        const accepted = Option.getOrUndefined(yield* Effect.serviceOption(NodeSocket.NetSocket))
        // The peer was gone before the handler began: there is nobody to tell.
        if (accepted === undefined || accepted.destroyed) return
        const remote = fromParts(accepted.remoteAddress, accepted.remotePort) ?? address
        if (openCount >= maxConnections) {
          accepted.resetAndDestroy()
          onRefused?.({ remote, reason: { _tag: "Full", limit: maxConnections } })
          return
        }
        openCount++
        yield* Effect.addFinalizer(() => Effect.sync(() => openCount--))
        yield* handler(accepted, remote)
      }).pipe(Effect.scoped)
    ).pipe(Effect.orDie)
  return { address: new PeerAddress({ host: address.host, port }), accept }
})

/** A dial that may take so long. */
export const within = <A, R>(
  dial: Effect.Effect<A, DialError, R>,
  address: PeerAddress,
  timeout: Duration.Input
): Effect.Effect<A, DialError, R> =>
  Effect.timeoutOrElse(dial, {
    duration: timeout,
    orElse: () => Effect.fail(new DialError({ address, kind: "TimedOut", cause: new Error("dialTimeout") }))
  })

/** What a socket that could not be opened is to whoever dialed. */
export const toDialError = (address: PeerAddress, { cause }: OpenFailed): DialError =>
  new DialError({ address, kind: dialErrorKinds[codeOf(cause)] ?? "Other", cause: inWords(cause) })

/** What to do about a system that has no socket to give; what else is wrong says so itself. */
export const inWords = (cause: unknown): unknown => {
  const full = whoIsFull[codeOf(cause)]
  return full === undefined ? cause : new Error(full, { cause })
}

const whoIsFull: Readonly<Record<string, string>> = {
  EMFILE: "this process has as many files and connections open as it may (EMFILE): raise its limit, ulimit -n",
  ENFILE: "this machine has as many files and connections open as it may (ENFILE): close some, or raise its limit"
}
