/**
 * A dictionary that many nodes keep together, without a server: a Chord ring (Stoica et al., SIGCOMM
 * 2001) with Zave's corrected operations, each key at five placements, each with its copies.
 *
 * What it promises: `get` after an acknowledged `set` gives that value or a newer one, while fewer
 * nodes fail between two repairs than the copies cover; the ring repairs itself; a node that leaves
 * hands over what it holds, one that dies loses nothing. docs/chord.md says when that stops being so.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Console, Effect } from "effect"
 * import { Chord } from "effect-p2p"
 * import { NodeChord } from "effect-p2p/node"
 *
 * const program = Effect.gen(function*() {
 *   const chord = yield* Chord
 *   yield* chord.set("color", "blue")
 *   yield* Console.log(yield* chord.get("color"))
 * })
 *
 * program.pipe(Effect.provide(NodeChord.layer({ port: 4444 })), NodeRuntime.runMain)
 * ```
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Hashing } from "../Protocol/Hashing.ts"
import { InvalidAddress, parse, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import type { Banning } from "../Transport/Admission/Guard.ts"
import { Readers } from "../Transport/Readers.ts"
import { type ListenError, Transport } from "../Transport/Transport.ts"
import type { Waiting } from "../Transport/Waiting.ts"
import { ChordConfig } from "./ChordConfig.ts"
import type { JoinError, LookupError, QuorumError } from "./ChordError.ts"
import type { ChordEvent } from "./ChordEvent.ts"
import type { Entry, ReadOptions, WriteError, WriteOptions } from "./ChordOperation.ts"
import type { ChordStats } from "./ChordStats.ts"
import { ChordStorage } from "./ChordStorage.ts"
import type { Contact } from "./Contact.ts"
import { ChordNode, type Comparison } from "./internal/ChordNode.ts"
import { handle } from "./internal/Handler.ts"
import { operationsOf } from "./internal/Operations.ts"
import { Originals } from "./internal/Originals.ts"
import * as Peers from "./internal/Peers.ts"
import type { Handler } from "./internal/PeersOptions.ts"
import * as Places from "./internal/Places.ts"
import * as Upkeep from "./internal/Upkeep.ts"
import { KeyPlacement, tables } from "./KeyPlacement.ts"
import type { Membership } from "./Membership.ts"
import { RecordError, ValueNotText } from "./Record.ts"
import type { Version } from "./Version.ts"

/**
 * Where a key was found to lie.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lookup {
  /** The hash table whose placement was looked up. */
  readonly table: typeof tables[number]
  readonly position: bigint
  /** Who answers for it. */
  readonly owner: Contact
  /** Nodes that answered on the way, the owner not counted. */
  readonly hops: number
  readonly path: ReadonlyArray<Contact>
  /** Nodes that did not answer. */
  readonly timeouts: number
}

/**
 * What this node knows of its ring: one entry for each of its positions.
 *
 * @category models
 * @since 0.1.0
 */
export interface RingMember {
  readonly membership: Membership
  /** By index: who follows the position 2^index behind this member, as last looked up. */
  readonly fingers: ReadonlyMap<number, Contact>
  /** It is new in its place, and gets records from those that had its arc. */
  readonly isSyncing: boolean
}

/**
 * A record that a node holds, as owner or as a copy.
 *
 * @category models
 * @since 0.1.0
 */
export interface Holding {
  readonly key: string
  /** Its placements, in the order of the five hash tables. */
  readonly positions: ReadonlyArray<bigint>
  /** Of the value; 0 for the mark of a deleted key. */
  readonly bytes: number
  readonly isDeleted: boolean
}

/**
 * A node of the dictionary.
 *
 * @category services
 * @since 0.1.0
 */
