/**
 * WebSockets as a transport, for programs that can dial but not listen: browsers. A node on Node
 * that listens as well is in `NodeWebSocket`.
 *
 * The connection is a stream of bytes: frames of the protocol lie across messages of the WebSocket
 * in any way. Messages are binary, of at most 64 KiB; the subprotocol is `effect-p2p`. Addresses are
 * `ws://host:port` and `wss://host:port`, without a path.
 */
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { codeOf, dialErrorKinds } from "./internal/SystemErrors.ts"
import { cut, Unread } from "./internal/Unread.ts"
import {
  type Connection,
  ConnectionClosed,
  deaf,
  DialError,
  makeConnection,
  refuseDial,
  refuseListen,
  Transport
} from "./Transport.ts"

/**
 * The name of the byte stream in the opening handshake (RFC 6455, section 1.9): a server of another
 * kind refuses it, and a page of another kind is refused.
 *
 * @category models
 * @since 0.1.0
 */
export const subprotocol = "effect-p2p"

/**
 * The schemes of addresses that a WebSocket serves.
 *
 * @category models
 * @since 0.1.0
 */
export const schemes: ReadonlyArray<string> = ["ws", "wss"]

/**
 * What can be set of WebSockets.
 *
 * @category options
 * @since 0.1.0
 */
export interface WebSocketOptions {
  /** How long a dial may take, opening handshake included, until it fails with `TimedOut`. Default 5 seconds. */
  readonly dialTimeout?: Duration.Input | undefined
  /**
   * How long a closed connection may stay to hand its last bytes to a peer that does not read, and
   * to wait for its farewell, in milliseconds. Default 1000.
   */
  readonly lingerMillis?: number | undefined
  /**
   * The encryption in the network's id: nodes with another one are on other networks. Default
   * `"Plaintext"`, also for `wss`, since whoever listens cannot tell whether a proxy before it took
   * the encryption off: so a page over `wss` and nodes over TCP are on one network. `"ws"` is the
   * network of the original nodes of wire version 0.7 that speak WebSockets alone: they know no
   * subprotocol, so none is offered or asked for then.
   */
  readonly encryption?: "Plaintext" | "SSL" | "ws" | undefined
  /**
   * Bytes that may come in while nobody reads them, where reading cannot be held back: in browsers.
   * A message counts for 256 at least. Past it the connection ends. Default 16 MiB.
   */
  readonly maxUnreadBytes?: number | undefined
}

/**
 * Whether both ends have to name `subprotocol`.
 *
 * @category predicates
 * @since 0.1.0
 */
export const hasSubprotocol = ({ encryption }: WebSocketOptions): boolean => encryption !== "ws"

/** A message of more bytes is split: a receiver takes one as a whole. */
const messageBytes = 65_536

/** Bytes that may wait in the socket; `send` ends when no more do. */
const bufferBytes = 262_144

/** How often it is looked at whether they do: browsers have no event for it. In milliseconds. */
const drainPollMillis = 4

const defaultUnreadBytes = 16 * 1024 * 1024

/**
 * The `Transport` of a program that only dials, over the WebSocket of its platform. It has no place to
 * listen: its node cannot be dialed, and announces no address.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: WebSocketOptions = {}): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Socket.WebSocketConstructor, (open) => ({
      encryption: options.encryption ?? "Plaintext",
      schemes,
      // A page is within the network of whoever looks at it.
      resolvesNames: true,
      dial: (address) => dial(address, open, { maxUnreadBytes: defaultUnreadBytes, ...options }, sendPolling),
      listen: (address) => address.port === 0 ? Effect.succeed(deaf) : refuseListen(address)
    } satisfies Transport["Service"]))
  ).pipe(Layer.provide(Socket.layerWebSocketConstructorGlobal))

/**
 * Hands messages to a WebSocket, and waits until it took them: the back-pressure.
 *
 * @category models
 * @since 0.1.0
 */
export type Send<W extends Socket.WebSocketLike> = (
  webSocket: W,
  messages: Arr.NonEmptyReadonlyArray<Uint8Array<ArrayBuffer>>
) => Effect.Effect<void, ConnectionClosed>

