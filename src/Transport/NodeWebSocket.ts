/**
 * WebSockets on Node, both ends: what browsers dial. Over Effect's own socket server and the `ws`
 * package inside it; reads are held back while nobody pulls, writes wait for the system to take
 * them. What the connections carry is described in `WebSocket`.
 *
 * Of what came to no connection a listener tells those that were too many. Not opening handshakes that took
 * too long, or whose origin was refused: a browser opens connections ahead of need and says nothing on them,
 * so that a visitor would be taken for a peer that misbehaves.
 */
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as NodeWS from "@effect/platform-node/NodeWS"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Socket from "effect/socket/Socket"
import type * as Http from "node:http"
import type * as Https from "node:https"
import type * as Net from "node:net"
import { fromParts, PeerAddress, withScheme } from "../Protocol/PeerAddress.ts"
import { hostAt, inWords } from "./internal/NodeSockets.ts"
import { explain } from "./internal/NodeWebSocketFault.ts"
import { type Audience, keepRoom, spareConnections, type Tell } from "./internal/NodeWebSocketRoom.ts"
import { OpenMessage } from "./internal/OpenMessage.ts"
import { codeOf, listenErrorKinds } from "./internal/SystemErrors.ts"
import { type Connection, ConnectionClosed, type Listener, ListenError, refuseListen, Transport } from "./Transport.ts"
import * as WebSocket from "./WebSocket.ts"

/**
 * What can be set of WebSockets on Node.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeWebSocketOptions extends Omit<WebSocket.WebSocketOptions, "maxUnreadBytes"> {
  /**
   * Pages that may connect, by origin (`"https://example.org"`). Default: all. What is not a browser
   * sends no origin and is not asked; so this keeps foreign pages out, not foreign programs.
   */
  readonly origins?: ReadonlyArray<string> | undefined
  /**
   * Connections of one listener, those in the opening handshake included; further ones are cut and told of as `Full`. When
   * there are so many, the host with most of those that are being opened or closed makes room for others. Default 512.
   */
  readonly maxConnections?: number | undefined
  /**
   * How long a connection may take for the opening handshake, in milliseconds. Default 10000. Servers of
   * one's own look at it as often as their `connectionsCheckingInterval` says.
   */
  readonly openMillis?: number | undefined
  /**
   * Makes the HTTP server that a listener of `ws://` stands on, for one that also serves a page. It must
   * not listen yet (`ListenError` if it does): the node has it listen, and closes it. Default: one that has no pages.
   */
  readonly server?: (() => Http.Server) | undefined
  /**
   * Makes the HTTPS server for `wss://`, with its certificate; it must not listen yet either. Default: none, and `wss://`
   * cannot be listened on.
   */
  readonly secureServer?: (() => Https.Server) | undefined
}

/**
 * The largest message taken, in bytes; ours send 64 KiB at most. A larger one ends the connection, for what came of it is
 * unseen by the link until all is there. Original nodes send a message of the protocol in one.
 */
const maxMessageBytes = 128 * 1024
const maxOriginalMessageBytes = 1024 * 1024

/**
 * How a message may come. Each of its parts holds on to all that the system read with it, up to 64 KiB, until the last one is
 * there; each read of some bytes of a part takes hundreds more.
 */
const receiving = (options: NodeWebSocketOptions) => ({
  maxPayload: WebSocket.hasSubprotocol(options) ? maxMessageBytes : maxOriginalMessageBytes,
  maxFragments: 32,
  maxBufferedChunks: 4096,
  perMessageDeflate: false
})

