/** Reads and writes at one placement of a key: finds its owner, and tries again when that has changed. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CallError, CallRefused } from "../CallError.ts"
import type { LookupError } from "../ChordError.ts"
import type { Contact } from "../Contact.ts"
import * as Record from "../Record.ts"
import * as Version from "../Version.ts"
import { readRecords, writePosition } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Key } from "./Keys.ts"
import { locate, type Located, presumed, seek } from "./Lookup.ts"
import type { Member } from "./Member.ts"
import { startPatiently } from "./Patience.ts"
import type { Packets } from "./PeersOptions.ts"
import { isDead, notMine, unreadable } from "./Refusal.ts"
import { heldNearby, maxSyncing, mustOwn, place, type Placed, readPlaced } from "./Share.ts"
import { exitOf, type Start, toEffect } from "./Start.ts"

/** Storing takes its own time, which says nothing of the way there. */
const putTimeout = "5 seconds"

/** How often a placement is looked up again when its owner has changed, or does not answer. */
const maxTries = 3

/** Who answered for positions a moment ago, for an operation that asks them twice. */
export type Owners = Map<bigint, Located>

/** What went wrong at one placement. */
export type PlacementFailure = CallError | CallRefused | LookupError | Version.VersionTooFarAhead

/** What came of asking an owner. */
type Asked<A> = Effect.Effect<A, CallError | CallRefused | Version.VersionTooFarAhead>

/** What packets hold; undefined for packets that are none of it. */
interface Read<A> {
  readonly value: A
}

/** What the owner of a position is asked. */
interface Question<A> {
  readonly position: bigint
  readonly kind: string
  /** Behind the position. */
  readonly packet: Uint8Array
  readonly timeout?: Duration.Input
  readonly read: (packets: Packets) => Read<A> | undefined
  /** The same of a member of this node. */
  readonly own: (member: Member) => Effect.Effect<A, CallRefused>
  /** The version that the answer tells, if any: one too far ahead is no answer. */
  readonly versionOf: (answer: A) => Version.Version | undefined
  readonly owners: Owners | undefined
}

/**
 * Asks the owner of a position, a member of this node or another one. The first time whoever is presumed to be it: the
 * owner itself refuses what is not its own, and only then it is really looked up.
 */
const askOwner = <A>(node: ChordNode, question: Question<A>): Start<A, PlacementFailure> => (settle) => {
  const startMillis = node.uptimeMillis()
  const { owners, position } = question
  const known = owners?.get(position)
  const located = known ?? presumed(node, position)
  if (located === undefined || node.isOwn(located.owner)) {
    return settle(attempt(node, question, known === undefined ? seek(node, position) : Effect.succeed(known)))
  }
  noteOwner(node, question, located, startMillis)
  const { owner } = located
  return startCall(node, question, owner)((answer) => {
    const exit = exitOf(answer)
    const read = exit !== undefined && Exit.isSuccess(exit) ? readAnswer(node, question, owner, exit.value) : undefined
    if (read !== undefined && Exit.isSuccess(read)) return settle(read)
    const outcome = read ?? Effect.flatMap(answer, (packets) => readAnswer(node, question, owner, packets))
    settle(judge(node, question, located, outcome))
  })
}

/** Asks whoever is found to be the owner. */
const attempt = <A>(
  node: ChordNode,
  question: Question<A>,
  place: Effect.Effect<Located, LookupError>,
  triesLeft = maxTries
): Effect.Effect<A, PlacementFailure> =>
  Effect.suspend(() => {
    const startMillis = node.uptimeMillis()
    return Effect.flatMap(place, (located): Effect.Effect<A, PlacementFailure> => {
      const { owner } = located
      noteOwner(node, question, located, startMillis)
      const member = node.isOwn(owner) ? node.memberAt(owner.position) : undefined
      const outcome: Asked<A> = member === undefined
        ? callOwner(node, question, owner)
        : Effect.flatMap(
          Effect.andThen(mustOwn(node, member, question.position), question.own(member)),
          (answer) => checked(node, question, answer)
        )
      return judge(node, question, located, outcome, triesLeft)
    })
  })

const noteOwner = <A>(
  node: ChordNode,
  { owners, position }: Question<A>,
  located: Located,
  startMillis: number
): void => {
  if (owners?.get(position) !== located) node.lookedUp(position, located, startMillis)
  owners?.set(position, located)
}

