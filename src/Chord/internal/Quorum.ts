/**
 * Reads and writes of keys over their five placements: a write counts when a quorum has stored it, a
 * read asks as many and believes the newest version. Any two quorums of three meet in a placement.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { CallRefused } from "../CallError.ts"
import { QuorumError } from "../ChordError.ts"
import type { ReadOptions, WriteError, WriteOptions } from "../ChordOperation.ts"
import * as Record from "../Record.ts"
import * as Version from "../Version.ts"
import type { ChordNode } from "./ChordNode.ts"
import { type PlacementFailure, recordAt, storeAt } from "./Placements.ts"
import type { Placed } from "./Share.ts"

/** What a read found. */
export interface Found {
  /** The newest record, be it a tombstone or expired; undefined when no placement has any. */
  readonly record: Record.Record | undefined
  /** Placements that hold it, of those that were asked. */
  readonly holders: number
  readonly asked: number
}

/** How often a write is stamped anew because a newer version was there. */
const maxStamps = 3

/** Clocks that differ by less are nothing unusual: what is newer by so much may have been written before. */
const likelySkewMillis = 2000

/** Writes a value, or a tombstone; gives its version. */
export const write = Effect.fnUntraced(function*(
  node: ChordNode,
  key: string,
  value: Uint8Array | undefined,
  options: WriteOptions
): Effect.fn.Return<Version.Version, WriteError> {
  node.counters.sets++
  const quorum = options.quorum ?? node.options.writeQuorum
  for (let stamp = 1;; stamp++) {
    const version = node.nextVersion()
    const stampedMillis = node.uptimeMillis()
    const made = Record.make({ key, version, value, expiresAtMillis: expiry(node, options) }, node.options)
    if (Result.isFailure(made)) return yield* made.failure
    const newer = yield* store(node, made.success, quorum, options)
    if (newer === undefined) return version
    const fault = node.observe(newer)
    const aheadMillis = newer.millis - version.millis
    const wasMeanwhile = aheadMillis > likelySkewMillis && aheadMillis <= node.uptimeMillis() - stampedMillis
    // Written while this one was under way: this one comes first, and some may have read it already.
    if (wasMeanwhile || stamp === maxStamps) return version
    // A clock that is ahead of ours wrote it. Who writes later means to write later.
    if (fault !== undefined) return yield* fault
  }
})

const expiry = (node: ChordNode, { ttl }: WriteOptions): number | undefined =>
  ttl === undefined ? undefined : node.nowMillis() + Duration.toMillis(ttl)

/** Stores a record until a quorum has it; gives the newer version that was met instead, if any. */
const store = Effect.fnUntraced(function*(
  node: ChordNode,
  record: Record.Record,
  quorum: number,
  options: WriteOptions
): Effect.fn.Return<Version.Version | undefined, QuorumError> {
  const done = yield* Deferred.make<Version.Version | undefined, QuorumError>()
  const causes: Array<string> = []
  let reached = 0
  let newer: Version.Version | undefined
  const { positions } = record.place(node.services.placement)
  let openCount = positions.length
  const settle = (outcome: Result.Result<Placed, PlacementFailure>): void => {
    openCount--
    const placed = Result.isSuccess(outcome) ? outcome.success : undefined
    if (placed?.newer !== undefined) newer = Version.max(newer, placed.newer)
    if (placed !== undefined && (placed.newer !== undefined || placed.copies >= Math.min(2, placed.wanted))) reached++
    else {causes.push(
        placed === undefined ? describe(outcome) : "the node that answers when the owner does not took no copy"
      )}
    if (reached >= quorum) Deferred.doneUnsafe(done, Effect.succeed(newer))
    else if (reached + openCount < quorum) {
      Deferred.doneUnsafe(done, Effect.fail(new QuorumError({ operation: "write", wanted: quorum, reached, causes })))
    }
  }
  // Those that are not waited for go on: the more placements, the safer.
  for (const position of positions) {
    node.services.run(Effect.map(Effect.result(storeAt(node, position, record)), settle))
  }
  return yield* within(
    node,
    "write",
    options.timeout,
    Deferred.await(done),
    () => ({ wanted: quorum, reached, causes })
  )
})

