/** The share of a node, as others use it: they put, get, compare and copy records. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { CallRefused } from "../CallError.ts"
import { type StorageError, StorageFull } from "../ChordStorage.ts"
import type { Contact } from "../Contact.ts"
import * as Membership from "../Membership.ts"
import * as Record from "../Record.ts"
import type { PutOutcome } from "../RecordIndex.ts"
import * as Version from "../Version.ts"
import { readPosition, readRecords } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"
import { startPatiently } from "./Patience.ts"
import type { Packets } from "./PeersOptions.ts"
import { isSilent, malformed, notMine, syncing } from "./Refusal.ts"
import { checkPredecessor, checkSuccessor, confirmPredecessor, refuse, seekPredecessor } from "./Stabilizer.ts"
import { followAll } from "./Start.ts"
import { hearSay } from "./Suspicion.ts"
import { isPlaceHeld, mustHoldPlace } from "./Tenure.ts"

type Served = Effect.Effect<Packets, CallRefused>

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** What a placement says of a record that was put there. */
export interface Placed {
  /** Nodes that hold it now, and that should. */
  readonly copies: number
  readonly wanted: number
  /** The newer version that was there and stays. */
  readonly newer: Version.Version | undefined
}

const writePlaced = ({ copies, newer, wanted }: Placed): Packets => [
  Uint8Array.of(copies, wanted),
  newer === undefined ? new Uint8Array(0) : Version.encode(newer)
]

export const readPlaced = ([counts, version]: Packets): Placed | undefined => {
  if (counts?.length !== 2 || version === undefined) return undefined
  const newer = version.length === 0 ? undefined : Version.decode(version)
  return { copies: counts[0]!, wanted: counts[1]!, newer }
}

/** Puts a record at a placement of which this member is the owner, and at those that follow it. */
export const onPut = (node: ChordNode, member: Member, packets: Packets): Served | CallRefused => {
  const [wanted, ...rest] = packets
  const position = readPosition(node.bits, wanted)
  const [record] = readRecords(rest) ?? []
  if (position === undefined || record === undefined) return refuse(malformed, "a position and a record were expected")
  const refusal = node.refusalOf(record)
  if (refusal !== undefined) return refusal
  return Effect.andThen(mustOwn(node, member, position), Effect.map(place(node, member, position, record), writePlaced))
}

/**
 * Stores a record here and with the next nodes; one of this node's own first there. What nobody takes, for it lies too far
 * ahead, is not kept here either: it would be in the way until its time has come, and come back then.
 */
export const place = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  position: bigint,
  record: Record.Record
): Effect.fn.Return<Placed, CallRefused> {
  const isOwn = record.version.writer === node.id
  const offered = isOwn ? yield* copyOut(node, member, record) : undefined
  const [outcome] = yield* put(node, [record])
  if (outcome === "Full") return yield* Effect.fail(yield* full(node))
  if (outcome === "Over") return yield* Effect.fail(refuse(outcome, over))
  // A newer one counts where it has its copies, too: who put it may be gone before it was passed on.
  const kept = outcome === "Superseded" ? node.services.storage.get(record.key) ?? record : record
  const holders = yield* copyOut(node, member, kept, kept === record ? offered : undefined)
  // Somebody may have taken over the position meanwhile, and have asked for its records before this one was here.
  yield* mustOwn(node, member, position)
  const others = replicas(node, member)
  const [heir] = others
  // Without the heir it is as good as here alone: that one answers when this node does not.
  const copies = heir === undefined || holders.has(heir.nodeId) ? holders.size + 1 : 1
  return { copies, wanted: others.length + 1, newer: kept === record ? undefined : kept.version }
})

/** To whoever wrote the record, somewhere else: either clock may be the wrong one. */
const over =
  "it ended longer ago than tombstones are kept (tombstoneTtl) by the clock here: set this one or the clock of its writer"

/** What keeps this node from taking more. */
const full = (node: ChordNode): Effect.Effect<CallRefused> =>
  Effect.map(
    node.services.storage.stats,
    ({ maxBytes, maxRecords }) => refuse("Full", new StorageFull({ maxBytes, maxRecords }).message)
  )

/**
 * Copies a record to the nodes that keep this member's and do not have it, and gives who has it; fails when its version
 * lies too far ahead for them, and nobody took it. When the heir, the first of them, did
 * not, it is looked whether it lives, and the next one is the heir if not. Others that do not answer are doubted, and get
 * none while they are: they stay in the lists for some rounds, and all writes would wait for as long. Meanwhile it is
 * looked again and again whether they live, which no write waits for: doubts last for longer than a process stands still.
 */
