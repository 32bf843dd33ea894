/**
 * The state of one chord node, shared by the files of this folder: plain data, and the ways to call
 * others. Everything in it is bounded by a setting of `ChordOptions`.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Queue from "effect/Queue"
import type * as Random from "effect/Random"
import * as Semaphore from "effect/Semaphore"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { Readers } from "../../Transport/Readers.ts"
import { Turns } from "../../Transport/Turns.ts"
import type { Waiting } from "../../Transport/Waiting.ts"
import { CallError, CallRefused } from "../CallError.ts"
import type { ChordOptions } from "../ChordConfig.ts"
import type { ChordEvent } from "../ChordEvent.ts"
import { type ChordCounters, makeCounters } from "../ChordStats.ts"
import type { ChordStorage } from "../ChordStorage.ts"
import { type Contact, isPadding } from "../Contact.ts"
import type { KeyPlacement } from "../KeyPlacement.ts"
import { estimateSize } from "../Membership.ts"
import { check, type Record } from "../Record.ts"
import * as Ring from "../Ring.ts"
import type * as Version from "../Version.ts"
import { Answers } from "./Answers.ts"
import { Arcs } from "./Arcs.ts"
import { aloneBytes, writePosition } from "./ChordCodec.ts"
import { Deadlines } from "./Deadlines.ts"
import { Hearsay } from "./Hearsay.ts"
import { Keys } from "./Keys.ts"
import { Learned } from "./Learned.ts"
import { isWithin, type Member } from "./Member.ts"
import type { Peers } from "./Peers.ts"
import type { Handler, Packets } from "./PeersOptions.ts"
import { isSilent } from "./Refusal.ts"
import { ShareSets } from "./ShareSets.ts"
import { Slots } from "./Slots.ts"
import { type Start, toEffect } from "./Start.ts"
import { Versions } from "./Versions.ts"

/** An arc, behind `from` up to `to`, of which another node is to hold what this one does. */
export interface Comparison {
  readonly from: bigint
  readonly to: bigint
  readonly contact: Contact
}

