/**
 * A node that means harm, for tests and simulations: it shakes hands like one of ours, so that it is
 * linked and its pings are answered, and then relays what it likes, late or never, and lies about whom
 * it knows. What it does can be changed while it runs. It stands on `Link` and `Handshake`, as a mesh
 * node does, and shares no code with what it attacks beyond them.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { SeenIds } from "../../../Mesh/SeenIds.ts"
import type { Message } from "../../../Protocol/Message.ts"
import type { Payload, PeerEntry } from "../../../Protocol/Payload.ts"
import { format, PeerAddress } from "../../../Protocol/PeerAddress.ts"
import { Protocol } from "../../../Protocol/Protocol.ts"
import { isWireFault } from "../../../Protocol/WireFault.ts"
import type { LinkClosed } from "../../../Transport/CloseReason.ts"
import * as Handshake from "../../../Transport/Handshake.ts"
import * as Link from "../../../Transport/Link.ts"
import { Outgoing } from "../../../Transport/Outgoing.ts"
import { type Connection, type ListenError, Transport } from "../../../Transport/Transport.ts"
import * as MemoryMesh from "../../MemoryMesh.ts"

/**
 * What a hostile node does. By default nothing wrong: it relays everything at once and tells the truth.
 *
 * @category options
 * @since 0.1.0
 */
export interface HostileBehavior {
  /** Whether it shakes hands; if not, it holds each connection open without a word. Default true. */
  readonly introduces: boolean
  /** The chance, 0 to 1, that it does not pass on a broadcast. Default 0. */
  readonly swallowChance: number
  /** Swallows only broadcasts of this author, a node id. Default of any. */
  readonly swallowAuthor: string | undefined
  /** Swallows only broadcasts that come from this neighbor, a node id. Default from any. */
  readonly swallowFrom: string | undefined
  /** How long it keeps a broadcast before it passes it on, in milliseconds. Default 0. */
  readonly delayMillis: number
  /** Whom its lists of peers name: its own peers (`undefined`, as ours do), or just these; none to send no list. */
  readonly accomplices: ReadonlyArray<PeerEntry> | undefined
  /** Entries of one list, drawn anew for each; ours look at 64. Default 64. */
  readonly entriesPerList: number
  /** Lists that each of its peers is sent unasked, a second. Default 0. */
  readonly listsPerSecond: number
  /** Broadcasts of its own that it makes, each another one, a second; `Infinity`: as many as its links take. Default 0. */
  readonly broadcastsPerSecond: number
  /** The size of one of those, in bytes. Default 1000. */
  readonly broadcastBytes: number
  /** How long after a link it dialed has ended, or was refused, it dials again, in milliseconds; 0 for never. Default 0. */
  readonly redialMillis: number
}

/**
 * The settings of a hostile node.
 *
 * @category options
 * @since 0.1.0
 */
export interface HostileMeshOptions {
  /** The host of the network that it runs on. */
  readonly host: string
  /** The port it listens on. Default 4444. */
  readonly port?: number | undefined
  /** The network it joins. Default `"mesh"`. */
  readonly subnet?: string | undefined
  /** The id it goes by: any text, for nothing proves an id. Default one of its own. */
  readonly id?: string | undefined
  /** Where it says that it can be dialed. Default where it listens. */
  readonly announce?: PeerAddress | undefined
  /** The number of its first link, told in the handshake, as if it were newer than those of the id's owner. Default 1. */
  readonly firstLinkNumber?: number | undefined
  /** What it does from the start. */
  readonly behavior?: Partial<HostileBehavior> | undefined
  /** Called for each broadcast the first time it comes, before it is relayed or not. */
  readonly onBroadcast?: ((message: Message, from: string) => void) | undefined
}

/**
 * What a hostile node has done.
 *
 * @category models
 * @since 0.1.0
 */
export interface HostileStats {
  /** Links there are now. */
  readonly peers: number
  /** Handshakes that were done, since the start. */
  readonly linked: number
  /** Connections that came to nothing: refused, full, or no handshake in time. */
  readonly rejected: number
  readonly relayed: number
  readonly swallowed: number
  /** Broadcasts of its own. */
  readonly flooded: number
  readonly listsTold: number
  readonly entriesTold: number
}

/**
 * A hostile node.
 *
 * @category services
 * @since 0.1.0
 */