export class Chord extends Context.Service<
  Chord,
  Banning & {
    /** This node's id, in base 58: that of its key where the transport proves one, else new for each start. */
    readonly id: string
    /** Where this node can be dialed. */
    readonly address: PeerAddress
    /** The ring has 2^bits positions. */
    readonly bits: number
    /** Identifies subnet, encryption, protocol version and `bits`; the other nodes of the ring have the same. */
    readonly networkId: string

    /**
     * Joins the ring of the node at an address (`"host:port"`). Joins two rings when this node is in one
     * already. One that has left its ring is in none until that succeeds: where all have left, one of them begins anew
     * by joining its own address, with what it holds, and the others join there.
     */
    readonly join: (address: string | PeerAddress) => Effect.Effect<void, JoinError | InvalidAddress>
    /**
     * Addresses where nodes of this ring may be, from a list, a file or a LAN: tried in turn while this node knows
     * nobody else, and asked now and then whether theirs is another ring, which this one then grows together with.
     * At most 256 are kept; past it the one tried longest ago goes. Gives how many were new. With a `teller`, whoever told
     * of them from that address, no names are taken unless `dialNames` is set, nothing nearer than the teller is, and
     * eight addresses of one.
     */
    readonly learn: (addresses: ReadonlyArray<PeerAddress>, teller?: PeerAddress) => Effect.Effect<number>
    /** Hands over what this node holds and leaves its ring. Happens by itself when the layer closes. */
    readonly leave: Effect.Effect<void>

    /** The value of a key; none when it was never set, deleted, or has expired. */
    readonly get: (key: string, options?: ReadOptions) => Effect.Effect<Option.Option<string>, QuorumError>
    /** The value with its version, and whether copies are missing. */
    readonly read: (key: string, options?: ReadOptions) => Effect.Effect<Option.Option<Entry>, QuorumError>
    /** Sets a key, and gives the version of the value. Succeeds when a quorum of placements holds it, twice each. */
    readonly set: (key: string, value: string, options?: WriteOptions) => Effect.Effect<Version, WriteError>
    /** Deletes a key, whether it is there or not. */
    readonly delete: (key: string, options?: Omit<WriteOptions, "ttl">) => Effect.Effect<Version, WriteError>
    readonly has: (key: string, options?: ReadOptions) => Effect.Effect<boolean, QuorumError>
    /** Sets many keys, each to its last value, eight at a time. Not one step: when it fails, some may be set. */
    readonly update: (
      entries: Readonly<globalThis.Record<string, string>> | Iterable<readonly [string, string]>,
      options?: WriteOptions
    ) => Effect.Effect<void, WriteError>

    /** Who answers for a key, in one of the five hash tables; the first by default. */
    readonly lookup: (
      key: string,
      options?: { readonly table?: typeof tables[number] | undefined }
    ) => Effect.Effect<Lookup, LookupError>
    /** What this node knows of its ring. */
    readonly ring: Effect.Effect<ReadonlyArray<RingMember>>
    /** The records that this node holds, in the order in which their keys came, `limit` at most (default 1000). */
    readonly holdings: (limit?: number) => Effect.Effect<ReadonlyArray<Holding>>
    /** Addresses at which this node could not join its ring, and tries again later. */
    readonly waiting: Effect.Effect<ReadonlyArray<Waiting>>
    /** What happens from now on. A reader more than 1024 events behind loses the oldest. */
    readonly events: Stream.Stream<ChordEvent>
    /** What was counted since the start. */
    readonly stats: Effect.Effect<ChordStats>
  }
>()("effect-p2p/Chord/Chord") {
  /**
   * A node that listens as `ChordConfig` says, over the services that are given. Effect builds this value
   * once for a program: for a second node in one, wrap what you compose in `Layer.fresh`. (The ready-made
   * Layers are nodes of their own.)
   */
  static readonly layer: Layer.Layer<
    Chord,
    ListenError,
    ChordConfig | ChordStorage | Hashing | Protocol | Transport
  > = Layer.effect(this, Effect.suspend(() => make))
}

const encoder = new TextEncoder()

