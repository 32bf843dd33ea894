/**
 * The state of one node, shared by the files of this folder: plain data and synchronous functions.
 * Everything in it is bounded by a setting of `MeshOptions`.
 */
import type * as Arr from "effect/Array"
import type * as Clock from "effect/Clock"
import type * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Random from "effect/Random"
import type { Message } from "../../Protocol/Message.ts"
import type { Payload, PeerEntry } from "../../Protocol/Payload.ts"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { Protocol } from "../../Protocol/Protocol.ts"
import type { SigningKeys } from "../../Protocol/Signing.ts"
import { encryptions, translate } from "../../Transport/AddressForm.ts"
import { Guard } from "../../Transport/Admission/Guard.ts"
import { isPlausible, isProxied, type Teller } from "../../Transport/Admission/Hearsay.ts"
import { SourceRates } from "../../Transport/Admission/SourceRates.ts"
import { UnfinishedFrames } from "../../Transport/Admission/UnfinishedFrames.ts"
import { ByteBudget } from "../../Transport/ByteBudget.ts"
import type { CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import { CompressionGate } from "../../Transport/CompressionGate.ts"
import type { Link, LinkOptions } from "../../Transport/Link.ts"
import { Outgoing } from "../../Transport/Outgoing.ts"
import { Readers, type Sized } from "../../Transport/Readers.ts"
import { reachOf, sourceOf } from "../../Transport/Source.ts"
import { canDial, type Transport } from "../../Transport/Transport.ts"
import { AddressBook } from "../AddressBook.ts"
import type { MeshOptions } from "../MeshConfig.ts"
import type { MeshEvent } from "../MeshEvent.ts"
import type { MeshMessage } from "../MeshMessage.ts"
import { makeCounters, type MeshCounters, type MeshStats } from "../MeshStats.ts"
import { addressesOf, linksOf, type Peer, RoutingTable } from "../RoutingTable.ts"
import { SeenIds } from "../SeenIds.ts"
import { Allowance } from "./Allowance.ts"
import { isTold } from "./Refusals.ts"
import type { SharedDial } from "./SharedDial.ts"

/** Addresses under which a node found itself, remembered; past it the one found first is forgotten. */
const maxOwnAddresses = 256

/** Who tells, and whom it counts for. */
type Told = Teller & Pick<Link, "source">

/** The longest id remembered of a list, in characters, as in a handshake. */
const maxIdLength = 256

/** How often senders wait in vain for peers of a source, in a minute. */
const vainWaits = 3

/** The services a node was made with. */
export interface NodeServices {
  readonly protocol: Protocol["Service"]
  readonly transport: Transport["Service"]
  /** What signs and checks signatures; undefined when nothing does. */
  readonly signing: SigningKeys | undefined
  readonly clock: Clock.Clock
  readonly random: typeof Random.Random["Service"]
  /** Starts a fiber that the node supervises. */
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

export class MeshNode {
  readonly id: string
  readonly networkId: string
  /** That, and those of the same subnet under other encryptions: what is relayed between them may be signed. */
  readonly networkIds: ReadonlyArray<string>
  /** Where others can dial this node: the first is told in the handshake's own field. */
  readonly addresses: Arr.NonEmptyReadonlyArray<PeerAddress>
  readonly options: MeshOptions
  /** Broadcasts are passed on that are not older than this, nor further ahead, in seconds. */
  readonly relayWindowSeconds: number
  readonly maxClockSkewSeconds: number
  readonly linkOptions: LinkOptions
  readonly services: NodeServices
  readonly table: RoutingTable
  readonly seen: SeenIds
  /**
   * Signatures, so that no signed message is taken twice. Apart, for broadcasts come from everywhere: many of them would
   * have whispers forgotten, of which nothing else is known.
   */
  readonly seenSignatures: Readonly<Record<"broadcast" | "whisper", SeenIds>>
  /** Senders that have proven themselves. */
  readonly provenIds = new Set<string>()
  readonly book: AddressBook
  /** Who is let in, and who is not. */
  readonly guard: Guard
  /** All links, and what of their messages came in part. */
  readonly frames: UnfinishedFrames
  /** What waits for peers. */
  readonly outboxBudget: ByteBudget
  readonly counters: MeshCounters = makeCounters()
  readonly events = Readers.ofEvents<MeshEvent>()
  /** Told of each join and leave: behind other events, which peers can make many of, the last ones could be lost. */
  readonly changes = Readers.ofEvents<MeshEvent>()
  /** Readers of what users sent. */
  readonly inbox: Readers<MeshMessage>
  /** Whoever takes messages with a sub-flag of its own; called synchronously. */
  readonly handlers = new Map<string, (message: MeshMessage) => void>()
  /** Searches that wait for a `response`, by request id. */
  readonly searches = new Map<string, (entry: { readonly id: string; readonly address: PeerAddress }) => void>()
  /** Peers whose queue is more than half full and who do not count as slow yet: senders wait for them. */
  readonly congested = new Set<Peer>()
  /** What it sent since others had a turn, in bytes of bodies; see `Sender`. */
  turnBytes = 0
  /** Dials under way, by address. */
  readonly dials = new Map<string, SharedDial>()
  /** Addresses under which this node found itself. */
  readonly ownAddresses = new Set<string>()
  /** Opened when links or addresses changed, for the upkeep to look again. */
  readonly wake = Latch.makeUnsafe(false)
  /** Opened when this node is shut down: whoever waits for another one then waits for nothing. */
  readonly ended = Latch.makeUnsafe(false)
  /** When a list of peers was last sent over each link on request. */
  readonly listedMillis = new WeakMap<Link, number>()
  /** Whom each peer last said it is linked with, by id. */
  readonly told = new WeakMap<Peer, ReadonlyArray<string>>()
  /** Whoever waits for the other end of a link that was dialed. */
  readonly welcomes = new Map<Link, Deferred.Deferred<void, LinkClosed>>()
  /** Why links that were dialed ended. */
  readonly endings = new WeakMap<Link, CloseReason>()
  /** Addresses that a link is proven to lead to, by their text. */
  readonly places = new WeakMap<Link, ReadonlyMap<string, PeerAddress>>()
  /** Sources whose peers made room for others, and when, in seconds of uptime; the latest is the last. */
  readonly evictedSources = new Map<string, number>()
  /** A token for each time that senders may wait in vain for peers of a source. */
  readonly patience = new SourceRates(vainWaits / 60, 60)
  /** Values that a schema refused, by topic or question, while that is read or answered. */
  readonly refusedCounts = new Map<string, number>()
  /** When peers were last asked for theirs on behalf of the user, in milliseconds of `nowMillis`. */
  surveyedMillis = Number.NEGATIVE_INFINITY
  readonly #allowances = new WeakMap<Link, Allowance>()
  /** Broadcasts of others that were new to this node. */
  freshCount = 0
  readonly #gate = new CompressionGate()
  #linkCount = 0

  constructor(
    id: string,
    networkId: string,
    addresses: Arr.NonEmptyReadonlyArray<PeerAddress>,
    options: MeshOptions,
    services: NodeServices,
    secret: readonly [number, number, ...ReadonlyArray<number>]
  ) {
    this.id = id
    this.networkId = networkId
    this.networkIds = [
      networkId,
      ...encryptions.map((encryption) => services.protocol.networkId(options.subnet, encryption))
    ]
    this.addresses = addresses
    this.options = options
    this.services = services
    this.guard = new Guard({
      limits: options,
      forgiven: [],
      nowMillis: () => this.nowMillis(),
      run: services.run,
      identityId: (identity) => services.protocol.identityId(identity, networkId),
      emit: (event) => this.emit(event),
      linksFrom: (source) => this.table.countFrom(source),
      held: () => this.#held()
    })
    this.frames = new UnfinishedFrames(options.maxUnfinishedBytes)
    this.outboxBudget = new ByteBudget(options.maxQueuedBytes)
    this.relayWindowSeconds = Duration.toSeconds(options.relayWindow)
    this.maxClockSkewSeconds = Duration.toSeconds(options.maxClockSkew)
    // One more: the seconds of the time of day do not begin with those that ids are kept by.
    const seenSeconds = Math.ceil(this.relayWindowSeconds + this.maxClockSkewSeconds) + 1
    const remember = () => new SeenIds(seenSeconds, options.maxSeenIds, [secret[0], secret[1]])
    this.seen = remember()
    this.seenSignatures = { broadcast: remember(), whisper: remember() }
    this.linkOptions = {
      known: this.seen,
      frameBudget: this.frames.budget,
      outboxBudget: this.outboxBudget,
      nodeId: id,
      maxMessageBytes: options.maxMessageBytes,
      maxOutboxBytes: options.maxOutboxBytes,
      compressFromBytes: options.compressFromBytes,
      drainTimeout: options.drainTimeout
    }
    this.table = new RoutingTable(id)
    this.book = new AddressBook(options.maxKnownAddresses, {
      baseMillis: Duration.toMillis(options.reconnectBase),
      maxMillis: Duration.toMillis(options.reconnectMax)
    }, { maxPerSource: options.maxAddressesPerSource, maxPerHost: options.maxAddressesPerHost })
    this.inbox = this.readers("messages")
    for (const address of addresses) this.ownAddresses.add(format(address))
  }

  get address(): PeerAddress {
    return this.addresses[0]
  }

  /** The id of the network that a link belongs to: another one where its encryption is. */
  networkIdOf({ encryption }: Link): string {
    return encryption === undefined
      ? this.networkId
      : this.services.protocol.networkId(this.options.subnet, encryption)
  }

  /** An address as it reads at the other end of a link. */
  toPeer(address: PeerAddress, { encryption }: Link): PeerAddress {
    const own = this.services.transport.encryption
    return translate(address, own, encryption ?? own)
  }

  /** An address that came over a link. */
  fromPeer(address: PeerAddress, { encryption }: Link): PeerAddress {
    const own = this.services.transport.encryption
    return translate(address, encryption ?? own, own)
  }

  /** Whether this node has a way to that address. */
  canDial(address: PeerAddress): boolean {
    return address.port !== 0 && canDial(this.services.transport, address)
  }

  /** For waits and ages: milliseconds that only grow, whatever happens to the time of day. */
  nowMillis(): number {
    return Number(this.services.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  /** For the ids of broadcasts: seconds that only grow. */
  uptimeSeconds(): number {
    return Math.floor(this.nowMillis() / 1000)
  }

  /** The time of day, as messages carry it: not before 1970, which the wire cannot say. */
  nowSeconds(): number {
    return Math.max(0, Math.floor(this.services.clock.currentTimeMillisUnsafe() / 1000))
  }

  /** What may be asked for over a link: whoever only claims a peer's id, over a second one, uses up nothing of that peer's. */
  allowanceOf(link: Link): Allowance {
    const known = this.#allowances.get(link)
    if (known !== undefined) return known
    const made = new Allowance(this.options, this.guard.gate.isLimited(link.remote), this.nowMillis())
    this.#allowances.set(link, made)
    return made
  }

  /** Notes that a peer went beyond its allowance; told as an event the first, the second, the fourth, ... time. */
  throttled(peer: Peer, link: Link, what: keyof Allowance["excess"]): void {
    const count = ++this.allowanceOf(link).excess[what]
    if (what === "messages") this.counters.throttled++
    else this.counters.excess++
    if (isTold(count)) this.emit({ _tag: "PeerThrottled", id: peer.id, what, count })
  }

  /** This node was met at an address: it is not dialed again. */
  foundSelf(address: PeerAddress): void {
    this.ownAddresses.add(format(address))
    if (this.ownAddresses.size <= maxOwnAddresses) return
    for (const own of this.ownAddresses) {
      if (this.addresses.some((each) => format(each) === own)) continue
      this.ownAddresses.delete(own)
      return
    }
  }

  nextLinkKey(): number {
    return ++this.#linkCount
  }

  emit(event: MeshEvent): void {
    this.events.publish(event)
    if (event._tag === "PeerJoined" || event._tag === "PeerLeft") this.changes.publish(event)
  }

  /** Readers whose losses are told as events under this name: the first, the second, the fourth, ... */
  readers<A extends Sized<A>>(name: string): Readers<A> {
    const { inboxCapacity, maxInboxBytes } = this.options
    return Readers.ofMessages<A>(inboxCapacity, maxInboxBytes, (lostCount) => {
      this.counters.lostByReaders++
      if (isTold(lostCount)) this.emit({ _tag: "ReaderLagged", reader: name, lostCount })
    })
  }

  /** What was counted, and what there is now. */
  get stats(): MeshStats {
    const { counters } = this
    let { ignored, receivedBytes, sentBytes } = counters
    for (const link of this.frames.links) {
      sentBytes += link.sentBytes
      receivedBytes += link.receivedBytes
      ignored += link.ignoredCount
    }
    return {
      ...counters,
      ignored,
      sentBytes,
      receivedBytes,
      peers: this.table.count,
      seenIds: this.seen.count,
      knownAddresses: this.book.count,
      banned: this.guard.bannedCount,
      bans: this.guard.banCount,
      pendingHandshakes: this.guard.gate.pendingCount,
      unfinishedBytes: this.frames.budget.usedBytes,
      queuedBytes: this.outboxBudget.usedBytes
    }
  }

  /** A message of this node on its way out. */
  outgoing(message: Message): Outgoing {
    return new Outgoing(this.services.protocol.frame(message), this.options.compressFromBytes, this.#gate)
  }

  /** A broadcast on its way on. */
  relayed(message: Message): Outgoing {
    return new Outgoing(this.services.protocol.frameRelay(message), this.options.compressFromBytes, this.#gate)
  }

  /** Some of the items, each as likely as the other, in random order. */
  sample<A>(items: Iterable<A>, count: number): Array<A> {
    const pool = [...items]
    const taken = Math.min(count, pool.length)
    for (let i = 0; i < taken; i++) {
      const j = i + Math.floor(this.services.random.nextDoubleUnsafe() * (pool.length - i))
      const item = pool[j]!
      pool[j] = pool[i]!
      pool[i] = item
    }
    return pool.slice(0, taken)
  }

  /**
   * Some of the peers that others can dial, for whoever is at the other end of a link, but not that peer
   * itself. To an original node never a null address, which ends a js2p node, nor one that it cannot dial.
   */
  listFor(link: Link, receiver: Peer | undefined): Payload {
    const entries: Array<PeerEntry> = []
    for (const peer of this.table.values()) {
      if (peer === receiver) continue
      for (const known of addressesOf(peer)) {
        const address = this.toPeer(known, link)
        if (address.scheme === "" || link.capabilities.extended) entries.push({ address, id: peer.id })
      }
    }
    return { _tag: "Peers", peers: this.sample(entries, this.options.maxPeersPerList) }
  }

  /**
   * Takes addresses from a list of peers that came over a link, as many as the setting allows; `teller` is
   * the peer at the other end, once it is one.
   */
  learn(entries: ReadonlyArray<PeerEntry>, link: Link, teller?: Peer): void {
    let isNew = false
    const taken = entries.slice(0, this.options.maxPeersPerList)
    if (teller !== undefined) {
      this.told.set(teller, [...new Set(taken.map((entry) => entry.id).filter((id) => id.length <= maxIdLength))])
    }
    for (const entry of taken) {
      if (entry.address === null || entry.id === this.id) continue
      const address = this.fromPeer(entry.address, link)
      isNew = this.hear(address, entry.id, link) || isNew
    }
    if (isNew) this.wake.openUnsafe()
  }

  /** Takes addresses that were found elsewhere, as hearsay where there is a `teller`; gives how many are new. */
  learnAddresses(addresses: ReadonlyArray<PeerAddress>, teller: PeerAddress | undefined): number {
    const from = teller && { direction: "inbound", remote: teller, source: sourceOf(teller) } as const
    let newCount = 0
    for (const address of addresses.slice(0, this.options.maxKnownAddresses)) {
      if (this.hear(address, undefined, from)) newCount++
    }
    if (newCount > 0) this.wake.openUnsafe()
    return newCount
  }

  /** Takes an address that somebody told of, or the user, unless it is none to dial; `true` when it is new. */
  hear(address: PeerAddress, id: string | undefined, teller: Told | undefined): boolean {
    if (!this.canDial(address) || this.ownAddresses.has(format(address))) return false
    if (teller === undefined) return this.book.learn(address, id)
    if (
      (id?.length ?? 0) > maxIdLength || !isPlausible(address, teller, this.options.dialNames, this.services.transport)
    ) return false
    return this.book.learn(address, id, this.sourceOf(address, teller))
  }

  /** Whom hearsay of an address counts for; everybody on this machine has its address: theirs is not bounded by it. */
  sourceOf({ hostname }: PeerAddress, teller: Told): string | undefined {
    return reachOf(hostname) === "loopback" && !isProxied(teller) ? undefined : teller.source
  }

  #held() {
    return [...this.table.values()].flatMap((peer) => linksOf(peer).map((link) => ({ id: peer.id, link })))
  }

  /** Hands a user's message to the application, if it was taken. */
  deliver(message: MeshMessage | undefined): void {
    if (message === undefined) return
    this.counters.delivered++
    this.inbox.publish(message)
  }
}
