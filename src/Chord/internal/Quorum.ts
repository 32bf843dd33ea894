/**
 * Reads and writes of keys over their five placements: a write takes a version above all that a quorum has, and counts
 * when a quorum has stored it; a read asks as many and believes the newest version. Any two quorums of three meet in a
 * placement.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { QuorumError } from "../ChordError.ts"
import type { ReadOptions, WriteError, WriteOptions } from "../ChordOperation.ts"
import * as Record from "../Record.ts"
import * as Version from "../Version.ts"
import type { ChordNode } from "./ChordNode.ts"
import { type Owners, type PlacementFailure, recordAt, storeAt, versionAt } from "./Placements.ts"
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

/** Writes a value, or a tombstone; gives its version. */
export const write = Effect.fnUntraced(function*(
  node: ChordNode,
  key: string,
  value: Uint8Array | undefined,
  options: WriteOptions
): Effect.fn.Return<Version.Version, WriteError> {
  node.counters.sets++
  const quorum = options.quorum ?? node.options.writeQuorum
  const endMillis = node.uptimeMillis() + Duration.toMillis(options.timeout ?? node.options.operationTimeout)
  const makeRecord = () =>
    Record.make({ key, version: node.nextVersion(), value, expiresAtMillis: expiry(node, options) }, node.options)
  // What no node would take is refused before anybody is asked.
  const trial = makeRecord()
  if (Result.isFailure(trial)) return yield* trial.failure
  const owners: Owners = new Map()
  const before = yield* versionBefore(node, key, owners, endMillis)
  let newer = before.version
  for (let stamp = 1;; stamp++) {
    const fault = newer === undefined ? undefined : node.observe(newer)
    if (fault !== undefined) return yield* fault
    const made = makeRecord()
    if (Result.isFailure(made)) return yield* made.failure
    const record = made.success
    newer = yield* store(node, record, owners, quorum, Math.max(0, endMillis - node.uptimeMillis()))
    // What a quorum did not have before was written meanwhile: this one comes before it, and was replaced there.
    if (newer === undefined || before.isKnown || stamp === maxStamps) return record.version
  }
})

/**
 * The newest version that a read would find now. A write that is above it comes behind all that were acknowledged
 * before it began, whatever the clocks say (Attiya, Bar-Noy, Dolev, JACM 1995; with many writers, Lynch and
 * Shvartsman, FTCS 1997). It is not known where too few placements answer in half of the time, nor in half of what is
 * left then: a process that stood still has its answers a moment after that, and a write that is stamped without knowing
 * them, and anew when it meets a newer version, may be seen twice.
 */
const versionBefore = Effect.fnUntraced(function*(
  node: ChordNode,
  key: string,
  owners: Owners,
  endMillis: number
): Effect.fn.Return<{ readonly version: Version.Version | undefined; readonly isKnown: boolean }> {
  let version: Version.Version | undefined
  const askOne = (position: bigint) =>
    Effect.map(versionAt(node, position, key, owners), (found) => {
      if (found !== undefined) version = Version.max(version, found)
    })
  for (let tries = 0; tries < maxVersionTries; tries++) {
    const answered = yield* Effect.timeoutOption(
      ask(node, orderOf(node, key), node.options.readQuorum, askOne),
      Math.max(0, (endMillis - node.uptimeMillis()) / 2)
    )
    if (Option.getOrElse(answered, () => false)) return { version, isKnown: true }
  }
  return { version, isKnown: false }
})

/** How often placements are asked for their versions. */
const maxVersionTries = 2

/** The placements of a key, from one that is drawn on. */
const orderOf = (node: ChordNode, key: string): ReadonlyArray<bigint> => {
  const { positions } = node.services.placement.of(key)
  const start = Math.floor(node.chance() * positions.length)
  return positions.map((_, index) => positions[(start + index) % positions.length]!)
}

/** A placement that takes longer to answer than nearly all do: another one is asked, too. */
const hedgeMillis = 2000

