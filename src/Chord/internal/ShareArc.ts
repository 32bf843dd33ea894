/** The share of a node over an arc, as another node compares it with its own. */
import type { CallRefused } from "../CallError.ts"
import * as Record from "../Record.ts"
import { decodeHashes, decodeQuestion, encodeDescription } from "../RecordDescription.ts"
import * as RecordDigest from "../RecordDigest.ts"
import { RecordSet } from "../RecordSet.ts"
import { readPosition } from "./ChordCodec.ts"
import { type ChordNode, malformed, syncing } from "./ChordNode.ts"
import type { Member } from "./Member.ts"
import type { Packets } from "./PeersOptions.ts"
import { refuse } from "./Stabilizer.ts"

/** The records of an arc, as both ends of a comparison take them. */
export const setOf = (node: ChordNode, from: bigint, to: bigint): RecordSet => {
  const { placement, storage } = node.services
  return new RecordSet(storage.range({ placement, from, to }), placement)
}

/** Describes an arc of this node's share to one who compares it with its own. */
export const onDigest = (node: ChordNode, member: Member, packets: Packets): Packets | CallRefused => {
  const [from, to] = [readPosition(node.bits, packets[0]), readPosition(node.bits, packets[1])]
  const { defaultLimits } = RecordDigest
  const question = packets[2] === undefined ? undefined : decodeQuestion(packets[2], defaultLimits.maxBuckets)
  if (from === undefined || to === undefined || question === undefined) {
    return refuse(malformed, "an arc and a question were expected")
  }
  // Who takes over an arc must not believe one that is still taking over itself.
  if (packets[3] !== undefined && member.isSyncing) return refuse(syncing, "this member is new in its place itself")
  node.cover(from, to)
  return RecordDigest.describe(setOf(node, from, to), question).map(encodeDescription)
}

/** Gives the records of an arc that are named by the hashes of their keys. */
export const onPull = (node: ChordNode, _member: Member, packets: Packets): Packets | CallRefused => {
  const [from, to] = [readPosition(node.bits, packets[0]), readPosition(node.bits, packets[1])]
  const hashes = packets[2] === undefined ? undefined : decodeHashes(packets[2], maxHashes)
  if (from === undefined || to === undefined || hashes === undefined) {
    return refuse(malformed, "an arc and hashes were expected")
  }
  return RecordDigest.select(setOf(node, from, to), hashes, maxBatchBytes).map(Record.encode)
}

/** Hashes in one request for records. */
export const maxHashes = 1024
/** Bytes of records in one message. */
export const maxBatchBytes = 256 * 1024