const copyOut = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  record: Record.Record,
  known: Iterable<string> = []
): Effect.fn.Return<ReadonlySet<string>, CallRefused> {
  const packets = [Record.encode(record)]
  const holders = new Set(known)
  let tooFarAhead: CallRefused | undefined
  for (let triesLeft = 1;; triesLeft--) {
    const missing = replicas(node, member).filter((contact, index) => {
      if (holders.has(contact.nodeId)) return false
      if (index === 0 || !member.isDoubted(contact)) return true
      hearSay(node, member, contact)
      return false
    })
    const copies = missing.map((contact) => startPatiently(node, node.startCall(contact, "copy", packets)))
    yield* followAll(copies, node.services.run, (exit, index) => {
      const contact = missing[index]!
      if (Exit.isSuccess(exit)) return void holders.add(contact.nodeId)
      const error = Option.getOrUndefined(Exit.findErrorOption(exit))
      if (error !== undefined && isSilent(error)) hearSay(node, member, contact)
      if (error?.reason._tag === "Refused" && error.reason.tag === "VersionTooFarAhead") {
        tooFarAhead = refuse(error.reason.tag, error.reason.detail)
      }
    })
    if (tooFarAhead !== undefined && holders.size === 0) return yield* Effect.fail(tooFarAhead)
    const [heir] = replicas(node, member)
    if (heir === undefined || holders.has(heir.nodeId) || triesLeft === 0) return holders
    yield* checkSuccessor(node, member, heir)
  }
})

/**
 * The nodes beside this one that hold what it owns: those that follow it, each process once. In a
 * ring of up to five nodes, all of them. While it leaves at least its heir, also of what it takes until it is gone.
 */
export const replicas = (node: ChordNode, member: Member): ReadonlyArray<Contact> => {
  const found = followers(node, member)
  return found.length < smallRing ? found : found.slice(0, Math.max(node.options.copies - 1, node.isLeaving ? 1 : 0))
}

/**
 * Whether the ring is so small that everybody keeps everything. Who sees only a part of a ring cannot know: where nodes
 * have several positions, the successors of one may be those of few nodes.
 */
export const isSmallRing = (node: ChordNode, member: Member): boolean =>
  followers(node, member).length < smallRing &&
  node.members.every(({ membership, successors }) =>
    Membership.isWhole(membership) || successors.some((contact) => node.isOwn(contact))
  )

/**
 * The nodes that follow a member, each process once. A list may be full of this node's own positions: that of the last
 * one of them goes on where it ends.
 */
export const followers = (node: ChordNode, member: Member): ReadonlyArray<Contact> => {
  const found = new Map<string, Contact>()
  const read = new Set<Member>()
  const enough = Math.max(smallRing, node.options.copies - 1)
  for (let next: Member | undefined = member; next !== undefined && !read.has(next);) {
    read.add(next)
    let lastOwn: bigint | undefined
    for (const contact of next.successors) {
      if (node.isOwn(contact)) lastOwn = contact.position
      else if (!found.has(contact.nodeId)) found.set(contact.nodeId, contact)
    }
    next = lastOwn === undefined || found.size >= enough ? undefined : node.memberAt(lastOwn)
  }
  return [...found.values()]
}

/** Up to so many nodes, each of them keeps everything: five placements would often meet on one. */
const smallRing = 5

/**
 * Fails with `NotMine` unless the member answers for the position, after a look whether its predecessor lives, or who it
 * is, and whether it has the place that it thinks it has.
 */
export const mustOwn = (node: ChordNode, member: Member, position: bigint): Effect.Effect<void, CallRefused> => {
  const hasPredecessor = (): boolean => member.membership.predecessor !== undefined
  const look = Effect.suspend(() => member.owns(position) ? Effect.void : checkPredecessor(node, member))
  const seek = Effect.suspend(() =>
    member.owns(position) || hasPredecessor() ? Effect.void : seekPredecessor(node, member)
  )
  const confirm = Effect.suspend(() =>
    member.owns(position) && member.isPresumed(position) ? confirmPredecessor(node, member) : Effect.void
  )
  const judge = Effect.suspend(() => {
    if (isOwner(member, position)) return Effect.void
    if (member.owns(position)) {
      return Effect.fail(refuse(syncing, "others may know somebody alive who answers for that position"))
    }
    return Effect.fail(
      hasPredecessor()
        ? refuse(notMine, "another member answers for that position")
        : refuse(syncing, "this member does not know yet where its arc begins")
    )
  })
  return Effect.suspend(() =>
    isOwner(member, position) && isPlaceHeld(node, member)
      ? Effect.void
      : look.pipe(
        Effect.andThen(seek),
        Effect.andThen(confirm),
        Effect.andThen(mustHoldPlace(node, member)),
        Effect.andThen(judge)
      )
  )
}