/** The services a node was made with. */
export interface ChordServices {
  readonly storage: ChordStorage["Service"]
  readonly clock: Clock.Clock
  readonly random: typeof Random.Random["Service"]
  /** Whether the transport dials hosts of the real world, looking up names. */
  readonly resolvesNames: boolean
  readonly events: Readers<ChordEvent>
  /** What others have to know at once; of many the oldest are left to the next repair. */
  readonly comparisons: Queue.Queue<Comparison>
  readonly placement: KeyPlacement
  /** Answers a call to this node. */
  readonly serve: Handler
  /** Starts a fiber that the node supervises. */
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** Arcs of others that are kept in mind. */
const maxCovered = 64

/** Nodes that are remembered for the search for a second ring. */
const maxRemembered = 16

/** Addresses from elsewhere that are looked at in one go. */
const maxLearnedAtOnce = 256

/** Reads at once, each of up to five calls: fewer calls than may be under way. */
const maxReads = 512
/**
 * Writes at once: a node has 64 calls of another one in work, and of five placements several may lie with one. In a ring
 * of many nodes they lie with others, and 32 would leave these idle for most of the time.
 */
const minWrites = 32
const writesPerNode = 8
/** With all reads fewer calls than may be under way, too. */
const maxWrites = 256

/** Repairs that a turn of audits takes at least. Each one costs four lookups, and finds something only after losses. */
const auditRepairs = 5

export class ChordNode {
  readonly peers: Peers
  readonly options: ChordOptions
  readonly services: ChordServices
  readonly counters: ChordCounters = makeCounters()
  /** The positions of this node: at least one, in the order in which they were taken. */
  members: ReadonlyArray<Member> = []
  /** Nodes that were met, the oldest first; also those that are gone. */
  readonly remembered = new Map<string, Contact>()
  readonly learned: Learned
  /** Which addresses are taken that others tell of. */
  readonly hearsay: Hearsay
  /** Hints that are being followed, by who gave them to which member. */
  readonly hints = new Set<string>()
  /** Those that say that they are before a member, and are being asked, by their id and the member. */
  readonly notifiers = new Set<string>()
  /** Those of whom somebody says that they do not answer, and that are being asked, by member. */
  readonly doubted = new Set<string>()
  /** Who answered for what lately. */
  readonly arcs = new Arcs()
  readonly keys: Keys
  /** What its neighbors know of theirs. */
  readonly answers = new Answers()
  /** Opened for the members to ask their successors now, and not at the next turn. */
  readonly wake = Latch.makeUnsafe(false)
  /** Open once this node is in the ring that it is meant for. */
  readonly joined = Latch.makeUnsafe(false)
  /** Opened when the last neighbor was lost, for the node to join again. */
  readonly lost = Latch.makeUnsafe(false)
  /** What others compare their records with. */
  readonly sets: ShareSets
  /** Of members that get their records, by the id of the node that gives them. */
  readonly takeOvers = new Turns((error): error is CallError => error instanceof CallError && isSilent(error))
  /** What this node stamps its writes with. */
  readonly versions: Versions
  /** Of operations under way. */
  readonly deadlines: Deadlines
  /** Reads and writes that this node makes at once. */
  readonly reads: Slots
  readonly writes: Slots
  /** Its places are taken and given up one after the other. */
  readonly places = Semaphore.makeUnsafe(1)
  isLeaving = false
  /** Where this node could not join, how often, and when it tries again, in milliseconds of `uptimeMillis`. */
  retry:
    | { readonly addresses: ReadonlyArray<PeerAddress>; readonly count: number; readonly atMillis: number }
    | undefined
  /** When this node last took a place in a ring, or its arc changed, in milliseconds of `uptimeMillis`. */
  settledMillis = 0
  /** When somebody last came to the neighbors of this node, in milliseconds of `uptimeMillis`. */
  changedMillis = Number.NEGATIVE_INFINITY
  #auditStart = 0
  /** The repair with which the next turn may begin. */
  #nextAudit = 0
  /** Arcs of which others keep copies here, by their ends. */
  readonly #covered = new Map<bigint, { readonly from: bigint; readonly atMillis: number }>()