/**
 * The `Transport` over WebSockets: it listens on `ws://` and, given a server with a certificate, on
 * `wss://`, and dials both.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: NodeWebSocketOptions = {}): Layer.Layer<Transport> =>
  Layer.succeed(Transport, make(options))

/**
 * The same as a value, for `Transports`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: NodeWebSocketOptions = {}): Transport["Service"] => ({
  encryption: options.encryption ?? "Plaintext",
  schemes: WebSocket.schemes,
  resolvesNames: true,
  dial: (address) => dial(address, options),
  listen: (address) => listen(address, options)
})

const dial = (address: PeerAddress, options: NodeWebSocketOptions) =>
  Effect.suspend(() => {
    const message = new OpenMessage()
    let host: string | undefined
    const open = (url: string, protocols: Array<string>) => {
      const webSocket = new NodeWS.WebSocket(url, protocols, receiving(options))
      return webSocket.once("upgrade", ({ socket }) => {
        host = hostAt(socket, address)
        // Not before the WebSocket hears it as well: what came with the upgrade would be heard here alone.
        webSocket.once("open", () => watch(socket, message))
      })
    }
    return Effect.mapBoth(WebSocket.dial(address, open, options, send), {
      onSuccess: (dialed) => telling(dialed, message, host),
      onFailure: explain
    })
  })

/** From when nothing was read of it yet. */
const watch = (socket: Net.Socket, message: OpenMessage): void => {
  socket.on("data", (chunk: Uint8Array) => message.push(chunk))
}

const telling = (connection: Connection, message: OpenMessage, host: string | undefined): Connection => ({
  ...connection,
  host,
  watchHeld: (tell) => message.watch(tell)
})

/** The last message's callback comes when the system took it, and with an error when it never will. */
const send: WebSocket.Send<NodeWS.WebSocket> = (webSocket, messages) =>
  Effect.callback<void, ConnectionClosed>((resume) => {
    const last = messages.length - 1
    for (let i = 0; i < last; i++) webSocket.send(messages[i]!)
    webSocket.send(messages[last]!, (error) =>
      resume(
        error === undefined || error === null
          ? Effect.void
          : Effect.fail(new ConnectionClosed({ clean: false, detail: codeOf(error) || "aborted" }))
      ))
  })

const listen = Effect.fnUntraced(function*(address: PeerAddress, options: NodeWebSocketOptions) {
  const makeServer = address.scheme === "wss"
    ? options.secureServer :
    options.server ?? plainServer(options)
  if (!WebSocket.schemes.includes(address.scheme)) return yield* refuseListen(address)
  if (makeServer === undefined) {
    return yield* new ListenError({ address, kind: "Unsupported", cause: new Error(noCertificate) })
  }
  const limit = options.maxConnections ?? 512
  const audience: Audience = { tell: undefined }
  const http = yield* Effect.acquireRelease(
    Effect.map(idle(address, makeServer), (made) => bound(made, options, limit + spareConnections)),
    closeServer
  )
  const closing = keepRoom(http, limit, audience)
  const others = http.listeners("error")
  const [server] = yield* Effect.all([
    NodeSocketServer.makeWebSocket({
      ...receiving(options),
      server: http,
      handleProtocols: (offered) => offered.has(WebSocket.subprotocol) && WebSocket.subprotocol,
      verifyClient: ({ origin, req }, answer) => verify(options, origin, req, answer)
    }),
    Effect.sync(() => http.listen({ host: address.hostname, port: address.port }))
  ], { concurrency: 2 }).pipe(Effect.mapError((error) => {
    const cause = "cause" in error.reason ? error.reason.cause : error
    return new ListenError({ address, kind: listenErrorKinds[codeOf(cause)] ?? "Other", cause: inWords(cause) })
  }))
  hearErrors(http, others)
  const port = "port" in server.address ? server.address.port : address.port
  const run: Listener["serve"] = (handler) =>
    server.run(() =>
      Effect.gen(function*() {
        const accepted = yield* acceptedSocket
        const request = Option.getOrUndefined(yield* Effect.serviceOption(NodeSocketServer.IncomingMessage))
        if (accepted === undefined || request === undefined) return
        const peer = fromParts(request.socket.remoteAddress, request.socket.remotePort)
        const remote = withScheme(peer, address.scheme) ?? address
        const message = new OpenMessage()
        // The server holds it back until the connection is made.
        watch(request.socket, message)
        const made = WebSocket.fromWebSocket(Effect.succeed(accepted), remote, options, send)
        // The peer was gone before the handler began: there is nobody to tell. Nor where it is: who comes from this
        // machine may be a proxy of strangers, by whichever of its addresses.
        yield* Effect.matchEffect(made, {
          onSuccess: (connection) =>
            Effect.ensuring(handler(telling(connection, message, undefined)), closing(request.socket)),
          onFailure: () => Effect.void
        })
      }).pipe(Effect.scoped)
    ).pipe(Effect.orDie)
  const serve: Listener["serve"] = (handler, onRefused = () => {}) => {
    const tell: Tell = (dropped) => {
      const peer = fromParts(dropped?.remoteAddress, dropped?.remotePort)
      onRefused({ remote: withScheme(peer, address.scheme) ?? address, reason: { _tag: "Full", limit } })
    }
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        audience.tell = tell
        http.on("drop", tell)
      }),
      () => run(handler),
      () =>
        Effect.sync(() => {
          audience.tell = undefined
          http.off("drop", tell)
        })
    )
  }
  return { address: new PeerAddress({ host: address.host, port }), serve } satisfies Listener
})