const isOwner = (member: Member, position: bigint): boolean => member.owns(position) && !member.isPresumed(position)

/**
 * Takes copies from an owner, or from one that hands them over. One that it cannot take, since clocks or limits differ,
 * keeps it from none of the others.
 */
export const onCopy = (node: ChordNode, _member: Member, packets: Packets): Served | CallRefused => {
  const records = readRecords(packets)
  if (records === undefined) return refuse(malformed, "records were expected")
  let refusal: CallRefused | undefined
  const taken = records.filter((record) => {
    const own = node.refusalOf(record)
    refusal ??= own
    return own === undefined
  })
  if (refusal !== undefined && taken.length === 0) return refusal
  return Effect.flatMap(put(node, taken), (outcomes) => {
    node.counters.recordsReceived += outcomes.filter((outcome) => outcome === "Stored").length
    if (outcomes.includes("Full")) return Effect.flatMap(full(node), Effect.fail)
    return refusal === undefined ? Effect.succeed([]) : Effect.fail(refusal)
  })
}

/** Writes into this node's share; told when the storage fails. */
const put = (
  node: ChordNode,
  records: ReadonlyArray<Record.Record>
): Effect.Effect<ReadonlyArray<PutOutcome>, CallRefused> =>
  Effect.mapError(node.services.storage.putAll(records), (error: StorageError) => {
    node.emit({ _tag: "StorageFailed", error })
    return refuse("Failed", error.message)
  })

/** The record of a key at a placement, or its version alone: a packet, or none. */
const read =
  (toPacket: (record: Record.Record) => Uint8Array) =>
  (node: ChordNode, member: Member, packets: Packets): Packets | CallRefused | Served => {
    const [wanted, keyBytes] = packets
    const position = readPosition(node.bits, wanted)
    if (position === undefined || keyBytes === undefined) return refuse(malformed, "a position and a key were expected")
    // No record has such a key.
    if (keyBytes.length > node.options.maxKeyBytes) return []
    const key = decoder.decode(keyBytes)
    const answer = (): Packets => {
      const record = node.services.storage.get(key)
      return record === undefined ? [] : [toPacket(record)]
    }
    const isReady = isOwner(member, position) && isPlaceHeld(node, member)
    if (isReady && !member.isSyncing) return answer()
    return Effect.andThen(
      isReady ? Effect.void : mustOwn(node, member, position),
      Effect.map(heldNearby(node, member, key, maxSyncing), (record) => record === undefined ? [] : [toPacket(record)])
    )
  }

/** New members in a row, of which each asks the one before it for what it has not got yet. */
export const maxSyncing = 16

/**
 * The record of a key at this member; while it is new in its place, the newer one of that and the record of who had its
 * place before. What lies here may be from a life before this one. Fails with `Syncing` when that other one does not say:
 * "not here" would be taken for "nowhere".
 */
export const heldNearby = (
  node: ChordNode,
  member: Member,
  key: string,
  stepsLeft: number
): Effect.Effect<Record.Record | undefined, CallRefused> =>
  Effect.suspend(() => {
    const own = node.services.storage.get(key)
    if (!member.isSyncing) return Effect.succeed(own)
    const unknown = refuse(syncing, "this member is new in its place and has not got all of its records yet")
    const { source } = member
    if (source === undefined || stepsLeft <= 0) return Effect.fail(unknown)
    return Effect.matchEffect(node.call(source, "held", [encoder.encode(key), Uint8Array.of(stepsLeft - 1)]), {
      onSuccess: (packets) => {
        const theirs = readRecords(packets)?.[0]
        if (theirs !== undefined && theirs.key !== key) return Effect.fail(unknown)
        if (own === undefined || theirs === undefined) return Effect.succeed(own ?? theirs)
        return Effect.succeed(Record.mergeAt(own, theirs, node.nowMillis()))
      },
      onFailure: () => Effect.fail(unknown)
    })
  })

export const onGet = read((record) => Record.encode(record))
export const onVersion = read((record) => Version.encode(record.version))

/** The record of a key as it lies here, whoever answers for it. */
export const onHeld = (node: ChordNode, member: Member, [keyBytes, steps]: Packets): Packets | Served => {
  if (keyBytes === undefined) return []
  const key = decoder.decode(keyBytes)
  const toPackets = (record: Record.Record | undefined): Packets => record === undefined ? [] : [Record.encode(record)]
  return member.isSyncing
    ? Effect.map(heldNearby(node, member, key, Math.min(maxSyncing, steps?.[0] ?? 0)), toPackets)
    : toPackets(node.services.storage.get(key))
}