/**
 * Opens a connection with whatever makes WebSockets.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dial = <W extends Socket.WebSocketLike>(
  address: PeerAddress,
  open: (url: string, protocols: Array<string>) => W,
  options: WebSocketOptions,
  send: Send<W>
): Effect.Effect<Connection, DialError, Scope.Scope> => {
  if (!schemes.includes(address.scheme)) return refuseDial(address)
  const acquire = Effect.try({
    try: () => open(format(address), hasSubprotocol(options) ? [subprotocol] : []),
    // An address that is no URL, or plain ws from a page that came over https.
    catch: (cause) => new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) })
  })
  return Effect.mapError(
    fromWebSocket(acquire, address, { ...options, dialTimeout: options.dialTimeout ?? "5 seconds" }, send),
    (error) => toDialError(address, error)
  )
}

/**
 * A connection over a WebSocket, which is closed with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromWebSocket = Effect.fnUntraced(function*<W extends Socket.WebSocketLike>(
  open: Effect.Effect<W, Socket.SocketError>,
  remote: PeerAddress,
  options: WebSocketOptions,
  send: Send<W>
): Effect.fn.Return<Connection, Socket.SocketError, Scope.Scope> {
  const webSocket = yield* Effect.acquireRelease(open, (opened) => closeGently(opened, options.lingerMillis ?? 1000))
  const unread = yield* Effect.acquireRelease(
    Effect.sync(() => new Unread(webSocket, options.maxUnreadBytes)),
    (made) => Effect.sync(() => made.stop())
  )
  const socket = yield* Socket.fromWebSocket(Effect.succeed(webSocket), { openTimeout: options.dialTimeout })
  const pull = yield* Socket.readerBytes(socket)
  return makeConnection({
    remote,
    pull: Effect.mapBoth(pull, {
      onSuccess: (chunks) => unread.taken(chunks),
      onFailure: (error) => unread.fault ?? toClosed(error)
    }),
    send: (chunks) => Effect.suspend(() => webSocket.readyState === 1 ? send(webSocket, split(chunks)) : gone)
  })
})

const gone = Effect.fail(new ConnectionClosed({ clean: false, detail: "aborted" }))

/** As messages: what is short enough goes out as it is, uncopied. */
const split = (chunks: Arr.NonEmptyReadonlyArray<Uint8Array>): Arr.NonEmptyReadonlyArray<Uint8Array<ArrayBuffer>> => {
  const messages: Array<Uint8Array<ArrayBuffer>> = []
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += messageBytes) {
      // WebSockets take no shared memory, which bytes to send never lie in.
      messages.push(chunk.subarray(start, start + messageBytes) as Uint8Array<ArrayBuffer>)
    }
  }
  return Arr.isReadonlyArrayNonEmpty(messages) ? messages : [new Uint8Array(0)]
}

/** For WebSockets that say how much waits, but not when less does. */
const sendPolling: Send<Socket.WebSocketLike> = (webSocket, messages) =>
  Effect.gen(function*() {
    for (const message of messages) {
      if (webSocket.readyState !== 1) return yield* gone
      webSocket.send(message)
      while (waitingBytes(webSocket) > bufferBytes) {
        yield* Effect.sleep(drainPollMillis)
        if (webSocket.readyState !== 1) return yield* gone
      }
    }
  })

const waitingBytes = (webSocket: Socket.WebSocketLike): number =>
  "bufferedAmount" in webSocket ? Number(webSocket.bufferedAmount) : 0

/**
 * Lets the last bytes go out, says farewell and waits for the other end's; when the time is over the
 * connection is cut, where the platform can.
 */
const closeGently = (webSocket: Socket.WebSocketLike, lingerMillis: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (webSocket.readyState === 3) return resume(Effect.void)
    webSocket.addEventListener("close", () => resume(Effect.void), { once: true })
    webSocket.close(1000)
  }).pipe(
    Effect.timeoutOption(lingerMillis),
    Effect.andThen(Effect.sync(() => cut(webSocket)))
  )

const toDialError = (address: PeerAddress, error: Socket.SocketError): DialError => {
  const reason = error.reason
  if (reason._tag !== "SocketOpenError") {
    return new DialError({ address, kind: "Other", cause: new Error("the other end is no WebSocket of this kind") })
  }
  if (reason.kind === "Timeout") return new DialError({ address, kind: "TimedOut", cause: reason.cause })
  const cause = causeOf(reason.cause)
  return new DialError({ address, kind: dialErrorKinds[codeOf(cause)] ?? "Other", cause })
}

/** What is behind an error event; browsers do not tell pages, so that they cannot look round a network. */
const causeOf = (cause: unknown): unknown => {
  if (cause instanceof Error) return cause
  const error = typeof cause === "object" && cause !== null && "error" in cause ? cause.error : undefined
  return error instanceof Error ? error : new Error("nobody answers there as a WebSocket of this kind")
}

const toClosed = (error: Socket.SocketError): ConnectionClosed => {
  const reason = error.reason
  const clean = reason._tag === "SocketCloseError" && reason.code === 1000
  const code = reason._tag === "SocketCloseError" ? `WebSocket code ${reason.code}` : ""
  const detail = "cause" in reason ? codeOf(causeOf(reason.cause)) || String(causeOf(reason.cause)) : code
  return new ConnectionClosed({ clean, detail: clean ? "closed" : detail })
}
