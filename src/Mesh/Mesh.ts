/**
 * The flood network: every node links to a few others, a broadcast is passed on by each once, a
 * whisper goes to one node, found and dialed if it is no neighbor (`docs/protocol.md`).
 *
 * What it promises: a broadcast reaches every node that is connected to its author by any path of
 * live links, exactly once; a slow or stuck peer costs the others nothing; lost links are replaced;
 * what one peer does wrong ends that link, with a typed reason, and nothing else. Closing the
 * scope of the layer leaves no socket, fiber or timer behind.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Console, Effect, Stream } from "effect"
 * import { Mesh } from "effect-p2p"
 * import { NodeMesh } from "effect-p2p/node"
 *
 * const program = Effect.gen(function*() {
 *   const mesh = yield* Mesh
 *   yield* Console.log(`listening on ${mesh.address}`)
 *   yield* mesh.broadcast("hello, everyone")
 *   yield* mesh.messages.pipe(Stream.runForEach((m) => Console.log(m.sender, m.text)))
 * })
 *
 * program.pipe(Effect.provide(NodeMesh.layer({ port: 4444 })), NodeRuntime.runMain)
 * ```
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { drawSecret, toSalt } from "../Protocol/internal/Salt.ts"
import type { Message } from "../Protocol/Message.ts"
import type { Payload } from "../Protocol/Payload.ts"
import { parse, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import { Signing } from "../Protocol/Signing.ts"
import type { Banning } from "../Transport/Admission/Guard.ts"
import { type ListenError, Transport } from "../Transport/Transport.ts"
import type { Waiting } from "../Transport/Waiting.ts"
import * as Dialer from "./internal/Dialer.ts"
import { claim, consume } from "./internal/Handlers.ts"
import { MeshNode } from "./internal/MeshNode.ts"
import * as Places from "./internal/Places.ts"
import { Questions } from "./internal/Questions.ts"
import * as Sender from "./internal/Sender.ts"
import * as Session from "./internal/Session.ts"
import { Topics } from "./internal/Topics.ts"
import * as Welcome from "./internal/Welcome.ts"
import { MeshConfig } from "./MeshConfig.ts"
import {
  type AskRefused,
  type AskTimeout,
  ConnectError,
  InvalidAddress,
  type MessageTooLarge,
  type PeerNotFound,
  type PeerUnavailable,
  type SubFlagTaken,
  type TooManyRequests
} from "./MeshError.ts"
import type { MeshEvent } from "./MeshEvent.ts"
import { type MeshMessage, type Packets, toWire } from "./MeshMessage.ts"
import type { MeshStats } from "./MeshStats.ts"
import type { Query } from "./Query.ts"
import { linksOf, type Peer } from "./RoutingTable.ts"
import type { Topic, TopicMessage } from "./Topic.ts"

/**
 * A linked node, as it was when asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerInfo {
  readonly id: string
  /** Where it can be dialed, as it said itself; undefined when it did not. */
  readonly address: PeerAddress | undefined
  /** Who dialed. */
  readonly direction: "inbound" | "outbound"
  /** Whether it is one of ours rather than an original node. */
  readonly isExtended: boolean
  /** Bytes that wait to be taken by it. */
  readonly queuedBytes: number
  readonly isSlow: boolean
}

/**
 * A linked node, and with whom it last said that it is linked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Surveyed {
  readonly id: string
  /** Ids; `maxPeersPerList` at most, only of nodes that can be dialed, and by its word alone. */
  readonly peers: ReadonlyArray<string>
}

/**
 * How a message is sent.
 *
 * @category options
 * @since 0.1.0
 */
export interface SendOptions {
  /** The protocol of one's own that it belongs to, a name that the receivers `handle`. Default: it goes to their `messages`. */
  readonly subFlag?: string | undefined
}

/**
 * What can keep a whisper from being sent.
 *
 * @category errors
 * @since 0.1.0
 */
export type WhisperError = MessageTooLarge | PeerNotFound | PeerUnavailable | TooManyRequests

/**
 * A node of the flood network.
 *
 * @category services
 * @since 0.1.0
 */