  constructor(peers: Peers, options: ChordOptions, services: ChordServices, newest: Version.Version | undefined) {
    this.peers = peers
    this.options = options
    this.services = services
    this.keys = new Keys(services.placement)
    this.hearsay = new Hearsay(
      { resolvesNames: services.resolvesNames, dialNames: options.dialNames },
      options.bootstrap
    )
    this.learned = new Learned(this.hearsay.rules)
    const uptimeMillis = () => this.uptimeMillis()
    this.deadlines = new Deadlines(services.run, uptimeMillis)
    this.reads = new Slots(() => maxReads, this.deadlines)
    this.writes = new Slots(() => this.#writesAtOnce, this.deadlines)
    this.sets = new ShareSets(services, uptimeMillis)
    this.versions = new Versions(peers.nodeId, options, () => this.nowMillis(), newest)
  }

  get id(): string {
    return this.peers.nodeId
  }

  get address(): PeerAddress {
    return this.peers.address
  }

  get bits(): number {
    return this.options.bits
  }

  nowMillis(): number {
    return this.services.clock.currentTimeMillisUnsafe()
  }

  /** For ages and waits: milliseconds that only grow. */
  uptimeMillis(): number {
    return Number(this.services.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  chance(): number {
    return this.services.random.nextDoubleUnsafe()
  }

  /** Tells of a lookup that somebody asked for, and that began at that time of `uptimeMillis`. */
  lookedUp(
    position: bigint,
    { owner, path, timeouts }: Omit<
      Extract<ChordEvent, { readonly _tag: "LookedUp" }>,
      "_tag" | "position" | "tookMillis"
    >,
    startMillis: number
  ): void {
    const tookMillis = this.uptimeMillis() - startMillis
    this.emit({ _tag: "LookedUp", position, owner, path, timeouts, tookMillis })
  }

  emit(event: ChordEvent): void {
    this.services.events.publish(event)
  }

  /** Whether no member of this node knows anybody of another one. */
  get isAlone(): boolean {
    return this.members.every(({ membership: { predecessor, successors } }) =>
      (predecessor === undefined || this.isOwn(predecessor)) &&
      successors.every((contact) => isPadding(contact) || this.isOwn(contact))
    )
  }

  /** By how many nodes the ring has, as far as this one can tell. */
  get #writesAtOnce(): number {
    const [first] = this.members
    const nodes = first === undefined ? 1 : estimateSize(first.membership) / this.members.length
    return Math.min(maxWrites, Math.max(minWrites, Math.floor(writesPerNode * nodes)))
  }

  /** Whether it has not joined the ring that it is meant for, and nobody has come to it. */
  get isOutside(): boolean {
    return !this.joined.isOpen() && this.options.bootstrap.length > 0 && this.isAlone
  }

  /** Whether it holds no place since its user had it leave. */
  get hasLeft(): boolean {
    return this.isLeaving && this.members.length === 0
  }

  /** The member that holds a position; the first for whoever does not name one. */
  memberAt(position: bigint | undefined): Member | undefined {
    return position === undefined ? this.members[0] : this.members.find((member) => member.self.position === position)
  }

  /** What of that is still to come. */
  get waiting(): ReadonlyArray<Waiting> {
    const leftMillis = (this.retry?.atMillis ?? 0) - this.uptimeMillis()
    if (this.retry === undefined || leftMillis <= 0) return []
    const { addresses, count } = this.retry
    return addresses.map((address) => ({ address, failureCount: count, leftMillis }))
  }

  /** How long a member answers for its arc without the word of its first successor: three rounds, in milliseconds. */
  get maxSilentMillis(): number {
    return 3 * Duration.toMillis(this.options.stabilizeInterval)
  }

  /** Its own address, which is in many a list that all nodes share. */
  isSelf({ host, port }: PeerAddress): boolean {
    return host === this.address.host && port === this.address.port
  }

  isBootstrap(address: PeerAddress): boolean {
    return this.options.bootstrap.some(({ host, port }) => host === address.host && port === address.port)
  }

  /** The member that answers for a position. */
  ownerOf(position: bigint): Member | undefined {
    return this.members.find((member) => member.owns(position))
  }

  /** Who answers for a position by the lists of this node's members: by that of the nearest one before it. */
  listedOwner(position: bigint): Contact | undefined {
    let nearest: Member | undefined
    for (const member of this.members) {
      const isNearer = nearest === undefined ||
        Ring.isClockwise(nearest.self.position, member.self.position, position)
      if (isNearer) nearest = member
    }
    return nearest?.successorAt(position)
  }

  isOwn(contact: Contact): boolean {
    return contact.nodeId === this.id
  }

  /** Takes in the version of a record of another node; why this one stores no such record, if it does not. */
  refusalOf(record: Record): CallRefused | undefined {
    const fault = check(record, this.options)?.reason ?? this.versions.observe(record.version)
    if (fault !== undefined) return new CallRefused(fault._tag, fault.message)
    if (this.canGive(record)) return undefined
    const limit = `the limit is ${this.options.maxMessageBytes} (maxMessageBytes)`
    return new CallRefused("TooLarge", `it takes ${aloneBytes(this.bits, record)} bytes in a message, ${limit}`)
  }

  /** Whether a message holds that record: a share may have some from when messages could be longer. */
  canGive(record: Record): boolean {
    return aloneBytes(this.bits, record) <= this.options.maxMessageBytes
  }

  /**
   * Records of this node's own arcs, in turn: those behind the last one that was given. At peace a turn
   * over all of them takes some repairs, and then there are none in between.
   */
  nextToAudit(count: number): ReadonlyArray<Record> {
    if (this.#auditStart === 0) {
      if (this.counters.repairs < this.#nextAudit) return []
      this.#nextAudit = this.counters.repairs + auditRepairs
    }
    const { placement, storage } = this.services
    const found: Array<Record> = []
    let skipped = 0
    for (const record of storage.records()) {
      if (skipped++ < this.#auditStart) continue
      this.#auditStart++
      if (record.place(placement).positions.some((position) => this.ownerOf(position) !== undefined)) found.push(record)
      if (found.length >= count) return found
    }
    this.#auditStart = 0
    return found
  }

  /** Nodes have gone: other placements may be gone with them, and the next turn does not wait. */
  hurryAudit(): void {
    this.#nextAudit = 0
  }

  /** Another node keeps its records of this arc here, too. */
  cover(from: bigint, to: bigint): void {
    this.#covered.delete(to)
    this.#covered.set(to, { from, atMillis: this.uptimeMillis() })
    if (this.#covered.size > maxCovered) this.#covered.delete(this.#covered.keys().next().value!)
  }

  /** Whether a position lies in an arc that this node owns, or that was compared with it within a time. */
  isCovered(position: bigint, withinMillis: number): boolean {
    if (this.ownerOf(position) !== undefined) return true
    const since = this.uptimeMillis() - withinMillis
    for (const [to, { atMillis, from }] of this.#covered) {
      if (atMillis >= since && isWithin(from, position, to)) return true
    }
    return false
  }

  /** Keeps a contact for the search for a second ring; the one met longest ago makes room. */
  remember(contact: Contact): void {
    if (this.isOwn(contact) || this.remembered.has(contact.nodeId)) return
    if (this.remembered.size >= maxRemembered) {
      // Some are kept for long: the one that goes is drawn, so that old and new ones stay.
      const index = Math.floor(this.chance() * this.remembered.size)
      this.remembered.delete([...this.remembered.keys()][index]!)
    }
    this.remembered.set(contact.nodeId, contact)
  }

  /** Takes addresses from elsewhere, but for its own; gives how many were new. */
  learn(addresses: ReadonlyArray<PeerAddress>, teller: PeerAddress | undefined): number {
    const own = format(this.address)
    let newCount = 0
    for (const address of addresses.slice(0, maxLearnedAtOnce)) {
      if (teller === undefined) this.hearsay.name(address)
      if (format(address) !== own && this.learned.add(address, teller)) newCount++
    }
    return newCount
  }

  /** Calls a member; its position goes first. */
  call(
    contact: Contact,
    kind: string,
    packets: Packets,
    timeout?: Duration.Input
  ): Effect.Effect<Packets, CallError> {
    return toEffect(this.startCall(contact, kind, packets, timeout))
  }

  /** The same for whoever needs no fiber. */
  startCall(
    contact: Contact,
    kind: string,
    packets: Packets,
    timeout?: Duration.Input
  ): Start<Packets, CallError> {
    const whole = [writePosition(contact.position), ...packets]
    return this.isOwn(contact)
      ? (settle) => void settle(this.#callOwn(contact, kind, whole))
      : this.peers.startCall(contact, kind, whole, { timeout })
  }

  /** Tells a member something; it does not matter whether it comes. */
  tell(contact: Contact, kind: string, packets: Packets): Effect.Effect<void> {
    const whole = [writePosition(contact.position), ...packets]
    return Effect.ignore(
      this.isOwn(contact) ? this.#callOwn(contact, kind, whole) : this.peers.tell(contact, kind, whole)
    )
  }

  /** Members of one node talk without a network. */
  #callOwn(contact: Contact, kind: string, packets: Packets): Effect.Effect<Packets, CallError> {
    return Effect.suspend(() => {
      const result = this.services.serve({ id: this.id, address: this.address, furtherAddresses: [] }, kind, packets)
      const answer = Effect.isEffect(result)
        ? result
        : result instanceof CallRefused
        ? Effect.fail(result)
        : Effect.succeed(result)
      return Effect.mapError(
        answer,
        ({ detail, tag }) => new CallError({ address: contact.address, kind, reason: { _tag: "Refused", tag, detail } })
      )
    })
  }
}