/** Asks placements, one more for each that fails, until as many as are wanted have answered; gives whether they did. */
const ask = <E>(
  node: ChordNode,
  positions: ReadonlyArray<bigint>,
  wanted: number,
  askOne: (position: bigint) => Effect.Effect<void, E>
): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const end = Deferred.makeUnsafe<boolean>()
    const left = [...positions]
    const fibers: Array<Fiber.Fiber<void>> = []
    let answered = 0
    // All of the first ones at once: one that ends as it starts is not the last of them.
    let running = Math.min(wanted, positions.length)
    const over = (): void => {
      if (--running === 0 || answered >= wanted) Deferred.doneUnsafe(end, Effect.succeed(answered >= wanted))
    }
    /** One placement after the other, until one answers. */
    const work: Effect.Effect<void> = Effect.suspend(() => {
      const position = left.shift()
      if (position === undefined) return Effect.sync(over)
      return Effect.matchEffect(askOne(position), {
        onFailure: () => work,
        onSuccess: () =>
          Effect.sync(() => {
            answered++
            over()
          })
      })
    })
    const start = (): void => void fibers.push(node.services.run(work))
    const hedge: Effect.Effect<void> = Effect.suspend(() => {
      if (left.length === 0) return Effect.void
      return Effect.andThen(Effect.sleep(hedgeMillis), () => {
        if (left.length > 0) {
          running++
          start()
        }
        return hedge
      })
    })
    if (running === 0) return Effect.succeed(wanted === 0)
    for (let count = running; count > 0; count--) start()
    if (left.length > 0) fibers.push(node.services.run(hedge))
    return Effect.ensuring(
      Deferred.await(end),
      Effect.sync(() => {
        for (const fiber of fibers) fiber.interruptUnsafe()
      })
    )
  })

const expiry = (node: ChordNode, { ttl }: WriteOptions): number | undefined =>
  ttl === undefined ? undefined : node.nowMillis() + Duration.toMillis(ttl)

/** Stores a record until a quorum has it, or a newer one; gives the newest that was met. */
const store = Effect.fnUntraced(function*(
  node: ChordNode,
  record: Record.Record,
  owners: Owners,
  quorum: number,
  withinMillis: number
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
    if (placed !== undefined && placed.copies >= Math.min(2, placed.wanted)) reached++
    else {causes.push(
        Result.isFailure(outcome)
          ? describe(outcome.failure)
          : "the node that answers when the owner does not took no copy"
      )}
    if (reached >= quorum) Deferred.doneUnsafe(done, Effect.succeed(newer))
    else if (reached + openCount < quorum) {
      Deferred.doneUnsafe(done, Effect.fail(new QuorumError({ operation: "write", wanted: quorum, reached, causes })))
    }
  }
  // Those that are not waited for go on: the more placements, the safer.
  for (const position of positions) {
    node.services.run(Effect.map(Effect.result(storeAt(node, position, record, owners)), settle))
  }
  return yield* within(
    "write",
    withinMillis,
    Deferred.await(done),
    () => ({ wanted: quorum, reached, causes })
  )
})