export class Mesh extends Context.Service<
  Mesh,
  Banning & {
    /** This node's id, in base 58: that of its key if it has one (`Transport`, `Signing`), else new for each start. */
    readonly id: string
    /** Where this node can be dialed; port 0 says that it cannot, as in a browser. */
    readonly address: PeerAddress
    /** The same, and where else: by other transports. */
    readonly addresses: ReadonlyArray<PeerAddress>
    /** Identifies subnet, encryption and protocol version; peers have the same. */
    readonly networkId: string
    /** How far ahead of this node's clock the time of a broadcast may lie that it takes, in seconds: `maxClockSkew`. */
    readonly maxClockSkewSeconds: number

    /** The linked nodes, in the order in which they joined. */
    readonly peers: Effect.Effect<ReadonlyArray<PeerInfo>>
    /** The linked nodes now, and again whenever one joins or leaves. */
    readonly changes: Stream.Stream<ReadonlyArray<PeerInfo>>
    /**
     * The network as far as this node can see: what its peers last said of theirs. Asks each of them again, so
     * that whoever looks twice sees what is now; every two seconds at most, however often this is run.
     */
    readonly survey: Effect.Effect<ReadonlyArray<Surveyed>>
    /** What happens from now on. A reader more than 1024 events behind loses the oldest. */
    readonly events: Stream.Stream<MeshEvent>
    /** What was counted since the start. */
    readonly stats: Effect.Effect<MeshStats>

    /** Addresses that failed and are dialed again later, the next one first; none of a node that is linked there. */
    readonly waiting: Effect.Effect<ReadonlyArray<Waiting>>

    /**
     * Links to the node at an address (`"host:port"`), and keeps to it: the node is dialed again
     * whenever the link is lost. Gives the link there is, if there is one. A node of this library has taken the link in
     * by then, too, so that each hears what the other one says. Fails with `ConnectError`,
     * whose `reason` says why: refused, timed out, another subnet, full, this node itself, ..., and then keeps to nothing.
     */
    readonly connect: (address: string | PeerAddress) => Effect.Effect<PeerInfo, ConnectError | InvalidAddress>
    /**
     * Addresses where nodes of this network may be, from a list, a file or a LAN: they are dialed when links
     * are lacking, and forgotten as others are (`maxKnownAddresses`). Gives how many were new. With a `teller`,
     * whoever told of them from that address: then they are taken as far as what peers tell is, and no further.
     */
    readonly learn: (addresses: ReadonlyArray<PeerAddress>, teller?: PeerAddress) => Effect.Effect<number>
    /** Ends the links to a peer, and does not dial it again for a while; `false` when there is none. */
    readonly disconnect: (id: string) => Effect.Effect<boolean>

    /**
     * Sends to every other node of the network, and not to this one; gives the message's id. What is said before there is a
     * link is heard by nobody: `connect` waits for one, `bootstrap` does not. Waits while a healthy peer's queue
     * is more than half full (`slowPatience`), never for a slow one. The same payload twice within a
     * second is stamped with the next second: on this wire an id is made of payload and second alone.
     * So two nodes that say the very same within a second say one message, which those who heard the other one
     * first take for a copy; where that matters, put something of the author's in it, or `publish` it over a topic. Of
     * more than twenty equal ones in a second the next wait for their seconds.
     */
    readonly broadcast: (packets: Packets, options?: SendOptions) => Effect.Effect<string, MessageTooLarge>
    /**
     * Sends many to every node of the network, in order, each as `broadcast` does and all for less: for whoever has them at
     * hand, as the batches of a stream (`Stream.runForEachArray(stream, (batch) => mesh.broadcastAll(batch))`). Gives no
     * ids. Fails at one that is too large, when those before it are sent, and
     * it and those behind it are not.
     */
    readonly broadcastAll: (many: Iterable<Packets>, options?: SendOptions) => Effect.Effect<void, MessageTooLarge>
    /** Sends to one node, a neighbor or one that is found and dialed; gives the message's id. */
    readonly whisper: (id: string, packets: Packets, options?: SendOptions) => Effect.Effect<string, WhisperError>
    /**
     * Waits until little waits to be sent to a neighbor, 32 KiB at most; `false` when it is none, or takes nothing for a minute.
     * For whoever whispers much to one node, before each whisper: all of it at once takes as long as the line to that node
     * does, and what is queued behind it, such as the pings that tell whether it is there, comes too late.
     */
    readonly untilSent: (id: string) => Effect.Effect<boolean>
    /** Whispers to the author of a message. */
    readonly reply: (message: MeshMessage, packets: Packets) => Effect.Effect<string, WhisperError>
    /**
     * Everything that users of other nodes broadcast, or whisper to this one, from the moment the stream runs; every run gets
     * all. A reader more than `inboxCapacity` behind loses the oldest (`ReaderLagged`).
     */
    readonly messages: Stream.Stream<MeshMessage>

    /**
     * Broadcasts a value of a topic, which this node's own subscribers do not get; equal values, of one node or of several,
     * are messages of their own.
     */
    readonly publish: <A>(
      topic: Topic<A>,
      value: NoInfer<A>
    ) => Effect.Effect<string, MessageTooLarge | Schema.SchemaError>
    /** Broadcasts many values of a topic, as `broadcastAll` does; none when the schema refuses one of them. */
    readonly publishAll: <A>(
      topic: Topic<A>,
      values: Iterable<NoInfer<A>>
    ) => Effect.Effect<void, MessageTooLarge | Schema.SchemaError>
    /** The values of a topic, bounded like `messages`. What its schema refuses, or breaks at, is dropped (`ValueRefused`). */
    readonly subscribe: <A>(topic: Topic<A>) => Stream.Stream<TopicMessage<A>>

    /**
     * Answers a question whenever a node asks it, until the scope closes. An answer waits for nobody: where the asker's
     * queue has no room it is dropped (`droppedOutbound`), and the asker's time runs out.
     * `handlerConcurrency` are answered at a time. The handler goes on when the asker has given up, so bound it
     * (`Effect.timeout`): as many that never end keep all others waiting. The asker is not told how it failed: let what it
     * is to know be part of the answer (`Schema.Result`).
     */
    readonly respond: <Q, A, E, R>(
      query: Query<Q, A>,
      handler: (question: Q, from: string) => Effect.Effect<NoInfer<A>, E, R>
    ) => Effect.Effect<void, SubFlagTaken, Scope.Scope | R>
    /**
     * Asks a node a question and waits for its answer, `timeout` (default `requestTimeout`) at most. That the link to it ends
     * does not end this, since the answer can come over another one: for that look at `events` (`PeerLeft`).
     */
    readonly ask: <Q, A>(
      query: Query<Q, A>,
      id: string,
      question: NoInfer<Q>,
      options?: { readonly timeout?: Duration.Input | undefined }
    ) => Effect.Effect<A, AskRefused | AskTimeout | Schema.SchemaError | WhisperError>

    /**
     * Broadcasts what the wire itself has words for, as the shared dictionary does (`Sync`); gives the message,
     * whose time is not before `notBefore` (seconds since 1970). It waits when that is more than 20 seconds off, or
     * `maxClockSkew` if that is less. `onSent` gets the message in the step that sends it: before `broadcast` waits for
     * peers, in which it may be interrupted.
     */
    readonly broadcastPayload: (
      payload: Payload,
      options?: {
        readonly notBefore?: number | undefined
        readonly onSent?: ((message: Message) => void) | undefined
      }
    ) => Effect.Effect<Message, MessageTooLarge>
    /** Whispers such a thing. */
    readonly whisperPayload: (id: string, payload: Payload) => Effect.Effect<Message, WhisperError>

    /**
     * Takes the messages of a protocol of one's own, by its sub-flag, until the scope closes:
     * `handlerConcurrency` at a time, in bounded order of arrival. One that fails is told as an event.
     */
    readonly handle: <E, R>(
      subFlag: string,
      handler: (message: MeshMessage) => Effect.Effect<unknown, E, R>
    ) => Effect.Effect<void, SubFlagTaken, Scope.Scope | R>
  }
