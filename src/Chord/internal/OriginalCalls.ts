/**
 * How the nodes of a ring keep, among themselves, what original nodes store: at the owner of its
 * position and at the nodes that follow it, as records are. And how they find, by a digest alone, what
 * the dictionary holds of the key that has it.
 *
 * For a key that the dictionary has a record of, that record counts; where it was deleted or has
 * expired, a value that was stored after that counts again.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CallError, CallRefused } from "../CallError.ts"
import type { LookupError } from "../ChordError.ts"
import { tables } from "../KeyPlacement.ts"
import * as Record from "../Record.ts"
import { maxMillis } from "../Version.ts"
import { readPosition, writePosition } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import { locate } from "./Lookup.ts"
import type { Member } from "./Member.ts"
import { type OriginalPlace, type OriginalShare, type OriginalValue, placeOf, type RingShape } from "./OriginalShare.ts"
import type { Packets } from "./PeersOptions.ts"
import { isDead, malformed, noMember, notMine } from "./Refusal.ts"
import { replicas } from "./Share.ts"
import { checkPredecessor, refuse } from "./Stabilizer.ts"

type Served = Packets | CallRefused | Effect.Effect<Packets, CallRefused>

/** Digests have at most so many bits. */
const digestBits = 512
/** How often a place is looked up again when its owner has changed, or does not answer. */
const maxTries = 3

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const done: Packets = []

const keepKind = "keep"
const keepCopyKind = "keep-copy"
const fetchKind = "fetch"
const fetchCopyKind = "fetch-copy"

/** A value, of the dictionary (the bytes of a text) or of an original (a packet as it was on the wire). */
export interface FoundValue {
  readonly _tag: "Found"
  readonly found: OriginalValue
  readonly isOriginal: boolean
}

/** What a node knows of a place. */
type Known =
  | FoundValue
  /** The dictionary had a key there, and nothing came after it. */
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Unknown" }

/** Answers what another node of the ring asks; undefined when that is nothing of the originals'. */
export const serve = (
  node: ChordNode,
  share: OriginalShare,
  kind: string,
  packets: Packets
): Served | undefined => {
  if (kind !== keepKind && kind !== keepCopyKind && kind !== fetchKind && kind !== fetchCopyKind) return undefined
  const target = readPosition(node.bits, packets[0])
  const member = target === undefined ? undefined : node.memberAt(target)
  if (member === undefined) return refuse(noMember, "no member with that position lives here")
  const place = readPlace(node.services.placement, packets[1], packets[2])
  if (place === undefined) return refuse(malformed, "a table and a digest were expected")
  if (kind === fetchCopyKind) return writeKnown(known(node, share, place))
  if (kind === fetchKind) return asOwner(node, member, place, () => fetch(node, member, share, place))
  const taken = readValue(node, packets[3], packets[4])
  if (taken === undefined) return refuse(malformed, "a time and a value were expected")
  if (kind === keepCopyKind) {
    share.put(place, taken)
    return done
  }
  return asOwner(node, member, place, () => {
    share.put(place, taken)
    for (const contact of replicas(node, member)) {
      node.services.run(node.tell(contact, keepCopyKind, packets.slice(1)))
    }
    return done
  })
}

/** Keeps what an original node stores, at the node that owns its position. */
export const keep = (node: ChordNode, place: OriginalPlace, value: Uint8Array) =>
  Effect.suspend(() =>
    atOwner(node, place, keepKind, [...writePlace(place), writeMillis(node.nowMillis()), value], maxTries)
  )

/** What there is at a place, by the node that owns its position. */
export const find = (
  node: ChordNode,
  place: OriginalPlace
): Effect.Effect<FoundValue | undefined, CallError | LookupError> =>
  Effect.map(atOwner(node, place, fetchKind, writePlace(place), maxTries), (packets) => {
    const answer = readKnown(node, packets)
    return answer?._tag === "Found" ? answer : undefined
  })

const atOwner = (
  node: ChordNode,
  place: OriginalPlace,
  kind: string,
  packets: Packets,
  triesLeft: number
): Effect.Effect<Packets, CallError | LookupError> =>
  Effect.flatMap(
    locate(node, place.position),
    ({ owner }) =>
      Effect.catch(node.call(owner, kind, packets), (error) =>
        triesLeft > 1 && (isDead(error) || (error.reason._tag === "Refused" && error.reason.tag === notMine))
          ? atOwner(node, place, kind, packets, triesLeft - 1)
          : Effect.fail(error))
  )

