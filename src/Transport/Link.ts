/**
 * A session with one peer over one connection: frames and messages both ways, the compression
 * agreed on, renegotiation, resending and pings (`docs/protocol.md`, "Compression"). The mesh and
 * the chord stand on this; it knows nothing of either.
 *
 * Batches of messages are taken in the turn in which they come (`consume`), or pulled by a fiber; another writes what has
 * to wait for the transport: a message costs no Effect of its own.
 */
import type * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Capabilities } from "../Protocol/Capabilities.ts"
import { type CompressingMethod, negotiate } from "../Protocol/Compression/Compression.ts"
import type { KnownIds, Message, MessageType } from "../Protocol/Message.ts"
import type { Packet } from "../Protocol/Packet.ts"
import type { Payload } from "../Protocol/Payload.ts"
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import { isSigned } from "../Protocol/Signature.ts"
import { isWireFault } from "../Protocol/WireFault.ts"
import type { ByteBudget } from "./ByteBudget.ts"
import { type CloseReason, LinkClosed } from "./CloseReason.ts"
import { goodbye } from "./Goodbye.ts"
import { LinkReader, malformed, monotonicMillis } from "./internal/LinkReader.ts"
import { Pings } from "./internal/Pings.ts"
import { Writer } from "./internal/Writer.ts"
import { Outbox } from "./Outbox.ts"
import { Outgoing } from "./Outgoing.ts"
import { sourceOf } from "./Source.ts"
import type { Connection } from "./Transport.ts"

/**
 * The bounds of a link.
 *
 * @category options
 * @since 0.1.0
 */
export interface LinkOptions {
  /** The id of this node, the sender of what the link itself says. */
  readonly nodeId: string
  /** The largest body taken or sent, before and after decompression, in bytes. A larger one ends the link. */
  readonly maxMessageBytes: number
  /** Bytes that may wait to be written to the peer; see `Outbox`. */
  readonly maxOutboxBytes: number
  /** Bodies shorter than this go out uncompressed, in bytes. */
  readonly compressFromBytes: number
  /** How long the link may go on writing what is queued when it is closed in order. */
  readonly drainTimeout: Duration.Input
  /** What all links of the node may have waiting to be written; see `Outbox`. Default: no bound for the sum. */
  readonly outboxBudget?: ByteBudget | undefined
  /** Where the bytes of unfinished frames of all links of the node are counted. Default: nowhere. */
  readonly frameBudget?: ByteBudget | undefined
  /** Broadcasts that need not be checked again; see `Protocol.decode`. Default: none. */
  readonly known?: KnownIds | undefined
}

/** Rounds of renegotiation a peer may ask for on one link; then it ends (`RenegotiationLimit`). */
const maxRenegotiations = 16
/** Methods a peer may name in one renegotiation; the rest is not looked at. */
const maxListedMethods = 64

const noCapabilities: Capabilities = { extended: false, renegotiates: false, nonce: "" }

/**
 * A session with a peer, owned by the scope it was made in.
 *
 * @category models
 * @since 0.1.0
 */
export class Link {
  /** Numbers the links of one node in the order they were made. */
  readonly key: number
  /** Who opened the connection. */
  readonly direction: "inbound" | "outbound"
  /** The other end of the connection. */
  readonly remote: PeerAddress
  /** Where that is, where `remote` does not say so, as in `Connection`. */
  readonly host: string | undefined
  /** Where that is, as far as strangers are told apart by it: worked out once, for it is looked at in all links. */
  readonly source: string
  /** The public key that the transport proved to be the peer's, if it did. */
  readonly identity: Uint8Array | undefined
  /** The encryption of the connection, where it is another one than the transport's. */
  readonly encryption: string | undefined
  readonly outbox: Outbox
  /** What the peer showed of itself in its handshake. */
  capabilities: Capabilities = noCapabilities
  /** Frames that found the outbox full and were not queued. */
  droppedCount = 0
  /** Bytes that were queued for the peer, framing included. */
  sentBytes = 0
  /** Whether the other end said something behind its handshake: it has taken the link in, too. */
  isWelcome = false
  /** Why this end closes the link, once it does. */
  closeReason: CloseReason | undefined
  /** Called when `close` is: for whoever would have to keep a fiber waiting for `closed` otherwise. */
  onClose: (() => void) | undefined

