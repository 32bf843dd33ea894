/** Reads and writes at one placement of a key: finds its owner, and tries again when that has changed. */
import * as Effect from "effect/Effect"
import type { CallError, CallRefused } from "../CallError.ts"
import type { LookupError } from "../ChordError.ts"
import * as Record from "../Record.ts"
import * as Version from "../Version.ts"
import { readRecords, writePosition } from "./ChordCodec.ts"
import { type ChordNode, isDead, notMine, unreadable } from "./ChordNode.ts"
import { locate, type Located, presume } from "./Lookup.ts"
import type { Member } from "./Member.ts"
import { patiently } from "./Patience.ts"
import type { Packets } from "./PeersOptions.ts"
import { heldNearby, maxSyncing, mustOwn, place, type Placed, readPlaced } from "./Share.ts"

const encoder = new TextEncoder()

/** Storing takes its own time, which says nothing of the way there. */
const putTimeout = "5 seconds"

/** How often a placement is looked up again when its owner has changed, or does not answer. */
const maxTries = 3

/** Who answered for positions a moment ago, for an operation that asks them twice. */
export type Owners = Map<bigint, Located>

/** What went wrong at one placement. */
export type PlacementFailure = CallError | CallRefused | LookupError

/**
 * Asks the owner of a position, a member of this node or another one. The first time whoever is presumed to be it: the
 * owner itself refuses what is not its own, and only then it is really looked up.
 */
const atOwner = <A>(
  node: ChordNode,
  position: bigint,
  owners: Owners | undefined,
  own: (member: Member) => Effect.Effect<A, CallRefused>,
  other: (located: Located) => Effect.Effect<A, CallError>
): Effect.Effect<A, PlacementFailure> => {
  const attempt = (
    place: Effect.Effect<Located, LookupError>,
    triesLeft: number
  ): Effect.Effect<A, PlacementFailure> => {
    const startMillis = node.uptimeMillis()
    return Effect.flatMap(place, (located): Effect.Effect<A, PlacementFailure> => {
      if (owners?.get(position) !== located) node.lookedUp(position, located, startMillis)
      owners?.set(position, located)
      const member = node.isOwn(located.owner) ? node.memberAt(located.owner.position) : undefined
      const outcome: Effect.Effect<A, CallError | CallRefused> = member === undefined
        ? patiently(node, other(located))
        : Effect.andThen(mustOwn(node, member, position), own(member))
      return Effect.matchEffect(outcome, {
        onSuccess: (answer) => {
          const { before, owner } = located
          if (before !== undefined && member === undefined) node.arcs.add(before.position, owner, node.uptimeMillis())
          return Effect.succeed(answer)
        },
        onFailure: (error): Effect.Effect<A, PlacementFailure> => {
          if (!isWorthAnotherTry(error)) return Effect.fail(error)
          node.arcs.forget(located.owner)
          if (triesLeft === 0) return Effect.fail(error)
          const lost = error._tag === "CallError" && isDead(error) ? { contact: located.owner, error } : undefined
          return attempt(locate(node, position, lost), triesLeft - 1)
        }
      })
    })
  }
  return Effect.suspend(() => {
    const known = owners?.get(position)
    return attempt(known === undefined ? presume(node, position) : Effect.succeed(known), maxTries)
  })
}

const isWorthAnotherTry = (error: CallError | CallRefused): boolean =>
  error._tag === "CallRefused"
    ? error.tag === notMine
    : isDead(error) || (error.reason._tag === "Refused" && error.reason.tag === notMine)

/** Stores a record at one of its placements. */
export const storeAt = (
  node: ChordNode,
  position: bigint,
  record: Record.Record,
  owners?: Owners
): Effect.Effect<Placed, PlacementFailure> =>
  atOwner(
    node,
    position,
    owners,
    (member) => place(node, member, position, record),
    ({ owner }) =>
      Effect.flatMap(
        node.call(owner, "put", [writePosition(position), Record.encode(record)], putTimeout),
        (packets) => {
          const placed = readPlaced(packets)
          return placed === undefined ? Effect.fail(unreadable(owner, "put")) : Effect.succeed(placed)
        }
      )
  )

/** What a packet holds; undefined for a packet that is none of it. */
interface Read<A> {
  readonly value: A
}

/** The record of a key at one of its placements. */
export const recordAt = (
  node: ChordNode,
  position: bigint,
  key: string
): Effect.Effect<Record.Record | undefined, PlacementFailure> =>
  askAt(node, position, key, undefined, "get", (record) => record, (packets) => {
    const records = readRecords(packets, node.options)
    return records === undefined || records.length > 1 ? undefined : { value: records[0] }
  })

/** The version of a key at one of its placements. */
export const versionAt = (
  node: ChordNode,
  position: bigint,
  key: string,
  owners?: Owners
): Effect.Effect<Version.Version | undefined, PlacementFailure> =>
  askAt(node, position, key, owners, "version", (record) => record?.version, ([packet]) => {
    if (packet === undefined) return { value: undefined }
    const version = Version.decode(packet)
    return version === undefined ? undefined : { value: version }
  })

const askAt = <A>(
  node: ChordNode,
  position: bigint,
  key: string,
  owners: Owners | undefined,
  kind: string,
  of: (record: Record.Record | undefined) => A,
  read: (packets: Packets) => Read<A> | undefined
): Effect.Effect<A, PlacementFailure> =>
  atOwner(
    node,
    position,
    owners,
    (member) => Effect.map(heldNearby(node, member, key, maxSyncing), of),
    ({ owner }) =>
      Effect.flatMap(node.call(owner, kind, [writePosition(position), encoder.encode(key)]), (packets) => {
        const found = read(packets)
        return found === undefined ? Effect.fail(unreadable(owner, kind)) : Effect.succeed(found.value)
      })
  )