/** Serves as the owner of a place; where another member is that, refuses after a look whether it lives. */
const asOwner = (
  node: ChordNode,
  member: Member,
  { position }: OriginalPlace,
  serve: () => Packets | Effect.Effect<Packets>
): Served => {
  if (member.owns(position)) return serve()
  return Effect.andThen(
    checkPredecessor(node, member),
    Effect.suspend((): Effect.Effect<Packets, CallRefused> => {
      if (!member.owns(position) && member.membership.predecessor !== undefined) {
        return Effect.fail(refuse(notMine, "another member answers for that position"))
      }
      const served = serve()
      return Effect.isEffect(served) ? served : Effect.succeed(served)
    })
  )
}

/** What the owner knows, or else the node that follows it and had the place before it. */
const fetch = (
  node: ChordNode,
  member: Member,
  share: OriginalShare,
  place: OriginalPlace
): Packets | Effect.Effect<Packets> => {
  const own = known(node, share, place)
  const next = member.successors.find((contact) => !node.isOwn(contact))
  if (own._tag !== "Unknown" || next === undefined) return writeKnown(own)
  return Effect.match(node.call(next, fetchCopyKind, writePlace(place)), {
    onFailure: () => done,
    onSuccess: (packets) => {
      const other = readKnown(node, packets)
      if (other?._tag === "Found" && other.isOriginal) share.put(place, other.found)
      return other === undefined ? done : packets
    }
  })
}

const known = (node: ChordNode, share: OriginalShare, place: OriginalPlace): Known => {
  const record = recordAt(node, share, place)
  const value = record === undefined ? undefined : Record.valueAt(record, node.nowMillis())
  if (record !== undefined && value !== undefined) {
    return { _tag: "Found", found: { value, atMillis: record.version.millis }, isOriginal: false }
  }
  const kept = share.get(place)
  const overMillis = record === undefined ? -1 : Math.max(record.version.millis, record.expiresAtMillis ?? 0)
  if (kept !== undefined && kept.atMillis > overMillis) return { _tag: "Found", found: kept, isOriginal: true }
  return record === undefined ? { _tag: "Unknown" } : { _tag: "Gone" }
}

/** The record of the key with that digest, as far as it lies here. */
const recordAt = (node: ChordNode, share: OriginalShare, place: OriginalPlace): Record.Record | undefined => {
  const { position, table } = place
  const { placement, storage } = node.services
  const from = BigInt.asUintN(node.bits, position - 1n)
  const records = storage.range({ placement, from, to: position, tables: [tables.indexOf(table)] })
  return share.keys.find(placement.hashing, records, place)
}

const writePlace = ({ digest, table }: OriginalPlace): Packets => [encoder.encode(table), writePosition(digest)]

const readPlace = (
  shape: RingShape,
  table: Uint8Array | undefined,
  digest: Uint8Array | undefined
): OriginalPlace | undefined => {
  const number = readPosition(digestBits, digest)
  return table === undefined || number === undefined ? undefined : placeOf(shape, decoder.decode(table), number)
}

const writeMillis = (millis: number): Uint8Array => writePosition(BigInt(Math.floor(Math.max(0, millis))))

/** A time and a value, unless it is too large, or from further in the future than clocks may differ. */
const readValue = (
  node: ChordNode,
  at: Uint8Array | undefined,
  value: Uint8Array | undefined
): OriginalValue | undefined => {
  const millis = readPosition(Math.ceil(Math.log2(maxMillis)), at)
  if (millis === undefined || value === undefined || value.length > node.options.maxValueBytes) return undefined
  const atMillis = Number(millis)
  const latest = node.nowMillis() + Duration.toMillis(node.options.maxClockSkew)
  // A copy: what was received is a view of a larger buffer.
  return atMillis > latest ? undefined : { value: value.slice(), atMillis }
}

const knownTags = ["Unknown", "Gone", "Record", "Original"] as const

const writeKnown = (known: Known): Packets => {
  if (known._tag !== "Found") return [Uint8Array.of(knownTags.indexOf(known._tag))]
  const tag = Uint8Array.of(knownTags.indexOf(known.isOriginal ? "Original" : "Record"))
  return [tag, writeMillis(known.found.atMillis), known.found.value]
}

const readKnown = (node: ChordNode, [tag, at, value]: Packets): Known | undefined => {
  const name = tag?.length === 1 ? knownTags[tag[0]!] : undefined
  if (name === undefined || name === "Unknown" || name === "Gone") return name === undefined ? name : { _tag: name }
  const found = readValue(node, at, value)
  return found === undefined ? undefined : { _tag: "Found", found, isOriginal: name === "Original" }
}