/** Asks a quorum of placements, and all of them when they do not agree. */
export const read = Effect.fnUntraced(function*(
  node: ChordNode,
  key: string,
  options: ReadOptions
): Effect.fn.Return<Found, QuorumError> {
  node.counters.gets++
  const quorum = options.quorum ?? node.options.readQuorum
  const { positions } = node.services.placement.of(key)
  const start = Math.floor(node.chance() * positions.length)
  const order = positions.map((_, index) => positions[(start + index) % positions.length]!)
  const causes: Array<string> = []
  const answers = new Map<bigint, Record.Record | undefined>()
  const ask = (some: ReadonlyArray<bigint>) =>
    Effect.forEach(some, (position) =>
      Effect.map(Effect.result(recordAt(node, position, key)), (outcome) => {
        if (Result.isSuccess(outcome)) answers.set(position, outcome.success)
        else causes.push(describe(outcome))
      }), { concurrency: "unbounded", discard: true })
  const both = Effect.gen(function*() {
    yield* ask(order.slice(0, quorum))
    if (answers.size < quorum || !isAgreed([...answers.values()])) yield* ask(order.slice(quorum))
  })
  yield* within(node, "read", options.timeout, both, () => ({ wanted: quorum, reached: answers.size, causes }))
  const found = newest(answers.values())
  if (answers.size < quorum && (found === undefined || options.fallback === false)) {
    return yield* new QuorumError({ operation: "read", wanted: quorum, reached: answers.size, causes })
  }
  return conclude(node, found, answers)
})

const conclude = (
  node: ChordNode,
  record: Record.Record | undefined,
  answers: ReadonlyMap<bigint, Record.Record | undefined>
): Found => {
  const isHolder = (answer: Record.Record | undefined): boolean =>
    record !== undefined && answer !== undefined && Record.compare(answer, record) === 0
  const behind = record === undefined ? [] : [...answers].filter(([, answer]) => !isHolder(answer))
  if (record !== undefined && behind.length > 0 && node.observe(record.version) === undefined) {
    node.counters.readRepairs += behind.length
    node.services.run(Effect.forEach(behind, ([position]) => Effect.ignore(storeAt(node, position, record)), {
      discard: true
    }))
  }
  return { record, holders: answers.size - behind.length, asked: answers.size }
}

const isAgreed = ([first, ...rest]: ReadonlyArray<Record.Record | undefined>): boolean =>
  rest.every((other) =>
    first === undefined || other === undefined ? first === other : Record.compare(first, other) === 0
  )

const newest = (records: Iterable<Record.Record | undefined>): Record.Record | undefined => {
  let found: Record.Record | undefined
  for (const record of records) {
    if (record !== undefined) found = found === undefined ? record : Record.merge(found, record)
  }
  return found
}

/** Fails when it takes too long, with what was reached until then. */
const within = <A>(
  node: ChordNode,
  operation: "read" | "write",
  timeout: WriteOptions["timeout"],
  effect: Effect.Effect<A, QuorumError>,
  progress: () => { readonly wanted: number; readonly reached: number; readonly causes: ReadonlyArray<string> }
): Effect.Effect<A, QuorumError> =>
  Effect.timeoutOrElse(effect, {
    duration: timeout ?? node.options.operationTimeout,
    orElse: () =>
      Effect.suspend(() => {
        const { causes, ...rest } = progress()
        return Effect.fail(new QuorumError({ operation, ...rest, causes: [...causes, "it took too long"] }))
      })
  })

const describe = (outcome: Result.Result<unknown, PlacementFailure | CallRefused>): string =>
  Result.isFailure(outcome)
    ? outcome.failure._tag === "CallRefused"
      ? `${outcome.failure.detail} (${outcome.failure.tag})`
      : outcome.failure.message
    : ""