/**
 * That the system lets it accept nothing for a while is an error of the server, which goes on. The `ws` package passes each
 * on to where only the first is heard, and a second one would end the process.
 */
const hearErrors = (server: Http.Server, others: ReadonlyArray<unknown>): void => {
  for (const listener of server.listeners("error")) {
    if (!others.includes(listener)) server.off("error", listener as (error: Error) => void)
  }
  server.on("error", () => {})
}

/** Not the socket that the server offers: that one says no clean farewell, and waits for nothing. */
const acceptedSocket = Effect.map(
  Effect.serviceOption(Socket.WebSocket),
  (found) => found._tag === "Some" && found.value instanceof NodeWS.WebSocket ? found.value : undefined
)

/** Who does not come for this byte stream is told so before there is a connection. */
const verify = (
  options: NodeWebSocketOptions,
  origin: string | undefined,
  request: Http.IncomingMessage,
  answer: (isWelcome: boolean, status?: number, message?: string) => void
): void => {
  const { origins } = options
  const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? []
  if (WebSocket.hasSubprotocol(options) && !offered.includes(WebSocket.subprotocol)) {
    answer(false, 400, `Offer the subprotocol ${WebSocket.subprotocol}`)
  } else if (origin !== undefined && origins !== undefined && !origins.includes(origin)) {
    answer(false, 403, "Pages of this origin are not let in")
  } else answer(true)
}

const noCertificate =
  "that takes a server with a certificate (webSocket.secureServer), or listen on ws:// behind a proxy that has one"

/** A server of the user's, unless somebody has it listen already: that one is not this node's to close. */
const idle = (address: PeerAddress, makeServer: () => Http.Server): Effect.Effect<Http.Server, ListenError> =>
  Effect.suspend(() => {
    const made = makeServer()
    return made.listening
      ? Effect.fail(new ListenError({ address, kind: "Other", cause: new Error(listensAlready(address)) }))
      : Effect.succeed(made)
  })

const listensAlready = ({ scheme }: PeerAddress): string =>
  `the server that it was given (webSocket.${
    scheme === "wss" ? "secureServer" : "server"
  }) listens already: have that ` +
  "make one that does not yet, for each place to listen"

const noPage: Http.RequestListener = (_request, response) => {
  response.writeHead(426, { "Content-Type": "text/plain", Connection: "close", Upgrade: "websocket" })
  response.end(
    `This is a node of a peer-to-peer network: connect by WebSocket, subprotocol ${WebSocket.subprotocol}.\n`
  )
}

/** Not imported: that would read all that the module exports, a client of HTTP among it, at the start of every node. */
const plainServer = (options: NodeWebSocketOptions) => () =>
  process.getBuiltinModule("node:http").createServer(
    { connectionsCheckingInterval: openMillis(options) / 4 },
    noPage
  )

const openMillis = (options: NodeWebSocketOptions): number => options.openMillis ?? 10_000

/** Whoever says nothing, or takes ever so long, holds no place. */
const bound = (server: Http.Server, options: NodeWebSocketOptions, maxConnections: number): Http.Server => {
  server.maxConnections = maxConnections
  server.headersTimeout = openMillis(options)
  server.requestTimeout = openMillis(options)
  return server
}

const closeServer = (server: Http.Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
