/**
 * Accepts connections and secures them before anybody serves them, as a TCP listener takes
 * connections before that: who dialed knows at once whether it is let in. Whatever comes to nothing
 * is told to whoever serves.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { type Opening, Openings } from "../Admission/Openings.ts"
import { sourceOf } from "../Source.ts"
import { refusedHere, type TlsRefused } from "../TlsFault.ts"
import type { Connection, Listener, RefusedConnection } from "../Transport.ts"
import { closeGently, listenTcp } from "./NodeSockets.ts"
import type { NodeTlsCredentials } from "./NodeTlsCredentials.ts"
import { agree, alertRecord, fromError, handshakeRecord, peek } from "./NodeTlsHandshake.ts"

export interface ListenOptions {
  readonly lingerMillis: number
  readonly handshakeMillis: number
  /** Connections that are not secured yet, or that nobody serves; the source with most of them makes room for others. */
  readonly maxPending: number
  /** Connections in all, those that are being closed included. */
  readonly maxConnections: number
  readonly connect: (
    socket: Tls.TLSSocket,
    remote: PeerAddress,
    identity: Uint8Array | undefined
  ) => Effect.Effect<Connection, never, Scope.Scope>
}

/** A connection that waits for somebody to serve it; it is closed when `done` is. */
interface Secured {
  readonly connection: Connection
  /** Called by who serves it: it is pending no more. */
  readonly settle: () => void
  readonly done: Deferred.Deferred<void>
}

/** Who hears of what is refused: whoever serves, while somebody does. */
interface Audience {
  tell: ((refused: RefusedConnection) => void) | undefined
}

export const listen = Effect.fnUntraced(function*(
  credentials: NodeTlsCredentials,
  address: PeerAddress,
  options: ListenOptions
) {
  const { handshakeMillis, lingerMillis, maxConnections, maxPending } = options
  const server = yield* listenTcp(address, maxConnections)
  const gate = new Gate(credentials, options)
  const secured = yield* Queue.bounded<Secured>(maxPending)
  const pending = new Openings()
  /** Those that were served and are being closed: many links may end at once; the other places are for those that begin. */
  const closing = new Openings()
  const maxClosing = Math.max(1, Math.floor(maxConnections / 2))
  const audience: Audience = { tell: undefined }

  const open = Effect.fnUntraced(function*(raw: Net.Socket, remote: PeerAddress) {
    const socket = yield* gate.secure(raw)
    // One that made room is gone, and what stood on it never tells that it closed.
    yield* Effect.addFinalizer(() => raw.destroyed ? Effect.void : closeGently(socket, lingerMillis))
    const identity = yield* agree(socket, credentials, undefined)
    return yield* options.connect(socket, remote, identity)
  })

  const accept = (raw: Net.Socket, remote: PeerAddress, opening: Opening, isOver: () => boolean) => {
    const { source } = opening
    const settle = () => pending.delete(opening)
    const cut = () => void raw.destroy()
    // The last one to run: it is counted while it is being closed, too.
    const over = Effect.sync(() => {
      raw.destroy()
      settle()
      closing.delete(opening)
    })
    const refuse = (reason: RefusedConnection["reason"]) => {
      if (!isOver()) audience.tell?.({ remote, reason })
      // It was told of, and is only to make room from now on.
      opening.end = cut
    }
    return Effect.gen(function*() {
      yield* Effect.addFinalizer(() => over)
      const opened = yield* Effect.timeoutOption(open(raw, remote), handshakeMillis)
      if (Option.isNone(opened)) return refuse({ _tag: "HandshakeTimeout", afterMillis: handshakeMillis })
      // It waits for whoever serves, and nobody else.
      opening.end = undefined
      const done = yield* Deferred.make<void>()
      yield* Queue.offer(secured, { connection: opened.value, settle, done })
      yield* Deferred.await(done)
      opening.end = cut
      // Whoever was turned away may stay until it has been closed.
      if (closing.count >= maxClosing && !closing.makeRoom(source)) cut()
      else closing.add(opening)
    }).pipe(
      Effect.catchTag("TlsRefused", (reason) => Effect.sync(() => refuse(reason)))
    )
  }

  const take = (raw: Net.Socket, remote: PeerAddress) =>
    Effect.suspend(() => {
      raw.on("error", () => {})
      let isOver = false
      const source = sourceOf(remote)
      const end = () => {
        isOver = true
        raw.destroy()
        audience.tell?.({ remote, reason: { _tag: "Full", limit: maxPending } })
      }
      if (pending.count >= maxPending && !pending.makeRoom(source)) return Effect.sync(end)
      const opening: Opening = { source, end }
      pending.add(opening)
      return accept(raw, remote, opening, () => isOver)
    })
  yield* Effect.forkScoped(server.accept(take, (refused) => audience.tell?.(refused)))

  return { address: server.address, serve: serveFrom(secured, audience) } satisfies Listener
})