>()("effect-p2p/Mesh/Mesh") {
  /**
   * A node that listens as `MeshConfig` says, over the `Transport` and the `Protocol` that are given. Effect
   * builds this value once for a program: for a second node in one, wrap what you compose in `Layer.fresh`.
   * (The ready-made Layers are nodes of their own.)
   */
  static readonly layer: Layer.Layer<Mesh, ListenError, MeshConfig | Protocol | Transport> = Layer.effect(
    this,
    Effect.suspend(() => make)
  )
}

/** How often peers are asked for theirs on behalf of the user, at most. */
const surveyMillis = 2000

const make = Effect.gen(function*() {
  const protocol = yield* Protocol
  const transport = yield* Transport
  const options = yield* MeshConfig
  const fibers = yield* FiberSet.make<void>()
  const services = {
    protocol,
    transport,
    signing: yield* Signing,
    clock: yield* Clock.Clock,
    random: yield* Random.Random,
    run: yield* FiberSet.runtime(fibers)<never>()
  }
  const listener = yield* transport.listen(options.listen)
  const further = yield* Effect.forEach(options.listenFurther, (address) => transport.listen(address))
  const address = options.announce ?? listener.address
  const furtherAddresses = options.announceFurther ?? further.map((listener) => listener.address)
  const networkId = protocol.networkId(options.subnet, transport.encryption)
  const secret = yield* drawSecret
  const publicKey = transport.identity ?? services.signing?.publicKey
  const id = publicKey === undefined
    ? protocol.nodeId(address, networkId, toSalt(secret))
    : protocol.identityId(publicKey, networkId)
  const node = new MeshNode(id, networkId, [address, ...furtherAddresses], options, services, secret)
  for (const bootstrap of options.bootstrap) node.book.keep(bootstrap)

  const questions = new Questions(node)
  const topics = new Topics(node)
  yield* Effect.orDie(Effect.andThen(questions.listen, topics.listen))
  yield* Effect.addFinalizer(() =>
    Effect.all([
      node.ended.open,
      questions.end,
      node.inbox.end,
      topics.end,
      node.events.end,
      node.changes.end
    ])
  )
  for (const each of [listener, ...further]) {
    yield* Effect.forkScoped(
      each.serve((connection) => Session.accept(node, connection), (refused) => Session.refused(node, refused))
    )
  }
  yield* Effect.forkScoped(Dialer.upkeep(node))
  yield* Effect.forkScoped(Dialer.liveness(node))
  yield* Effect.forkScoped(node.frames.endOverdue(options.frameTimeout, () => node.nowMillis()))
  return service(node, topics, questions)
})

