/**
 * Reliable, ordered byte connections between nodes. The mesh and the chord see only this service:
 * TCP (`NodeTcp`), TLS (`NodeTls`), WebSockets (`NodeWebSocket`, `WebSocket`) and the in-memory network
 * (`MemoryNetwork`) implement it, and a new transport is one more layer that passes the suite in
 * `test/compliance`.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { nowhere, PeerAddress } from "../Protocol/PeerAddress.ts"
import { describeTls, isTlsFault, TlsFault, type TlsRefused } from "./TlsFault.ts"

/**
 * A dial came to nothing. `kind` says how: nobody listens there (`Refused`), no answer in time
 * (`TimedOut`), no way to that host (`Unreachable`), no such host name (`UnknownHost`), no transport
 * for such addresses on this node (`Unsupported`), a connection that could not be secured (the
 * `TlsFault`; `by` is the end that found it), or something else (`Other`, see `cause`).
 *
 * @category errors
 * @since 0.1.0
 */
export class DialError extends Schema.TaggedError<DialError>()("DialError", {
  address: PeerAddress,
  kind: Schema.Literals([
    "Refused",
    "TimedOut",
    "Unreachable",
    "UnknownHost",
    "Unsupported",
    ...TlsFault.literals,
    "Other"
  ]),
  cause: Schema.Defect(),
  by: Schema.optional(Schema.Literals(["here", "there"]))
}) {
  override get message(): string {
    return isTlsFault(this.kind)
      ? `no secure connection to ${this.address}: ${describeFault(this.kind, this)}`
      : `could not connect to ${this.address}: ${describeDial(this.kind, this)}`
  }
}

const describeFault = (fault: TlsFault, { by, cause }: DialError): string =>
  describeTls({ fault, by: by ?? "here", detail: textOf(cause) })

const textOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const describeDial = (kind: Exclude<DialError["kind"], TlsFault>, { address, cause }: DialError): string => {
  switch (kind) {
    case "Refused":
      return "nobody listens there"
    case "TimedOut":
      return "no answer in time"
    case "Unreachable":
      return "there is no route to that host"
    case "UnknownHost":
      return "no such host"
    case "Unsupported":
      return unsupported(address)
    case "Other":
      return textOf(cause)
  }
}

/**
 * Listening is not possible. `kind` says why: another program has the port (`InUse`), this user may
 * not (`Denied`), this machine has no such address (`NoSuchAddress`), this node has no transport that
 * listens there (`Unsupported`), or something else (`Other`).
 *
 * @category errors
 * @since 0.1.0
 */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  address: PeerAddress,
  kind: Schema.Literals(["InUse", "Denied", "NoSuchAddress", "Unsupported", "Other"]),
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `could not listen on ${this.address}: ${describeListen(this)}`
  }
}

const describeListen = ({ address, cause, kind }: ListenError): string => {
  switch (kind) {
    case "InUse":
      return "another program uses that port; choose another, or 0 for any free one"
    case "Denied":
      return "this user may not listen there; ports below 1024 usually need more rights"
    case "NoSuchAddress":
      return "this machine has no such address"
    case "Unsupported":
      return cause === undefined ? unsupported(address) : textOf(cause)
    case "Other":
      return textOf(cause)
  }
}

const unsupported = ({ scheme }: PeerAddress): string =>
  scheme === ""
    ? "this node has no transport for addresses without a scheme; a WebSocket's address is ws://HOST:PORT"
    : `this node has no transport for ${scheme}://, give it one (Transports)`

/**
 * The connection ended; `clean` when the other end closed it in order, rather than a reset, a lost
 * network or an end on this side.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionClosed extends Schema.TaggedError<ConnectionClosed>()("ConnectionClosed", {
  clean: Schema.Boolean,
  detail: Schema.String
}) {
  override get message(): string {
    return this.clean ? "the other end closed the connection" : `the connection was lost: ${this.detail}`
  }
}

/**
 * One live connection, owned by the scope that acquired it: closing that scope closes the
 * connection. Bytes handed to `send` before are still delivered if the other end reads them soon.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** The address at the other end; for an accepted connection not one that can be dialed. */
  readonly remote: PeerAddress
  /**
   * Where the other end is, where `remote` does not say so: dialed by a name, or by another address of this machine, which
   * is a loopback one then.
   */
  readonly host?: string | undefined
  /** Its encryption, where that is another one than the transport's: it belongs to another network then. */
  readonly encryption?: string | undefined
  /**
   * Bytes in any chunking, for one consumer. Nothing is read while nobody pulls, beyond a bound of the transport's; where
   * reading cannot be held back, as in pages, the connection ends past that (`maxUnreadBytes`).
   */
  readonly incoming: Stream.Stream<Uint8Array, ConnectionClosed>
  /** The same, batch by batch, for loops that count every step. */
  readonly pull: Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, ConnectionClosed>
  /**
   * Succeeds once the transport took all of it: this is the back-pressure. Fails once `pull` has told of the end, or this
   * end is closed. For one caller at a time.
   */
  readonly send: (chunks: NonEmptyReadonlyArray<Uint8Array>) => Effect.Effect<void, ConnectionClosed>
  /** Takes bytes at once, without a fiber; `false` when they have to wait, and then nothing was taken. */
  readonly sendNow?: ((bytes: Uint8Array) => boolean) | undefined
  /**
   * Whether each message goes by `sendNow` as soon as it is there, rather than together with what follows in the same
   * turn: for transports that gain nothing by writing many messages together.
   */
  readonly sendsSingly?: boolean | undefined
  /**
   * Has bytes that come while somebody waits in `pull` looked at in the same turn, without a fiber. `look` tells
   * whether that was all there is to do with them: `pull` gives the others, and goes on waiting where there are
   * none. For transports whose messages come one by one.
   */
  readonly intercept?: ((look: (chunks: NonEmptyReadonlyArray<Uint8Array>) => boolean) => void) | undefined
  /**
   * Has `tell` told how many bytes came that `pull` cannot give yet, since what they are a part of is not whole: each time
   * that some come, and 0 when it is. For transports of messages, where a peer could hold one for ever.
   */
  readonly watchHeld?: ((tell: (bytes: number) => void) => void) | undefined
  /**
   * Like `send`, but what is in one chunk arrives apart from the next, in a record of its own. Only
   * where it matters: an original node over TLS does not see the second frame of a record.
   */
  readonly sendApart?: Connection["send"] | undefined
  /**
   * The public key that the transport proved to be the other end's, as DER (SubjectPublicKeyInfo).
   * The handshake then takes no other id from it than the one that follows from this key.
   */
  readonly identity?: Uint8Array | undefined
}