/** What came of asking that owner; another one is looked for where it is none, or is gone. */
const judge = <A>(
  node: ChordNode,
  question: Question<A>,
  { before, owner }: Located,
  outcome: Asked<A>,
  triesLeft = maxTries
): Effect.Effect<A, PlacementFailure> =>
  Effect.matchEffect(outcome, {
    onSuccess: (answer) => {
      if (before !== undefined && !node.isOwn(owner)) node.arcs.add(before.position, owner, node.uptimeMillis())
      return Effect.succeed(answer)
    },
    onFailure: (error): Effect.Effect<A, PlacementFailure> => {
      if (!isWorthAnotherTry(error)) return Effect.fail(error)
      node.arcs.forget(owner)
      if (triesLeft === 0) return Effect.fail(error)
      const lost = error._tag === "CallError" && isDead(error) ? { contact: owner, error } : undefined
      return attempt(node, question, locate(node, question.position, lost), triesLeft - 1)
    }
  })

const isWorthAnotherTry = (error: CallError | CallRefused | Version.VersionTooFarAhead): boolean => {
  switch (error._tag) {
    case "CallRefused":
      return error.tag === notMine
    case "CallError":
      return isDead(error) || (error.reason._tag === "Refused" && error.reason.tag === notMine)
    default:
      return false
  }
}

/** Asks another node, and again while it is busy. */
const startCall = <A>(node: ChordNode, question: Question<A>, owner: Contact): Start<Packets, CallError> => {
  const { kind, packet, position, timeout } = question
  return startPatiently(node, node.startCall(owner, kind, [writePosition(position), packet], timeout))
}

const callOwner = <A>(node: ChordNode, question: Question<A>, owner: Contact): Asked<A> =>
  Effect.flatMap(
    toEffect(startCall(node, question, owner)),
    (packets) => readAnswer(node, question, owner, packets)
  )

const readAnswer = <A>(
  node: ChordNode,
  question: Question<A>,
  owner: Contact,
  packets: Packets
): Exit.Exit<A, CallError | Version.VersionTooFarAhead> => {
  const found = question.read(packets)
  return found === undefined ? Exit.fail(unreadable(owner, question.kind)) : checked(node, question, found.value)
}

/** One node whose clock is wrong must not have the others believe it, nor keep them from writing. */
const checked = <A>(
  node: ChordNode,
  { versionOf }: Question<A>,
  answer: A
): Exit.Exit<A, Version.VersionTooFarAhead> => {
  const version = versionOf(answer)
  const fault = version === undefined ? undefined : node.versions.faultOf(version)
  return fault === undefined ? Exit.succeed(answer) : Exit.fail(fault)
}

/** Stores a record at one of its placements. */
export const storeAt = (
  node: ChordNode,
  position: bigint,
  record: Record.Record,
  owners?: Owners
): Start<Placed, PlacementFailure> =>
  askOwner(node, {
    position,
    kind: "put",
    packet: Record.encode(record),
    timeout: putTimeout,
    read: (packets) => {
      const placed = readPlaced(packets)
      return placed === undefined ? undefined : { value: placed }
    },
    own: (member) => {
      const refusal = node.refusalOf(record)
      return refusal === undefined ? place(node, member, position, record) : Effect.fail(refusal)
    },
    versionOf: ({ newer }) => newer,
    owners
  })

/** The record of a key at one of its placements. */
export const recordAt = (
  node: ChordNode,
  position: bigint,
  { bytes, text }: Key
): Start<Record.Record | undefined, PlacementFailure> =>
  askOwner(node, {
    position,
    kind: "get",
    packet: bytes,
    read: (packets) => {
      const records = readRecords(packets)
      if (records === undefined || records.length > 1) return undefined
      const [record] = records
      return record === undefined || record.key === text ? { value: record } : undefined
    },
    own: (member) => heldNearby(node, member, text, maxSyncing),
    versionOf: (record) => record?.version,
    owners: undefined
  })

/** The version of a key at one of its placements. */
export const versionAt = (
  node: ChordNode,
  position: bigint,
  { bytes, text }: Key,
  owners?: Owners
): Start<Version.Version | undefined, PlacementFailure> =>
  askOwner(node, {
    position,
    kind: "version",
    packet: bytes,
    read: ([packet]) => {
      if (packet === undefined) return { value: undefined }
      const version = Version.decode(packet)
      return version === undefined ? undefined : { value: version }
    },
    own: (member) => Effect.map(heldNearby(node, member, text, maxSyncing), (record) => record?.version),
    versionOf: (version) => version,
    owners
  })