const service = (node: MeshNode, topics: Topics, questions: Questions): Mesh["Service"] => {
  const peers = Effect.sync(() => Array.from(node.table.values(), toInfo))
  const { protocol } = node.services
  const flags = {
    broadcast: protocol.encodePayload({ _tag: "UserBroadcast", packets: [] }),
    whisper: protocol.encodePayload({ _tag: "UserWhisper", packets: [] })
  }
  const payload = (packets: Packets, subFlag: string | undefined, kind: keyof typeof flags) => [
    ...(subFlag === undefined ? flags[kind] : toWire(subFlag)),
    ...toWire(packets)
  ]
  const whisper: Mesh["Service"]["whisper"] = (id, packets, options) =>
    Effect.map(Sender.whisper(node, id, payload(packets, options?.subFlag, "whisper")), Sender.idOf)
  return {
    id: node.id,
    address: node.address,
    addresses: node.addresses,
    networkId: node.networkId,
    maxClockSkewSeconds: node.maxClockSkewSeconds,
    peers,
    changes: Stream.unwrap(
      Effect.map(node.changes.subscribe, (changes) =>
        Stream.concat(
          Stream.fromEffect(peers),
          Stream.mapEffect(changes, () => peers)
        ))
    ),
    survey: Effect.sync(() => {
      const isDue = node.nowMillis() - node.surveyedMillis >= surveyMillis
      if (isDue) node.surveyedMillis = node.nowMillis()
      return Array.from(node.table.values(), (peer) => {
        if (isDue) peer.link.tell({ _tag: "RequestPeers" })
        return { id: peer.id, peers: node.told.get(peer) ?? [] }
      })
    }),
    events: node.events.stream,
    stats: Effect.sync(() => node.stats),
    ...node.guard.banning,
    waiting: Effect.sync(() => Places.waiting(node)),
    connect: (address) => connect(node, address),
    learn: (addresses, teller) => Effect.sync(() => node.learnAddresses(addresses, teller)),
    disconnect: (id) => Effect.sync(() => disconnect(node, id)),
    broadcast: (packets, options) =>
      Sender.broadcast(node, payload(packets, options?.subFlag, "broadcast"), Sender.idOf),
    broadcastAll: (many, options) =>
      // Read anew each time the effect runs.
      Effect.suspend(() =>
        Sender.broadcastAll(node, Arr.fromIterable(many), (packets) => payload(packets, options?.subFlag, "broadcast"))
      ),
    broadcastPayload: (payload, options) => broadcastPayload(node, payload, options),
    whisperPayload: (id, payload) => Sender.whisper(node, id, node.services.protocol.encodePayload(payload)),
    whisper,
    untilSent: (id) => Sender.untilSent(node, id),
    reply: (message, packets) => whisper(message.sender, packets),
    messages: node.inbox.stream,
    publish: (topic, value) => topics.publish(topic, value),
    publishAll: (topic, values) => topics.publishAll(topic, values),
    subscribe: (topic) => topics.subscribe(topic),
    respond: (query, handler) => questions.respond(query, handler),
    ask: (query, id, question, options) =>
      Effect.withSpan(
        questions.ask(query, id, question, options?.timeout ?? node.options.requestTimeout),
        "Mesh.ask",
        { attributes: { query: query.name, node: id }, captureStackTrace: false }
      ),
    handle: (subFlag, handler) => handle(node, subFlag, handler)
  }
}

