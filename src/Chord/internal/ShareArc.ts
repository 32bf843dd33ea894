/** The share of a node over an arc, as another node compares it with its own. */
import * as Effect from "effect/Effect"
import type { CallRefused } from "../CallError.ts"
import * as Record from "../Record.ts"
import { decodeHashes, decodeQuestion, encodeDescription } from "../RecordDescription.ts"
import * as RecordDigest from "../RecordDigest.ts"
import { readPosition } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"
import type { Caller, Packets } from "./PeersOptions.ts"
import { busy, leaving, malformed, syncing } from "./Refusal.ts"
import { refuse } from "./Stabilizer.ts"

const { defaultLimits } = RecordDigest
/** What a bucket takes in a question. */
const bucketBytes = 17

type Served = Effect.Effect<Packets, CallRefused>

/** The arc that a request is about, behind `start` up to `end`. */
const readArc = (node: ChordNode, [first, second]: Packets) => {
  const [start, end] = [readPosition(node.bits, first), readPosition(node.bits, second)]
  return start === undefined || end === undefined ? undefined : { start, end }
}

/** Describes an arc of this node's share to one who compares it with its own. */
export const onDigest = (
  node: ChordNode,
  member: Member,
  packets: Packets,
  from: Caller
): Served | CallRefused => {
  const arc = readArc(node, packets)
  const limits = digestLimits(node)
  const question = packets[2] === undefined ? undefined : decodeQuestion(packets[2], defaultLimits.maxBuckets)
  if (arc === undefined || question === undefined) return refuse(malformed, "an arc and a question were expected")
  // Who takes over an arc must not believe one that is still taking over itself.
  if (packets[3] !== undefined && member.isSyncing) return refuse(syncing, "this member is new in its place itself")
  // Who gives an arc away is to find somebody who stays. Who takes one over needs it from here.
  if (packets[3] === undefined && node.isLeaving) return refuse(leaving, "this node is leaving its ring itself")
  node.cover(arc.start, arc.end)
  const isFirst = question.buckets.some(({ depth }) => depth === 0)
  return Effect.flatMap(node.sets.forOther(from.id, arc.start, arc.end, isFirst), (set) =>
    set === undefined
      ? Effect.fail(notNow)
      : Effect.succeed(RecordDigest.describe(set, question, limits).map(encodeDescription)))
}

/** Gives the records of an arc that are named by the hashes of their keys. */
export const onPull = (
  node: ChordNode,
  _member: Member,
  packets: Packets,
  from: Caller
): Served | CallRefused => {
  const arc = readArc(node, packets)
  const hashes = packets[2] === undefined ? undefined : decodeHashes(packets[2], maxHashes)
  if (arc === undefined || hashes === undefined) return refuse(malformed, "an arc and hashes were expected")
  return Effect.flatMap(node.sets.forOther(from.id, arc.start, arc.end, false), (set) => {
    if (set === undefined) return Effect.fail(notNow)
    // They may have been written anew since the set was made.
    const latest = (record: Record.Record) => node.services.storage.get(record.key) ?? record
    const given = hashes.filter((hash) => {
      const record = set.get(hash)
      return record !== undefined && node.canGive(latest(record))
    })
    const records = RecordDigest.select(set, given, batchBytes(node))
    return Effect.succeed(records.map((record) => Record.encode(latest(record))))
  })
}

const notNow = refuse(busy, "another comparison of this node is being prepared here")

/** Hashes in one request for records, and records in one message: each is a packet there. */
export const maxHashes = 1024
/** The questions and answers of a comparison, each in one message. */
export const digestLimits = (node: ChordNode): RecordDigest.DigestLimits => {
  const bytes = batchBytes(node)
  return {
    ...defaultLimits,
    maxAnswerBytes: Math.min(defaultLimits.maxAnswerBytes, bytes),
    maxBuckets: Math.min(defaultLimits.maxBuckets, Math.max(1, Math.floor(bytes / bucketBytes)))
  }
}

/** Bytes of records in one message, which takes some more for each of them; a record that is longer goes alone. */
export const batchBytes = ({ options }: ChordNode): number => Math.min(256 * 1024, options.maxMessageBytes / 2)
