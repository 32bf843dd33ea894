/**
 * Lives with original chord nodes, those of the Python program in wire version 0.4 (`docs/protocol.md`, "The
 * dictionary") and those of the JavaScript program in 0.7 (`docs/protocol-0.7.md`, "The original chord"): answers
 * their handshake, their requests for peers, `store` and `retrieve` as they expect it. They place keys by
 * another rule, and are guests: none is ever a member, finger or successor of the ring, none is called,
 * and none is told of another, for two of them would keep values from the ring and break each other.
 * One of version 0.7 that stores keeps itself what lies between its place and the next node's, where ours do
 * not look: such a guest is to use the ring without joining it.
 *
 * They see every node of the ring as one of theirs whose id is its position in base 58. Whichever they
 * ask, what they store goes to the owner of its position in the ring, and what they look up comes from
 * there. A value counts for our readers when three of its five places agree, as it does for them.
 *
 * Nothing is said to them that ends them: no empty payload, no null address, no ping, no `retrieve`
 * (they fail on a key that they do not have).
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Base58 from "../../Protocol/Base58.ts"
import type { Message } from "../../Protocol/Message.ts"
import { contentOf, kindOf, type Packet } from "../../Protocol/Packet.ts"
import type { Payload, PeerEntry } from "../../Protocol/Payload.ts"
import { format } from "../../Protocol/PeerAddress.ts"
import type { Protocol } from "../../Protocol/Protocol.ts"
import { isWireFault } from "../../Protocol/WireFault.ts"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import type { Link } from "../../Transport/Link.ts"
import { Outgoing } from "../../Transport/Outgoing.ts"
import type { ChordOptions } from "../ChordConfig.ts"
import type { Entry } from "../ChordOperation.ts"
import type { Contact } from "../Contact.ts"
import { tables } from "../KeyPlacement.ts"
import * as Ring from "../Ring.ts"
import { Version } from "../Version.ts"
import type { ChordNode } from "./ChordNode.ts"
import * as OriginalCalls from "./OriginalCalls.ts"
import { nameOf, OriginalShare, type OriginalValue, placeOf, placeOfNumber } from "./OriginalShare.ts"
import { OriginalWork } from "./OriginalWork.ts"
import type { Caller, OriginalGuests, Packets } from "./PeersOptions.ts"

/** A node gets one list of peers for its requests in this time, in milliseconds. */
const listIntervalMillis = 1000
/** Originals of which is remembered when they got their last list. */
const maxListings = 1024
/** With more than this waiting for an original it is told nothing more: it reads a byte at a time, or not at all. */
const maxQueuedBytes = 256 * 1024
/** Places of the five that have to agree on a value. */
const agreement = 3
/** The writer of values that no node of ours wrote. */
const writer = "original"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

export class Originals implements OriginalGuests {
  readonly maxLinks: number
  readonly #protocol: Protocol["Service"]
  readonly #networkId: string
  readonly #options: ChordOptions
  readonly #share: OriginalShare
  /** When each original got a list for its requests, the last one last. */
  readonly #listedMillis = new Map<string, number>()
  #node: ChordNode | undefined
  #work: OriginalWork | undefined

  constructor(protocol: Protocol["Service"], networkId: string, options: ChordOptions) {
    this.maxLinks = options.maxOriginalLinks
    this.#protocol = protocol
    this.#networkId = networkId
    this.#options = options
    this.#share = new OriginalShare({ maxRecords: options.maxOriginalRecords, maxBytes: options.maxOriginalBytes })
  }

  /** The node that the originals are guests of; before that is known none is let in. */
  attach(node: ChordNode): void {
    this.#node = node
    this.#work = new OriginalWork(node.services.run, this.#options.maxOriginalRequests)
  }