const serveFrom = (secured: Queue.Queue<Secured>, audience: Audience): Listener["serve"] =>
<R>(
  handler: (connection: Connection) => Effect.Effect<void, never, R>,
  onRefused?: (refused: RefusedConnection) => void
) =>
  Effect.scoped(Effect.gen(function*() {
    const fibers = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(fibers)<Exclude<R, Scope.Scope>>()
    yield* Effect.acquireRelease(
      Effect.sync(() => audience.tell = onRefused),
      () => Effect.sync(() => audience.tell = undefined)
    )
    while (true) {
      const { connection, done, settle } = yield* Queue.take(secured)
      settle()
      run(
        Effect.scoped(handler(connection)).pipe(
          Effect.ignoreCause({ log: "Error", message: "the handler of a connection failed" }),
          Effect.ensuring(Deferred.succeed(done, undefined))
        )
      )
    }
  }))

/**
 * Node's TLS server, for the sockets that it is handed. It tells of each by an event of its own; which
 * one is meant is known by the other end's address and port.
 */
class Gate {
  readonly #server: Tls.Server
  readonly #waiting = new Map<string, (result: Effect.Effect<Tls.TLSSocket, TlsRefused>) => void>()

  readonly #lingerMillis: number

  constructor(credentials: NodeTlsCredentials, options: ListenOptions) {
    this.#lingerMillis = options.lingerMillis
    this.#server = Tls.createServer({ ...credentials.server, handshakeTimeout: options.handshakeMillis })
    this.#server.on("secureConnection", (socket) => {
      socket.on("error", () => {})
      const settle = this.#waiting.get(endOf(socket))
      if (settle === undefined) socket.destroy()
      else settle(Effect.succeed(socket))
    })
    this.#server.on("tlsClientError", (error, socket) => {
      this.#waiting.get(endOf(socket))?.(Effect.fail(fromError(error)))
    })
  }

  /** Secures a socket; one that does not begin with TLS hears so in words that its end understands. */
  secure = Effect.fnUntraced(function*(this: Gate, raw: Net.Socket) {
    const first = yield* peek(raw)
    if (first === undefined) return yield* Effect.fail(refusedHere("TlsFailed", "the other end closed the connection"))
    if (first !== handshakeRecord) {
      yield* Effect.addFinalizer(() => closeGently(raw, this.#lingerMillis))
      raw.write(alertRecord)
      return yield* Effect.fail(refusedHere("PlaintextPeer"))
    }
    return yield* this.#handshake(raw)
  }).bind(this)

  #handshake(raw: Net.Socket): Effect.Effect<Tls.TLSSocket, TlsRefused> {
    const key = endOf(raw)
    return Effect.callback((resume) => {
      const stop = () => {
        raw.off("close", closed)
        this.#waiting.delete(key)
      }
      const settle = (result: Effect.Effect<Tls.TLSSocket, TlsRefused>) => {
        stop()
        resume(result)
      }
      const closed = () => settle(Effect.fail(refusedHere("TlsFailed", "the other end closed the connection")))
      this.#waiting.set(key, settle)
      raw.once("close", closed)
      this.#server.emit("connection", raw)
      return Effect.sync(stop)
    })
  }
}

const endOf = (socket: Net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`