const make = Effect.gen(function*() {
  const { networkId, node, originals } = yield* makeNode
  const { lookup, read, write } = operationsOf(node, originals)
  const set = (key: string, value: string, options?: WriteOptions): Effect.Effect<Version, WriteError> =>
    value.isWellFormed()
      ? write(key, encoder.encode(value), options)
      : Effect.fail(new RecordError({ reason: new ValueNotText() }))

  return Chord.of({
    id: node.id,
    address: node.address,
    bits: node.bits,
    networkId,
    learn: (addresses, teller) => Effect.sync(() => node.learn(addresses, teller)),
    join: Effect.fn("Chord.join")(function*(address) {
      const parsed = typeof address === "string" ? parse(address) : address
      if (parsed === undefined) return yield* new InvalidAddress({ text: String(address) })
      node.hearsay.name(parsed)
      yield* Places.join(node, parsed)
      node.joined.openUnsafe()
    }),
    leave: Effect.suspend(() => Places.leave(node)),
    get: (key, options) => inSpan("Chord.get", Effect.map(read(key, options), Option.map((entry) => entry.value))),
    read: (key, options) => inSpan("Chord.read", read(key, options)),
    set: (key, value, options) => inSpan("Chord.set", set(key, value, options)),
    delete: (key, options) => inSpan("Chord.delete", write(key, undefined, options)),
    has: (key, options) => Effect.map(read(key, options), Option.isSome),
    update: Effect.fn("Chord.update")((entries, options) =>
      Effect.forEach(
        // Of one key the last value, as in any map: writes at once come in any order.
        new Map(Symbol.iterator in entries ? entries : Object.entries(entries)),
        ([key, value]) => set(key, value, options),
        { concurrency: 8, discard: true }
      )
    ),
    lookup: Effect.fn("Chord.lookup")((key, options) => lookup(key, options?.table ?? tables[0]!)),
    ring: Effect.sync(() =>
      node.members.map((member) => ({
        membership: member.membership,
        fingers: new Map(member.fingers.byIndex),
        isSyncing: member.isSyncing
      }))
    ),
    holdings: (limit = 1000) => Effect.sync(() => holdings(node, limit)),
    ...node.peers.banning,
    waiting: Effect.sync(() => node.waiting),
    events: node.services.events.stream,
    stats: Effect.map(node.services.storage.stats, (storage) => ({
      ...node.counters,
      calls: node.peers.stats(),
      storage
    }))
  })
})

/** Without a stack for each call: these are made by the thousand. */
const inSpan = <A, E>(name: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withSpan(effect, name, { captureStackTrace: false })

/** A node with its fibers, in a ring of its own. */
const makeNode: Effect.Effect<
  { readonly node: ChordNode; readonly networkId: string; readonly originals: Originals | undefined },
  ListenError,
  ChordConfig | ChordStorage | Hashing | Protocol | Transport | Scope.Scope
> = Effect.gen(function*() {
  const options = yield* ChordConfig
  const protocol = yield* Protocol
  const transport = yield* Transport
  const storage = yield* ChordStorage
  const random = yield* Random.Random
  const events = Readers.ofEvents<ChordEvent>()
  yield* Effect.addFinalizer(() => events.end)
  const fibers = yield* FiberSet.make<void>()
  const networkId = protocol.networkId(options.subnet, transport.encryption)
  const chordId = protocol.chordNetworkId(networkId, options.bits)
  const originals = options.originals ? new Originals(protocol, chordId, options) : undefined
  const serve: Handler = (from, kind, packets, teller) =>
    originals?.serve(kind, packets) ?? handle(node, from, kind, packets, teller)
  const peers = yield* Peers.make({
    ...options,
    nodeId: (address) =>
      transport.identity === undefined
        ? protocol.nodeId(address, networkId, storage.salt)
        : protocol.identityId(transport.identity, chordId),
    networkId: chordId,
    handler: serve,
    onMessage: originals?.onMessage,
    onEvent: (event) => events.publish(event),
    guests: originals
  })
  const node = new ChordNode(
    peers,
    options,
    {
      storage,
      clock: yield* Clock.Clock,
      random,
      resolvesNames: transport.resolvesNames === true,
      events,
      comparisons: yield* Queue.sliding<Comparison>(64),
      placement: new KeyPlacement(
        yield* Hashing,
        options.bits,
        (table) => protocol.chord.keyShift(table, options.bits)
      ),
      serve,
      run: yield* FiberSet.runtime(fibers)<never>()
    },
    yield* storage.newest
  )
  originals?.attach(node)
  if (options.bootstrap.length === 0) yield* Places.found(node)
  if (Duration.toMillis(options.leaveTimeout) > 0) {
    yield* Effect.addFinalizer(() => Places.leaveWithin(node, options.leaveTimeout))
  }
  for (const loop of [...Upkeep.loops, Places.keepJoined]) {
    yield* Effect.forkScoped(loop(node))
  }
  return { node, networkId: chordId, originals }
})

const holdings = (node: ChordNode, limit: number): ReadonlyArray<Holding> => {
  const found: Array<Holding> = []
  for (const record of node.services.storage.records()) {
    if (found.length >= limit) break
    found.push({
      key: record.key,
      positions: record.place(node.services.placement).positions,
      bytes: record.value?.length ?? 0,
      isDeleted: record.value === undefined
    })
  }
  return found
}