  /** Who dialed gets the handshake that it waits for, and either side a list of peers behind it. */
  readonly welcome = (peer: Caller, link: Link): CloseReason | undefined => {
    const node = this.#node
    if (node === undefined) return { _tag: "Stopped" }
    if (link.direction === "inbound") this.#introduce(node, link)
    if (this.#protocol.chord.saysState) this.#say(node, link, { _tag: "ChordState", isStoring: true })
    this.#say(node, link, { _tag: "Peers", peers: peersFor(this.#protocol, node, peer) })
    return undefined
  }

  /** Takes what an original says; what is of no concern here, such as its own lists of peers, is passed over. */
  readonly onMessage = (peer: Caller, link: Link, message: Message): CloseReason | undefined => {
    const node = this.#node
    if (node === undefined || link.capabilities.extended) return undefined
    // A change of a part of a value, which is not carried; it would be read as one of the shared dictionary's, and a wrong one.
    if (this.#protocol.subFlag(message.packets) === "delta") return undefined
    const says = this.#protocol.decodePayload(message.packets)
    if (isWireFault(says)) {
      return { _tag: "Malformed", reason: says.reason, offset: says.offset, detail: says.detail }
    }
    if (says._tag === "RequestPeers") this.#list(node, peer, link)
    else if (says._tag === "Store") this.#store(node, says.table, says.key, message.packets[3]!)
    else if (says._tag === "Retrieve") this.#retrieve(node, link, says.table, says.key)
    return undefined
  }

  /** Answers another node of the ring; undefined when that asks for nothing of the originals'. */
  serve(kind: string, packets: Packets) {
    return this.#node === undefined ? undefined : OriginalCalls.serve(this.#node, this.#share, kind, packets)
  }

  /** What originals stored under a key; none when fewer than three of its five places agree. */
  read(key: string): Effect.Effect<Option.Option<Entry>> {
    return Effect.suspend(() => {
      const node = this.#node
      if (node === undefined) return Effect.succeedNone
      const { placement } = node.services
      const bytes = encoder.encode(key)
      const found = Effect.forEach(tables, (table) => {
        const place = placeOf(placement, table, Base58.toBigInt(placement.hashing.digest(table, bytes)))
        return place === undefined
          ? Effect.succeed(undefined)
          : Effect.orElseSucceed(OriginalCalls.find(node, place), () => undefined)
      }, { concurrency: "unbounded" })
      return Effect.map(found, (values) => agreed(values.map((value) => this.#asText(value))))
    })
  }

  #list(node: ChordNode, peer: Caller, link: Link): void {
    const name = peer.address === undefined ? peer.id : `${peer.id} ${format(peer.address)}`
    const now = node.uptimeMillis()
    const listed = this.#listedMillis.get(name)
    if (listed !== undefined && now - listed < listIntervalMillis) return
    this.#listedMillis.delete(name)
    this.#listedMillis.set(name, now)
    if (this.#listedMillis.size > maxListings) this.#listedMillis.delete(this.#listedMillis.keys().next().value!)
    this.#say(node, link, { _tag: "Peers", peers: peersFor(this.#protocol, node, peer) })
  }

  /** Keeps a value as it stood on the wire, so that originals get back what they stored, of whatever kind. */
  #store(node: ChordNode, table: string, key: bigint, packet: Packet): void {
    const place = placeOfNumber(node.services.placement, table, key)
    const value = this.#protocol.encodePacket(packet)
    if (place === undefined || value.length > this.#options.maxValueBytes) return
    // A copy: what was received is a view of a larger buffer, and may wait.
    this.#work?.offer(nameOf(place), Effect.ignore(OriginalCalls.keep(node, place, value.slice())))
  }

  /** A value as our readers get it: bytes and texts as they are, other values as JSON, nil as nothing. */
  #asText(value: OriginalCalls.FoundValue | undefined): OriginalValue | undefined {
    if (value === undefined || !value.isOriginal) return value?.found
    const packet = this.#protocol.decodePacket(value.found.value)
    const said = packet === undefined ? undefined : this.#protocol.valueOf(packet)
    if (packet === undefined || said === undefined || said === null) return undefined
    if (kindOf(packet) !== "value") return { ...value.found, value: contentOf(packet) }
    return { ...value.found, value: encoder.encode(JSON.stringify(said)) }
  }

  /** Answers when there is something: of a key that is nowhere an original is told nothing. */
  #retrieve(node: ChordNode, link: Link, table: string, key: bigint): void {
    const place = placeOfNumber(node.services.placement, table, key)
    if (place === undefined) return
    const answer = Effect.map(OriginalCalls.find(node, place), (found) => {
      if (found !== undefined) this.#answer(node, link, table, key, found)
    })
    this.#work?.offer(nameOf(place), Effect.ignore(answer))
  }

  #answer(node: ChordNode, link: Link, table: string, key: bigint, { found, isOriginal }: OriginalCalls.FoundValue) {
    const { value } = found
    if (!isOriginal) return this.#say(node, link, { _tag: "Retrieved", table, key, value })
    const packet = this.#protocol.decodePacket(value)
    if (packet === undefined || link.outbox.queuedBytes > maxQueuedBytes) return
    const payload = this.#protocol.encodePayload({ _tag: "Retrieved", table, key, value })
    link.say(this.#fromPayload(node, [...payload.slice(0, -1), packet]))
  }

  #introduce(node: ChordNode, link: Link): void {
    const message = this.#make(node, {
      _tag: "Handshake",
      nodeId: ownId(this.#protocol, node),
      networkId: this.#networkId,
      address: node.address,
      methods: this.#protocol.methods.map((method) => method.name)
    })
    // Plain, however long: the original has not been told yet what this node can read and write.
    link.offer(new Outgoing(this.#protocol.frame(message), Number.POSITIVE_INFINITY))
    link.remember(message)
  }

  #say(node: ChordNode, link: Link, payload: Payload): void {
    if (link.outbox.queuedBytes <= maxQueuedBytes) link.say(this.#make(node, payload))
  }

  #make(node: ChordNode, payload: Payload): Message {
    return this.#fromPayload(node, this.#protocol.encodePayload(payload))
  }

  #fromPayload(node: ChordNode, packets: ReadonlyArray<Packet>): Message {
    const seconds = Math.max(0, Math.floor(node.nowMillis() / 1000))
    return this.#protocol.make("whisper", ownId(this.#protocol, node), packets, seconds)
  }
}

/** What originals call this node: the position of its first member. */
const ownId = (protocol: Protocol["Service"], node: ChordNode): string =>
  Base58.fromInteger(node.memberAt(undefined)?.self.position ?? firstPosition(protocol, node, node.id) ?? 0n)

/** The position that a node takes first, which goes by its id; another one when that is taken. */
const firstPosition = (protocol: Protocol["Service"], node: ChordNode, nodeId: string): bigint | undefined =>
  protocol.chord.ringPosition(nodeId, node.bits)

/** The original itself, as they do, and those that follow its position: the nearest, so that it keeps little itself. */
const peersFor = (
  protocol: Protocol["Service"],
  node: ChordNode,
  peer: Caller
): ReadonlyArray<PeerEntry> => {
  const from = firstPosition(protocol, node, peer.id) ?? 0n
  const known = node.members.flatMap((member) => member.known).filter((contact) => !node.isOwn(contact))
  known.sort((a, b) => compare(Ring.distance(node.bits, from, a.position), Ring.distance(node.bits, from, b.position)))
  const named = new Map<string, Contact>()
  for (const contact of known) {
    if (named.size === protocol.chord.maxListed) break
    // One that calls itself by another position would be filed twice, and dialed again and again.
    if (firstPosition(protocol, node, contact.nodeId) === contact.position) named.set(contact.nodeId, contact)
  }
  return [
    ...(peer.address === undefined || !protocol.chord.listsReceiver ? [] : [{ address: peer.address, id: peer.id }]),
    ...Array.from(named.values(), ({ address, position }) => ({ address, id: Base58.fromInteger(position) }))
  ]
}

const compare = (a: bigint, b: bigint): number => a < b ? -1 : a > b ? 1 : 0

const agreed = (found: ReadonlyArray<OriginalValue | undefined>): Option.Option<Entry> => {
  for (const candidate of found) {
    const same = found.filter((other) => other !== undefined && isSameValue(other, candidate))
    if (candidate === undefined || same.length < agreement) continue
    return Option.some({
      value: decoder.decode(candidate.value),
      version: new Version(Math.max(...same.map((other) => other?.atMillis ?? 0)), 0, writer),
      expiresAtMillis: undefined,
      isDegraded: same.length < found.length
    })
  }
  return Option.none()
}

const isSameValue = (a: OriginalValue, b: OriginalValue | undefined): boolean =>
  b !== undefined && a.value.length === b.value.length && a.value.every((byte, index) => byte === b.value[index])