export class HostileMesh extends Context.Service<HostileMesh, {
  /** The id it goes by. */
  readonly id: string
  /** Where it says that it can be dialed. */
  readonly address: PeerAddress
  /** Changes what it does from now on. */
  readonly behave: (changes: Partial<HostileBehavior>) => Effect.Effect<void>
  /** Dials a node, in the background, and again as `redialMillis` says. Does nothing for one it keeps to already. */
  readonly connect: (address: PeerAddress) => Effect.Effect<void>
  /** Ends all links and dials no more, and passes on nothing that it still keeps; it still accepts. */
  readonly release: Effect.Effect<void>
  /** Whispers what it likes to a linked node; `false` when it is not linked with it. */
  readonly tell: (id: string, payload: Payload) => Effect.Effect<boolean>
  /** The ids of the nodes it is linked with, in the order in which they were linked. */
  readonly peers: Effect.Effect<ReadonlyArray<string>>
  readonly stats: Effect.Effect<HostileStats>
}>()("effect-p2p/Layers/HostileMesh") {}

/**
 * A hostile node over whatever `Transport` is given: what `Simulation.start` takes, with the node's
 * name as its host. It speaks the wire of `MemoryMesh`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (options: HostileMeshOptions): Layer.Layer<HostileMesh, ListenError, Transport> =>
  Layer.effect(HostileMesh, make(options)).pipe(Layer.provide(MemoryMesh.layerProtocol))

const harmless: HostileBehavior = {
  introduces: true,
  swallowChance: 0,
  swallowAuthor: undefined,
  swallowFrom: undefined,
  delayMillis: 0,
  accomplices: undefined,
  entriesPerList: 64,
  listsPerSecond: 0,
  broadcastsPerSecond: 0,
  broadcastBytes: 1000,
  redialMillis: 0
}

const make = Effect.fnUntraced(function*(options: HostileMeshOptions) {
  const protocol = yield* Protocol
  const transport = yield* Transport
  const random = yield* Random.Random
  const clock = yield* Clock.Clock
  const fibers = yield* FiberSet.make<void>()
  const run = yield* FiberSet.runtime(fibers)<never>()
  const listener = yield* transport.listen(new PeerAddress({ host: options.host, port: options.port ?? 4444 }))
  const networkId = protocol.networkId(options.subnet ?? "mesh", transport.encryption)
  const id = options.id ?? protocol.nodeId(listener.address, networkId, String(random.nextIntUnsafe()))
  const address = options.announce ?? listener.address
  const handshake = { nodeId: id, networkId, address, timeout: "10 seconds" } as const
  const node = new HostileNode(options, handshake, { protocol, transport, random, clock, run })
  yield* Effect.forkScoped(listener.serve((connection) => node.converse(connection, "inbound")))
  yield* Effect.forkScoped(node.tellLists)
  yield* Effect.forkScoped(node.flood)
  return HostileMesh.of({
    id,
    address,
    behave: (changes) => Effect.sync(() => node.behave(changes)),
    connect: (address) => Effect.sync(() => node.connect(address)),
    release: Effect.andThen(Effect.sync(() => node.release()), FiberSet.clear(fibers)),
    tell: (id, payload) => Effect.sync(() => node.tell(id, payload)),
    peers: Effect.sync(() => Array.from(node.links.values(), (peer) => peer.id)),
    stats: Effect.sync(() => ({ ...node.counters, peers: node.links.size }))
  })
})

interface Services {
  readonly protocol: Protocol["Service"]
  readonly transport: Transport["Service"]
  readonly random: typeof Random.Random["Service"]
  readonly clock: Clock.Clock
  /** Starts a fiber that ends with the node. */
  readonly run: (effect: Effect.Effect<void>) => unknown
}

/** How often a flood that takes all fills its links, in milliseconds, and with how much. */
const fillMillis = 20
const filledBytes = 64 * 1024

/** Broadcasts it remembers, each for two minutes. */
const maxSeenIds = 200_000