/**
 * A connection from its parts: the stream is made of `pull`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeConnection = (parts: Omit<Connection, "incoming">): Connection => ({
  ...parts,
  incoming: Stream.fromPull(Effect.succeed(parts.pull))
})

/**
 * A place where connections are accepted, owned by the scope that acquired it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** Where it listens, with the port that was really bound. */
  readonly address: PeerAddress
  /**
   * Runs `handler` in a fiber of its own for each accepted connection, until interrupted; that
   * interrupts the handlers. A connection is closed when its handler ends. `onRefused` hears of what
   * came to no connection, as far as the transport can tell, and must return at once.
   */
  readonly serve: <R>(
    handler: (connection: Connection) => Effect.Effect<void, never, R>,
    onRefused?: (refused: RefusedConnection) => void
  ) => Effect.Effect<never, never, Exclude<R, Scope.Scope>>
}

/**
 * What somebody opened and the transport did not let through: it was not secured (`TlsRefused`), not
 * in time, or too many others were under way.
 *
 * @category models
 * @since 0.1.0
 */
export interface RefusedConnection {
  readonly remote: PeerAddress
  readonly reason:
    | TlsRefused
    | { readonly _tag: "HandshakeTimeout"; readonly afterMillis: number }
    | { readonly _tag: "Full"; readonly limit: number }
}

/**
 * Dials peers and accepts them.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, {
  /**
   * The name of the encryption, part of the network id (`docs/protocol.md`, "Ids"): `"Plaintext"`,
   * `"SSL"`, or one of ours. Nodes with different encryption are on different networks.
   */
  readonly encryption: string
  /** The public key that this transport proves to others, as in `Connection`; this node's id follows from it. */
  readonly identity?: Uint8Array | undefined
  /** The schemes of the addresses that it can dial. Default `[""]`: addresses without one. */
  readonly schemes?: ReadonlyArray<string> | undefined
  /**
   * Whether its addresses lead out of this process, to whatever is at an IP address or a name. Addresses
   * that strangers name are looked at closely then. Default false.
   */
  readonly resolvesNames?: boolean | undefined
  /** Opens a connection. Fails after the transport's own timeout at the latest. */
  readonly dial: (address: PeerAddress) => Effect.Effect<Connection, DialError, Scope.Scope>
  /** Binds an address; port 0 stands for any free one. */
  readonly listen: (address: PeerAddress) => Effect.Effect<Listener, ListenError, Scope.Scope>
}>()("effect-p2p/Transport/Transport") {}

/**
 * Whether a transport has a way to such an address: others are not worth remembering.
 *
 * @category predicates
 * @since 0.1.0
 */
export const canDial = (transport: Transport["Service"], address: PeerAddress): boolean =>
  (transport.schemes ?? [""]).includes(address.scheme)

/**
 * What a transport cannot dial.
 *
 * @category errors
 * @since 0.1.0
 */
export const refuseDial = (address: PeerAddress): Effect.Effect<never, DialError> =>
  Effect.fail(new DialError({ address, kind: "Unsupported", cause: undefined }))

/**
 * Where a transport cannot listen.
 *
 * @category errors
 * @since 0.1.0
 */
export const refuseListen = (address: PeerAddress): Effect.Effect<never, ListenError> =>
  Effect.fail(new ListenError({ address, kind: "Unsupported", cause: undefined }))

/**
 * The listener of a node that cannot be dialed, such as one in a browser: it accepts nobody, and its
 * address has port 0, so that none is announced.
 *
 * @category constructors
 * @since 0.1.0
 */
export const deaf: Listener = { address: nowhere, serve: () => Effect.never }