const handle = <E, R>(
  node: MeshNode,
  subFlag: string,
  handler: (message: MeshMessage) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, SubFlagTaken, Scope.Scope | R> =>
  Effect.gen(function*() {
    let publish: (message: MeshMessage) => void = () => {}
    // First, so that no fiber is left where the sub-flag is taken.
    yield* claim(node, subFlag, (message) => publish(message))
    publish = yield* consume(node, `handle ${subFlag}`, handler)
  })

const broadcastPayload = (
  node: MeshNode,
  payload: Payload,
  { notBefore, onSent }: NonNullable<Parameters<Mesh["Service"]["broadcastPayload"]>[1]> = {}
): Effect.Effect<Message, MessageTooLarge> => {
  const sent = (message: Message) => {
    onSent?.(message)
    return message
  }
  return Sender.broadcast(node, node.services.protocol.encodePayload(payload), sent, notBefore)
}

const toInfo = (peer: Peer): PeerInfo => ({
  id: peer.id,
  address: peer.address,
  direction: peer.link.direction,
  isExtended: peer.link.capabilities.extended,
  queuedBytes: peer.link.outbox.queuedBytes,
  isSlow: peer.isSlow
})

const connect = Effect.fn("Mesh.connect")(function*(node: MeshNode, to: string | PeerAddress) {
  const address = typeof to === "string" ? parse(to) : to
  if (address === undefined) return yield* new InvalidAddress({ text: String(to) })
  const dialed = yield* Dialer.connect(node, address)
  const peer = yield* Effect.mapError(
    Welcome.awaited(node, dialed),
    ({ reason }) => new ConnectError({ address, reason })
  )
  node.book.keep(address)
  return toInfo(peer)
})

const disconnect = (node: MeshNode, id: string): boolean => {
  const peer = node.table.get(id)
  if (peer === undefined) return false
  const reason = { _tag: "Disconnected" } as const
  // At once: what is sent to it next would go out over a link on which nobody hears the answer.
  Places.drop(node, peer, reason)
  for (const link of linksOf(peer)) {
    Places.release(node, link)
    link.close(reason)
  }
  return true
}
