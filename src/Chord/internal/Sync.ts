/** Brings two shares together over an arc of the ring, with few messages where they hardly differ. */
import * as Effect from "effect/Effect"
import { CallError } from "../CallError.ts"
import { StorageError, StorageFull } from "../ChordStorage.ts"
import type { Contact } from "../Contact.ts"
import * as Record from "../Record.ts"
import { decodeDescription, type Description, encodeHashes, encodeQuestion } from "../RecordDescription.ts"
import { RecordExchange } from "../RecordDigest.ts"
import { readRecords, writePosition } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import { Pace } from "./Pace.ts"
import { patiently } from "./Patience.ts"
import type { Packets } from "./PeersOptions.ts"
import { isDead, unreadable } from "./Refusal.ts"
import { batchBytes, digestLimits, maxHashes } from "./ShareArc.ts"

/** How many records went each way. */
export interface Exchanged {
  readonly sent: number
  readonly received: number
}

/** Comparing and copying take their own time: it says nothing of the way there. */
const timeout = "5 seconds"

/**
 * Compares the records of an arc with another node's, and makes both the same; fails unless all that was wanted is here,
 * as far as `maxTurns` go, or where the other one hardly goes on (`Pace`).
 */
export const exchange = Effect.fnUntraced(function*(
  node: ChordNode,
  contact: Contact,
  from: bigint,
  to: bigint,
  options: { readonly isTakeOver?: boolean } = {}
): Effect.fn.Return<Exchanged, CallError | StorageError> {
  const pace = new Pace(node.uptimeMillis())
  const advance: Advance = (kind, bytes) =>
    Effect.suspend(() => {
      const afterMillis = pace.advance(bytes, node.uptimeMillis())
      const reason = { _tag: "TimedOut", afterMillis: afterMillis ?? 0 } as const
      return afterMillis === undefined
        ? Effect.void
        : Effect.fail(new CallError({ address: contact.address, kind, reason }))
    })
  let sent = 0
  let received = 0
  for (let turns = 0; turns < maxTurns; turns++) {
    const turn = yield* exchangeSome(node, contact, from, to, options, advance)
    sent += turn.sent
    received += turn.received
    if (!turn.isCutShort || turn.sent + turn.received === 0) break
  }
  return { sent, received }
})

/** Each of them notes some ten thousand records: a share of millions takes fewer, and a liar has no more. */
const maxTurns = 256

/** Counts bytes that a call was of use for; fails where the other one hardly goes on. */
type Advance = (kind: string, bytes: number) => Effect.Effect<void, CallError>

const bytesOf = (packets: Packets): number => packets.reduce((sum, packet) => sum + packet.length, 0)

/** The same for as many records as one comparison notes. */
const exchangeSome = Effect.fnUntraced(function*(
  node: ChordNode,
  contact: Contact,
  from: bigint,
  to: bigint,
  options: { readonly isTakeOver?: boolean },
  advance: Advance
): Effect.fn.Return<Exchanged & { readonly isCutShort: boolean }, CallError | StorageError> {
  const arc = [writePosition(from), writePosition(to)]
  const exchange = new RecordExchange(yield* node.sets.make(from, to), digestLimits(node))
  for (let question = exchange.question; question !== undefined; question = exchange.question) {
    const request = [...arc, encodeQuestion(question), ...(options.isTakeOver === true ? [new Uint8Array(0)] : [])]
    const answer = yield* patiently(node, node.call(contact, "digest", request, timeout))
    const descriptions = readAll(answer)
    if (descriptions === undefined || !exchange.accept(descriptions)) {
      return yield* unreadable(contact, "digest")
    }
    // Of buckets that are divided a liar can make up any number.
    yield* advance("digest", bytesOf(answer.filter((_, index) => descriptions[index]?._tag === "Entries")))
  }
  // What this node lacks comes first: the other one may not take what it is given.
  const received = yield* pull(node, contact, arc, exchange.want, advance)
  const sent = yield* push(node, contact, exchange.send, advance)
  return { sent, received, isCutShort: exchange.isCutShort }
})

const readAll = (packets: Packets): ReadonlyArray<Description> | undefined => {
  const descriptions: Array<Description> = []
  for (const packet of packets) {
    const description = decodeDescription(packet)
    if (description === undefined) return undefined
    descriptions.push(description)
  }
  return descriptions
}

/**
 * Gives records to another node, in messages of bounded size; how many it took, which may be full. What no message holds
 * is left out.
 */
const push = Effect.fnUntraced(function*(
  node: ChordNode,
  contact: Contact,
  records: ReadonlyArray<Record.Record>,
  advance: Advance
): Effect.fn.Return<number, CallError> {
  const maxBytes = batchBytes(node)
  const given = records.filter((record) => node.canGive(record))
  let count = 0
  for (let start = 0; start < given.length;) {
    const batch: Array<Uint8Array> = []
    let bytes = 0
    for (const record of given.slice(start, start + maxHashes)) {
      bytes += Record.encodedBytes(record)
      if (bytes > maxBytes && batch.length > 0) break
      batch.push(Record.encode(record))
    }
    start += batch.length
    count += yield* Effect.catch(
      Effect.as(patiently(node, node.call(contact, "copy", batch, timeout)), batch.length),
      (error) => error.reason._tag === "Refused" && !isDead(error) ? Effect.succeed(0) : Effect.fail(error)
    )
    yield* advance("copy", bytesOf(batch))
  }
  node.counters.recordsSent += count
  return count
})

/**
 * Gets the records with these hashes, and gives how many were news; those that are gone meanwhile, or that this node does
 * not take, are left out. Fails when there is no room for them.
 */
const pull = Effect.fnUntraced(function*(
  node: ChordNode,
  contact: Contact,
  arc: Packets,
  hashes: ReadonlyArray<bigint>,
  advance: Advance
): Effect.fn.Return<number, CallError | StorageError> {
  let count = 0
  for (let start = 0; start < hashes.length;) {
    const wanted = hashes.slice(start, start + maxHashes)
    const answer = yield* patiently(node, node.call(contact, "pull", [...arc, encodeHashes(wanted)], timeout))
    const records = readRecords(answer)
    if (records === undefined) return yield* unreadable(contact, "pull")
    yield* advance("pull", bytesOf(answer))
    // None of these is there any more.
    if (records.length === 0) {
      start += wanted.length
      continue
    }
    const wantedHashes = new Set(wanted)
    const asked = records.filter((record) => wantedHashes.has(record.place(node.services.placement).hash))
    const taken = asked.filter((record) => node.refusalOf(record) === undefined)
    const outcomes = yield* Effect.tapError(
      node.services.storage.putAll(taken),
      (error) => Effect.sync(() => node.emit({ _tag: "StorageFailed", error }))
    )
    const stored = outcomes.filter((outcome) => outcome === "Stored").length
    count += stored
    node.counters.recordsReceived += stored
    if (outcomes.includes("Full")) return yield* shareFull(node)
    const last = asked.at(-1)?.place(node.services.placement).hash
    start += last === undefined ? wanted.length : wanted.indexOf(last) + 1
  }
  return count
})

const shareFull = (node: ChordNode): Effect.Effect<never, StorageError> =>
  Effect.flatMap(
    node.services.storage.stats,
    ({ maxBytes, maxRecords }) => Effect.fail(new StorageError({ reason: new StorageFull({ maxRecords, maxBytes }) }))
  )