/** Asks a quorum of placements, and all of them when they do not agree, or have nothing: others may have it still. */
export const read = Effect.fnUntraced(function*(
  node: ChordNode,
  key: string,
  options: ReadOptions
): Effect.fn.Return<Found, QuorumError> {
  node.counters.gets++
  const quorum = options.quorum ?? node.options.readQuorum
  const timeoutMillis = Duration.toMillis(options.timeout ?? node.options.operationTimeout)
  const endMillis = node.uptimeMillis() + timeoutMillis
  const order = orderOf(node, key)
  const causes: Array<string> = []
  const answers = new Map<bigint, Record.Record | undefined>()
  const askOne = (position: bigint) =>
    recordAt(node, position, key).pipe(
      Effect.map((record) => void answers.set(position, record)),
      Effect.tapError((failure) => Effect.sync(() => causes.push(describe(failure))))
    )
  const both = Effect.gen(function*() {
    const isEnough = yield* ask(node, order, quorum, askOne)
    const others = order.filter((position) => !answers.has(position))
    if (isEnough && !isAgreed([...answers.values()])) yield* ask(node, others, others.length, askOne)
  })
  yield* within(
    "read",
    timeoutMillis,
    both,
    () => ({ wanted: quorum, reached: answers.size, causes })
  )
  const found = newest(answers.values())
  if (answers.size < quorum && (found === undefined || options.fallback === false)) {
    return yield* new QuorumError({ operation: "read", wanted: quorum, reached: answers.size, causes })
  }
  const behind = found === undefined ? [] : [...answers].filter(([, answer]) => !isSame(answer, found))
  const holders = answers.size - behind.length
  if (found !== undefined && behind.length > 0 && node.observe(found.version) === undefined) {
    node.counters.readRepairs += behind.length
    // So many that any other quorum meets one of them. What fewer than a majority told is promised to nobody.
    const wanted = order.length - quorum + 1
    const isSure = answers.size >= quorum && quorum >= wanted
    if (isSure && holders < wanted && !Record.isExpired(found, node.nowMillis())) {
      yield* bringToQuorum(node, found, wanted, endMillis, options)
    } else bringTo(node, found, behind)
  }
  return { record: found, holders, asked: answers.size }
})

/** Brings placements that were behind up to date, without waiting for it. */
const bringTo = (
  node: ChordNode,
  record: Record.Record,
  behind: ReadonlyArray<readonly [position: bigint, answer: Record.Record | undefined]>
): void => {
  node.services.run(Effect.forEach(behind, ([position]) => Effect.ignore(storeAt(node, position, record)), {
    discard: true
  }))
}

/**
 * Waits until so many placements have what a read is about to give that no later read can miss it: the write may have
 * failed, or be under way (the second phase of a read of Attiya, Bar-Noy, Dolev).
 */
const bringToQuorum = (
  node: ChordNode,
  record: Record.Record,
  wanted: number,
  endMillis: number,
  { fallback }: ReadOptions
): Effect.Effect<void, QuorumError> =>
  store(node, record, new Map(), wanted, Math.max(0, endMillis - node.uptimeMillis())).pipe(
    Effect.asVoid,
    Effect.catch(({ causes, reached }) =>
      fallback === false ? Effect.fail(new QuorumError({ operation: "read", wanted, reached, causes })) : Effect.void
    )
  )

const isSame = (one: Record.Record | undefined, other: Record.Record): boolean =>
  one !== undefined && Record.compare(one, other) === 0

const isAgreed = ([first, ...rest]: ReadonlyArray<Record.Record | undefined>): boolean =>
  first !== undefined && rest.every((other) => isSame(other, first))

const newest = (records: Iterable<Record.Record | undefined>): Record.Record | undefined => {
  let found: Record.Record | undefined
  for (const record of records) {
    if (record !== undefined) found = found === undefined ? record : Record.merge(found, record)
  }
  return found
}

/** Fails when it takes too long, with what was reached until then. */
const within = <A>(
  operation: "read" | "write",
  duration: Duration.Input,
  effect: Effect.Effect<A, QuorumError>,
  progress: () => { readonly wanted: number; readonly reached: number; readonly causes: ReadonlyArray<string> }
): Effect.Effect<A, QuorumError> =>
  Effect.timeoutOrElse(effect, {
    duration,
    orElse: () =>
      Effect.suspend(() => {
        const { causes, ...rest } = progress()
        return Effect.fail(new QuorumError({ operation, ...rest, causes: [...causes, "it took too long"] }))
      })
  })

const describe = (failure: PlacementFailure): string =>
  failure._tag === "CallRefused" ? `${failure.detail} (${failure.tag})` : failure.message