class HostileNode {
  readonly links = new Map<Link.Link, Handshake.PeerIdentity>()
  readonly counters = { linked: 0, rejected: 0, relayed: 0, swallowed: 0, flooded: 0, listsTold: 0, entriesTold: 0 }
  readonly #options: HostileMeshOptions
  readonly #handshake: Handshake.HandshakeOptions
  readonly #services: Services
  readonly #seen = new SeenIds(120, maxSeenIds, [0, 0])
  /** Open while lists are to be told unasked. */
  readonly #tells = Latch.makeUnsafe(false)
  /** Open while it broadcasts without end. */
  readonly #floods = Latch.makeUnsafe(false)
  /** Addresses it keeps to. */
  readonly #kept = new Set<string>()
  #behavior: HostileBehavior
  #nextLinkNumber: number

  constructor(options: HostileMeshOptions, handshake: Handshake.HandshakeOptions, services: Services) {
    this.#options = options
    this.#handshake = handshake
    this.#services = services
    this.#nextLinkNumber = options.firstLinkNumber ?? 1
    this.#behavior = harmless
    this.behave(options.behavior ?? {})
  }

  behave(changes: Partial<HostileBehavior>): void {
    this.#behavior = { ...this.#behavior, ...changes }
    if (this.#behavior.listsPerSecond > 0) this.#tells.openUnsafe()
    else this.#tells.closeUnsafe()
    if (this.#behavior.broadcastsPerSecond > 0) this.#floods.openUnsafe()
    else this.#floods.closeUnsafe()
  }

  connect(address: PeerAddress): void {
    const key = format(address)
    if (this.#kept.has(key)) return
    this.#kept.add(key)
    const attempt = Effect.flatMap(
      this.#services.transport.dial(address),
      (connection) => this.converse(connection, "outbound")
    ).pipe(
      Effect.scoped,
      Effect.catch(() => Effect.sync(() => this.counters.rejected++)),
      Effect.andThen(Effect.suspend(() => {
        const { redialMillis } = this.#behavior
        if (redialMillis === 0) this.#kept.delete(key)
        return this.#kept.has(key) ? Effect.sleep(redialMillis * (0.5 + this.#chance())) : Effect.void
      })),
      Effect.repeat({ while: () => this.#kept.has(key) })
    )
    this.#services.run(Effect.asVoid(attempt))
  }

  release(): void {
    this.#kept.clear()
    for (const link of this.links.keys()) link.close({ _tag: "Stopped" })
  }

  tell(id: string, payload: Payload): boolean {
    for (const [link, peer] of this.links) {
      if (peer.id === id) return link.tell(payload)
    }
    return false
  }

  /** Serves one connection until it ends; never fails. */
  converse(connection: Connection, direction: "inbound" | "outbound"): Effect.Effect<void> {
    const { protocol } = this.#services
    return Effect.scoped(Effect.gen({ self: this }, function*() {
      const link = yield* Link.make(connection, this.#nextLinkNumber++, direction, {
        nodeId: this.#handshake.nodeId,
        maxMessageBytes: 2 ** 21,
        maxOutboxBytes: 2 ** 23,
        compressFromBytes: 1024,
        drainTimeout: 0
      })
      yield* Effect.raceFirst(this.#serve(link), link.closed).pipe(
        Effect.catch(() =>
          Effect.sync(() => {
            if (!this.links.has(link)) this.counters.rejected++
          })
        ),
        Effect.ensuring(Effect.sync(() => this.links.delete(link)))
      )
    })).pipe(Effect.provideService(Protocol, protocol), Effect.asVoid)
  }

  readonly #serve = Effect.fnUntraced(function*(
    this: HostileNode,
    link: Link.Link
  ): Effect.fn.Return<never, LinkClosed, Protocol> {
    // What comes is still read: only so is the end of the connection noticed.
    while (!this.#behavior.introduces) yield* link.pull
    yield* Handshake.introduce(link, this.#handshake)
    const peer = yield* Handshake.receive(link, this.#handshake, () => {})
    this.links.set(link, peer)
    this.counters.linked++
    this.#tellPeers(link)
    while (true) {
      for (const message of yield* link.pull) this.#take(link, peer, message)
    }
  }).bind(this)

  #take(link: Link.Link, peer: Handshake.PeerIdentity, message: Message): void {
    const { clock, protocol } = this.#services
    if (message.type === "broadcast" || message.type === "waterfall") {
      if (!this.#seen.add(message.idBytes, Math.floor(clock.currentTimeMillisUnsafe() / 1000))) return
      this.#options.onBroadcast?.(message, peer.id)
      this.#relay(link, peer, message)
      return
    }
    const payload = protocol.decodePayload(message.packets)
    if (!isWireFault(payload) && payload._tag === "RequestPeers") this.#tellPeers(link)
  }

  #relay(from: Link.Link, peer: Handshake.PeerIdentity, message: Message): void {
    const { delayMillis, swallowAuthor, swallowChance, swallowFrom } = this.#behavior
    const isMeant = (swallowAuthor === undefined || swallowAuthor === message.sender) &&
      (swallowFrom === undefined || swallowFrom === peer.id)
    if (isMeant && this.#chance() < swallowChance) {
      this.counters.swallowed++
      return
    }
    // Made at once: the message is a view of bytes that will be used again.
    const outgoing = new Outgoing(this.#services.protocol.frameRelay(message), Number.POSITIVE_INFINITY)
    const pass = () => {
      for (const [link, { id }] of this.links) {
        if (link !== from && id !== message.sender && link.offer(outgoing)) this.counters.relayed++
      }
    }
    if (delayMillis === 0) pass()
    else this.#services.run(Effect.andThen(Effect.sleep(delayMillis), Effect.sync(pass)))
  }

  /** Tells each peer lists without end, while the behavior says so. */
  readonly tellLists: Effect.Effect<never> = Effect.gen({ self: this }, function*() {
    while (true) {
      yield* this.#tells.await
      const { listsPerSecond } = this.#behavior
      if (listsPerSecond === 0) continue
      for (const link of this.links.keys()) this.#tellPeers(link)
      yield* Effect.sleep(1000 / listsPerSecond * (0.5 + this.#chance()))
    }
  })

  /** Broadcasts without end, while the behavior says so: each one is right by itself, and another one. */
  readonly flood: Effect.Effect<never> = Effect.gen({ self: this }, function*() {
    while (true) {
      yield* this.#floods.await
      const { broadcastsPerSecond } = this.#behavior
      if (broadcastsPerSecond === 0) continue
      if (broadcastsPerSecond === Number.POSITIVE_INFINITY) {
        this.#fill()
        yield* Effect.sleep(fillMillis * (0.5 + this.#chance()))
        continue
      }
      const outgoing = this.#another()
      for (const link of this.links.keys()) link.pass(outgoing)
      yield* Effect.sleep(1000 / broadcastsPerSecond * (0.5 + this.#chance()))
    }
  })

  /** Broadcasts until no link has room, as it is when they are as fast as this: what they have not sent yet is `filledBytes`. */
  #fill(): void {
    let open = [...this.links.keys()]
    while (true) {
      open = open.filter((link) => link.closeReason === undefined && link.outbox.queuedBytes < filledBytes)
      if (open.length === 0) return
      const outgoing = this.#another()
      open = open.filter((link) => link.offer(outgoing))
    }
  }

  /** One more broadcast, which nobody has seen. */
  #another(): Outgoing {
    const { clock, protocol } = this.#services
    const { broadcastBytes } = this.#behavior
    const bytes = new Uint8Array(Math.max(8, broadcastBytes))
    new DataView(bytes.buffer).setFloat64(0, this.#chance())
    const payload = protocol.encodePayload({ _tag: "UserBroadcast", packets: [bytes] })
    const time = Math.max(0, Math.floor(clock.currentTimeMillisUnsafe() / 1000))
    this.counters.flooded++
    const message = protocol.make("broadcast", this.#handshake.nodeId, payload, time)
    return new Outgoing(protocol.frame(message), Number.POSITIVE_INFINITY)
  }

  #tellPeers(link: Link.Link): void {
    const { accomplices, entriesPerList } = this.#behavior
    const named = accomplices ?? this.#linkedPeers()
    if (named.length === 0) return
    const peers = Array.from(
      { length: Math.min(entriesPerList, named.length) },
      () => named[Math.floor(this.#chance() * named.length)]!
    )
    this.counters.listsTold++
    this.counters.entriesTold += peers.length
    link.tell({ _tag: "Peers", peers })
  }

  #linkedPeers(): ReadonlyArray<PeerEntry> {
    const peers: Array<PeerEntry> = []
    for (const { address, id } of this.links.values()) {
      if (address !== undefined) peers.push({ address, id })
    }
    return peers
  }

  #chance(): number {
    return this.#services.random.nextDoubleUnsafe()
  }
}