  readonly #protocol: Protocol["Service"]
  readonly #options: LinkOptions
  readonly #clock: Clock.Clock
  readonly #reader: LinkReader
  readonly #pullSource: Effect.Effect<Arr.NonEmptyReadonlyArray<Message>, LinkClosed>
  readonly #sendNow: Connection["sendNow"]
  readonly #closed = Deferred.makeUnsafe<never, LinkClosed>()
  #peerMethods: ReadonlyArray<string> = []
  #method: CompressingMethod | undefined
  #unread: [Message, ...Array<Message>] | undefined
  /** Why nothing is read any more. */
  #failure: Exit.Exit<never, LinkClosed> | undefined
  /** Takes messages as they come, while `consume` runs. */
  #take: ((messages: Arr.NonEmptyReadonlyArray<Message>) => Effect.Effect<void, LinkClosed> | undefined) | undefined
  /** What it wants done before the next ones. */
  #due: Effect.Effect<void, LinkClosed> | undefined
  /** What a `resend` repeats. What the link itself says is not kept as it went out: that would be a part of a slab. */
  #lastSent: Message | Payload | undefined
  #renegotiationCount = 0
  #pings: Pings | undefined
  /** Whether what is pulled next was read already. */
  #isRead = false

  constructor(
    key: number,
    direction: "inbound" | "outbound",
    connection: Connection,
    protocol: Protocol["Service"],
    clock: Clock.Clock,
    options: LinkOptions
  ) {
    this.key = key
    this.direction = direction
    this.remote = connection.remote
    this.host = connection.host
    this.source = sourceOf(connection.remote)
    this.identity = connection.identity
    this.encryption = connection.encryption
    this.#sendNow = connection.sendsSingly === true ? connection.sendNow : undefined
    this.outbox = new Outbox(options.maxOutboxBytes, options.outboxBudget)
    this.#protocol = protocol
    this.#options = options
    this.#clock = clock
    this.#reader = new LinkReader(protocol, clock, {
      maxMessageBytes: options.maxMessageBytes,
      frameBudget: options.frameBudget,
      known: options.known,
      onMessage: (message) => {
        if (!this.#isAnswered(message)) this.#file(message)
        return this.#failure === undefined
      },
      onUnreadable: () => this.#askAgain()
    })
    connection.watchHeld?.((bytes) => this.#reader.hold(bytes))
    connection.intercept?.((chunks) => this.#look(chunks))
    // Made once: this is what every waiting link consists of.
    this.#pullSource = Effect.matchEffect(connection.pull, {
      onSuccess: (chunks) => {
        // What was looked at as it came is here once more, to be pulled.
        if (this.#isRead || !this.#look(chunks)) this.#isRead = false
        return this.#next
      },
      onFailure: (error) => Effect.fail(new LinkClosed({ reason: this.#reader.end(error) }))
    })
  }

  /** The compression of what is sent from now on; undefined for none. */
  get method(): CompressingMethod | undefined {
    return this.#method
  }

  /** When the last byte of a whole message came, in milliseconds of the node's clock that only grows. */
  get lastReceivedMillis(): number {
    return this.#reader.lastReceivedMillis
  }

  /** When the unfinished frame began to come, as `lastReceivedMillis`; undefined while there is none. */
  get frameSinceMillis(): number | undefined {
    return this.#reader.frameSinceMillis
  }

  /** How many bytes of an unfinished frame came so far. */
  get unfinishedBytes(): number {
    return this.#reader.unfinishedBytes
  }

  /** Bytes that came from the peer, framing included. */
  get receivedBytes(): number {
    return this.#reader.receivedBytes
  }

  /** Messages with a wrong id that were dropped. */
  get ignoredCount(): number {
    return this.#reader.droppedCount
  }

  /** Fails with the reason as soon as `close` is called; never succeeds. */
  get closed(): Effect.Effect<never, LinkClosed> {
    return Deferred.await(this.#closed)
  }

  /** The next batch of messages of the peer; what the link answers itself is not among them. Fails with `LinkClosed` when the connection ends or the peer breaks the protocol. */
  readonly pull: Effect.Effect<Arr.NonEmptyReadonlyArray<Message>, LinkClosed> = Effect.suspend(() => {
    const unread = this.#unread
    if (unread !== undefined) {
      this.#unread = undefined
      return Effect.succeed(unread)
    }
    const due = this.#due
    if (due !== undefined) {
      this.#due = undefined
      return Effect.andThen(due, this.pull)
    }
    if (this.#failure !== undefined) return this.#failure
    if (!this.#reader.hasBodies) return this.#pullSource
    this.#failWith(this.#reader.decode())
    return this.#next
  })

  /**
   * Hands each batch of the peer to `take`, which gives what has to be done before the next one, if anything: in the
   * turn in which the bytes come where the connection can do that, so that most of them need no fiber. Fails as
   * `pull` does.
   */
  consume(
    take: (messages: Arr.NonEmptyReadonlyArray<Message>) => Effect.Effect<void, LinkClosed> | undefined
  ): Effect.Effect<never, LinkClosed> {
    return Effect.suspend(() => {
      this.#take = take
      const next = Effect.flatMap(this.pull, (messages) => take(messages) ?? Effect.void)
      return Effect.forever(next, { disableYield: true })
    }).pipe(Effect.ensuring(Effect.sync(() => this.#take = undefined)))
  }

  /** Bytes that came while a fiber waits in `pull`; whether there is nothing left of them for that fiber. */
  #look(chunks: Arr.NonEmptyReadonlyArray<Uint8Array>): boolean {
    try {
      this.#failWith(this.#reader.read(chunks))
      const messages = this.#unread
      if (messages !== undefined && this.#take !== undefined) {
        this.#unread = undefined
        this.#due = this.#take(messages)
      }
    } catch (defect) {
      this.#failure = Exit.die(defect)
    }
    const isOver = this.#unread === undefined && this.#due === undefined && this.#failure === undefined
    this.#isRead = !isOver || this.#reader.isOthersTurn
    return !this.#isRead
  }

  /**
   * What it cost to read messages since this was asked last, beyond a small message each, in small messages: one more
   * for 64 packets, for 8 KiB that were packed, and for four short pieces.
   */
  takeExtraWork(): number {
    return this.#reader.takeExtraWork()
  }

  /** What was read, once the others had their turn, if so much was read or waits that they should. */
  get #next(): Effect.Effect<Arr.NonEmptyReadonlyArray<Message>, LinkClosed> {
    if (!this.#reader.isOthersTurn) return this.pull
    this.#reader.giveTurn()
    return Effect.andThen(Effect.yieldNow, this.pull)
  }

  #file(message: Message): void {
    if (this.#unread === undefined) this.#unread = [message]
    else this.#unread.push(message)
  }

  /** Gives messages back, to be pulled first. */
  unread(messages: ReadonlyArray<Message>): void {
    const [first, ...rest] = messages
    if (first !== undefined) this.#unread = [first, ...rest, ...(this.#unread ?? [])]
  }

  /** What the peer told in its handshake decides what it can be sent. */
  acceptMethods(methods: ReadonlyArray<string>): void {
    this.capabilities = this.#protocol.capabilities(methods)
    this.#setPeerMethods(methods)
  }

  /**
   * Queues a frame for the peer, in the place of broadcasts that wait if need be; `false` when the outbox is
   * full of such frames and this one was dropped.
   */
  offer(outgoing: Outgoing): boolean {
    const frame = outgoing.frameFor(this.#method)
    if (this.#put(frame, false)) return true
    this.droppedCount += this.outbox.dropOldest(frame.length)
    if (this.#put(frame, false)) return true
    this.droppedCount++
    return false
  }

  /**
   * Queues a frame that may be dropped later for newer ones, and drops older ones of that kind for it when
   * the outbox is full. Gives how many frames were dropped, this one included where nothing else could be.
   */
  pass(outgoing: Outgoing): number {
    const frame = outgoing.frameFor(this.#method)
    if (this.#put(frame, true)) return 0
    let dropped = this.outbox.dropOldest(frame.length)
    if (!this.#put(frame, true)) dropped++
    this.droppedCount += dropped
    return dropped
  }

  #put(frame: Uint8Array, mayBeDropped: boolean): boolean {
    const isOut = this.#sendNow !== undefined && this.outbox.isIdle && this.#sendNow(frame)
    if (!isOut && !this.outbox.offer(frame, mayBeDropped)) return false
    this.sentBytes += frame.length
    return true
  }

  /** A message from this node, made now. */
  make(type: MessageType, payload: ReadonlyArray<Packet>): Message {
    return this.#protocol.make(type, this.#options.nodeId, payload, this.#nowSeconds())
  }

  /** Queues a message of this node; it is what a `resend` repeats. */
  say(message: Message): boolean {
    this.#lastSent = message
    return this.offer(this.#outgoing(message))
  }

  /** Queues a whisper of this node. */
  tell(payload: Payload): boolean {
    this.#lastSent = payload
    return this.#control("whisper", this.#protocol.encodePayload(payload))
  }

  /** Remembers a message that went out by `offer` as the one that a `resend` repeats. */
  remember(message: Message): void {
    this.#lastSent = message
  }

  /**
   * Tells the peer which methods it may use from now on. Does nothing for a peer that would not
   * survive it (the original JavaScript node). `false` when it was not sent.
   */
  renegotiate(methods: ReadonlyArray<string>): boolean {
    if (!this.capabilities.renegotiates) return false
    const payload = this.#protocol.encodePayload({ _tag: "CompressionList", methods })
    return this.#control("renegotiate", payload)
  }

  /** Asks the peer for its last message once more. `false` as in `renegotiate`. */
  requestResend(): boolean {
    if (!this.capabilities.renegotiates) return false
    return this.#control("renegotiate", this.#protocol.encodePayload({ _tag: "Resend" }))
  }

  /** Sends a ping to a peer that answers it, one of ours. `false` when the peer would not. */
  ping(): boolean {
    if (!this.capabilities.extended) return false
    return this.#control("ping", this.#protocol.encodePayload({ _tag: "Ping", packets: [] }))
  }

  /** Ends the link: whoever waits for `closed` fails with this reason. Only the first reason counts. */
  close(reason: CloseReason): void {
    if (this.closeReason !== undefined) return
    this.closeReason = reason
    this.#reader.discard()
    this.onClose?.()
    Deferred.doneUnsafe(this.#closed, Effect.fail(new LinkClosed({ reason })))
  }

  /**
   * The last word, where the peer is one of ours: why this end closes. Called by the owner when it
   * has stopped reading; the frame leaves when the scope closes.
   */
  sayGoodbye(reason: CloseReason): void {
    const isOver = reason._tag === "ConnectionLost" || reason._tag === "Goodbye" || reason._tag === "TooSlow"
    if (isOver || !this.capabilities.extended) return
    // Behind all that waits, broadcasts included: whoever hears it reads no further.
    const payload = this.#protocol.encodePayload(goodbye(reason))
    this.pass(this.#outgoing(this.make("whisper", payload)))
  }

  #nowSeconds(): number {
    return Math.max(0, Math.floor(this.#clock.currentTimeMillisUnsafe() / 1000))
  }

  #control(type: MessageType, payload: ReadonlyArray<Packet>): boolean {
    return this.offer(this.#outgoing(this.make(type, payload)))
  }

  #outgoing(message: Message): Outgoing {
    return new Outgoing(this.#protocol.frame(message), this.#options.compressFromBytes)
  }

  /** Gives back what the budgets of the node count for this link; nothing is read or written any more. */
  discard(): void {
    this.#reader.discard()
    this.outbox.discard()
  }

  #failWith(reason: CloseReason | undefined): void {
    if (reason !== undefined) this.#failure ??= Exit.fail(new LinkClosed({ reason }))
  }

  /** A frame that cannot be unpacked: asks for it plain, as the original Python node does. */
  #askAgain(): boolean {
    if (++this.#renegotiationCount > maxRenegotiations) return false
    return this.renegotiate([]) && this.requestResend()
  }

  /** Whether the message is between the two links and of no concern to whoever pulls. */
  #isAnswered(message: Message): boolean {
    if (message.type === "pong" || message.type === "ping") {
      const now = monotonicMillis(this.#clock)
      // The others are for whoever bounds how much is read.
      if (!(this.#pings ??= new Pings(now)).take(message, now)) return false
      if (message.type === "ping") {
        this.#control("pong", this.#protocol.encodePayload({ _tag: "Pong", packets: message.payload.slice(1) }))
      }
      return true
    }
    return message.type === "renegotiate" && this.#isRenegotiated(message)
  }

  #isRenegotiated(message: Message): boolean {
    const payload = this.#protocol.decodePayload(message.packets)
    if (isWireFault(payload)) {
      this.#failWith(malformed(payload))
      return true
    }
    if (payload._tag !== "CompressionList" && payload._tag !== "Resend") return false
    if (++this.#renegotiationCount > maxRenegotiations) {
      this.#failWith({ _tag: "RenegotiationLimit", limit: maxRenegotiations })
    } else if (payload._tag === "CompressionList") this.#takeMethods(payload.methods.slice(0, maxListedMethods))
    else this.#repeatLast()
    return true
  }

  #takeMethods(methods: ReadonlyArray<string>): void {
    const isSame = methods.length === this.#peerMethods.length && methods.every((m, i) => m === this.#peerMethods[i])
    if (isSame) return
    this.#setPeerMethods(methods)
    this.renegotiate(this.#protocol.methods.map((method) => method.name).filter((name) => methods.includes(name)))
  }

  #setPeerMethods(methods: ReadonlyArray<string>): void {
    this.#peerMethods = methods
    this.#method = negotiate(this.#protocol.methods, methods)
  }

  /** Once for each message: a peer that asks again and again gets nothing more. */
  #repeatLast(): void {
    const last = this.#lastSent
    if (last === undefined) return
    this.#lastSent = undefined
    if ("_tag" in last) this.#control("whisper", this.#protocol.encodePayload(last))
    // With a new time its signature would be wrong; whoever could not read it has not seen its id.
    else if (isSigned(last.payload)) this.offer(this.#outgoing(last))
    else this.#control(last.type, last.packets)
  }
}

/**
 * A link over a connection. What is queued in one turn is written together behind it, and a fiber takes over while
 * the transport has to be waited for: most links are idle most of the time. Closing the scope writes what is queued, for
 * `drainTimeout` at most; the connection itself belongs to whoever opened it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  connection: Connection,
  key: number,
  direction: "inbound" | "outbound",
  options: LinkOptions
): Effect.fn.Return<Link, never, Protocol | Scope.Scope> {
  const protocol = yield* Protocol
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const link = new Link(key, direction, connection, protocol, clock, options)
  const writer = new Writer(link, connection, context)
  link.outbox.onFrame = () => writer.start()
  yield* Effect.addFinalizer(() => writer.finish(options.drainTimeout))
  return link
})
