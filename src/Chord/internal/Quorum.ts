/**
 * Reads and writes of keys over their five placements: a write takes a version above all that a quorum has, and counts
 * when a quorum has stored it; a read asks as many and believes the newest version. Any two quorums of three meet in a
 * placement.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { QuorumError } from "../ChordError.ts"
import type { ReadOptions, WriteError, WriteOptions } from "../ChordOperation.ts"
import * as Record from "../Record.ts"
import * as Version from "../Version.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Deadline } from "./Deadlines.ts"
import type { Key } from "./Keys.ts"
import { type Owners, type PlacementFailure, recordAt, storeAt, versionAt } from "./Placements.ts"
import type { Placed } from "./Share.ts"
import { type Cancel, follow, type Start, toEffect } from "./Start.ts"

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

/** Writes a value, or a tombstone, until `endMillis` of `uptimeMillis`; gives its version. */
export const write = Effect.fnUntraced(function*(
  node: ChordNode,
  key: string,
  value: Uint8Array | undefined,
  options: WriteOptions,
  endMillis: number
): Effect.fn.Return<Version.Version, WriteError> {
  const quorum = options.quorum ?? node.options.writeQuorum
  const makeRecord = (key: string, version: Version.Version) =>
    Record.make({ key, version, value, expiresAtMillis: expiry(node, options) }, node.options)
  // What no node would take is refused before anybody is asked.
  const trial = makeRecord(key, node.versions.next())
  if (Result.isFailure(trial)) return yield* trial.failure
  const asked = node.keys.of(key)
  const owners: Owners = new Map()
  const before = yield* versionBefore(node, asked, owners, endMillis)
  if (!before.isKnown && before.fault !== undefined) return yield* before.fault
  let newer = before.version
  for (let stamp = 1;; stamp++) {
    if (newer !== undefined) node.versions.observe(newer)
    const made = makeRecord(asked.text, node.versions.above(newer))
    if (Result.isFailure(made)) return yield* made.failure
    const record = made.success
    newer = yield* store(node, asked, record, owners, quorum, endMillis, "write")
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
  key: Key,
  owners: Owners,
  endMillis: number
): Effect.fn.Return<Before> {
  let version: Version.Version | undefined
  let fault: Version.VersionTooFarAhead | undefined
  for (let tries = 0; tries < maxVersionTries; tries++) {
    const now = node.uptimeMillis()
    const ended = yield* ask(node, {
      placements: orderOf(node, key),
      wanted: node.options.readQuorum,
      endMillis: now + Math.max(0, (endMillis - now) / 2),
      askOne: (position) => versionAt(node, position, key, owners),
      onAnswer: (_, found) => {
        if (found !== undefined) version = Version.max(version, found)
      },
      onFailure: (failure) => {
        if (failure._tag === "VersionTooFarAhead") fault = failure
      }
    })
    if (ended === "Enough") return { version, isKnown: true, fault }
  }
  return { version, isKnown: false, fault }
})

interface Before {
  readonly version: Version.Version | undefined
  readonly isKnown: boolean
  /** Of a placement whose version lies too far ahead. */
  readonly fault: Version.VersionTooFarAhead | undefined
}

/** How often placements are asked for their versions. */
const maxVersionTries = 2

/** One of the five. On a ring of few positions several of a key may have the same, and count all the same. */
interface Placement {
  readonly position: bigint
}

/** The placements of a key, from one that is drawn on. */
const orderOf = (node: ChordNode, { positions }: Key): ReadonlyArray<Placement> => {
  const start = Math.floor(node.chance() * positions.length)
  return positions.map((_, index) => ({ position: positions[(start + index) % positions.length]! }))
}

/** A placement that takes longer to answer than nearly all do: another one is asked, too. */
const hedgeMillis = 2000

/** Whether as many as were wanted have answered, or all have been asked, or it took too long. */
type Ended = "Enough" | "Few" | "Late"

interface Asking<A> {
  readonly placements: ReadonlyArray<Placement>
  readonly wanted: number
  readonly endMillis: number
  readonly askOne: (position: bigint) => Start<A, PlacementFailure>
  readonly onAnswer: (placement: Placement, answer: A) => void
  readonly onFailure?: (failure: PlacementFailure) => void
}

/** Asks placements, one more for each that fails or takes its time, until as many as are wanted have answered. */
const ask = <A>(node: ChordNode, asking: Asking<A>): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const { askOne, endMillis, onAnswer, onFailure, placements, wanted } = asking
    const cancels: Array<Cancel> = []
    let deadline: Deadline | undefined
    let asked = 0
    let answered = 0
    // All of the first ones at once: one that ends as it starts is not the last of them.
    let running = Math.min(wanted, placements.length)
    let isOver = false
    const stop = (): void => {
      isOver = true
      if (deadline !== undefined) node.deadlines.delete(deadline)
      for (const cancel of cancels) cancel()
    }
    const end = (ended: Ended): void => {
      if (isOver) return
      stop()
      resume(Effect.succeed(ended))
    }
    const rest = (): void => {
      running--
      if (answered >= wanted) end("Enough")
      else if (running === 0) end("Few")
    }
    const askNext = (): void => {
      const placement = placements[asked++]
      if (placement === undefined) return rest()
      cancels.push(follow(askOne(placement.position), node.services.run, (exit) => {
        if (Exit.isFailure(exit)) {
          const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          if (failure !== undefined) onFailure?.(failure)
          return askNext()
        }
        onAnswer(placement, exit.value)
        answered++
        rest()
      }))
    }
    const setDeadline = (): void => {
      const hedgeAtMillis = asked < placements.length ? node.uptimeMillis() + hedgeMillis : endMillis
      node.deadlines.add(deadline = { atMillis: Math.min(hedgeAtMillis, endMillis), ring })
    }
    const ring = (): void => {
      if (deadline!.atMillis >= endMillis) return end("Late")
      running++
      askNext()
      if (!isOver) setDeadline()
    }
    if (running === 0) return end(wanted === 0 ? "Enough" : "Few")
    for (let count = running; count > 0; count--) askNext()
    if (!isOver) setDeadline()
    return Effect.sync(stop)
  })

const expiry = (node: ChordNode, { ttl }: WriteOptions): number | undefined => {
  const millis = ttl === undefined ? Number.POSITIVE_INFINITY : Duration.toMillis(ttl)
  if (millis === Number.POSITIVE_INFINITY) return undefined
  return Math.min(Math.max(0, node.nowMillis() + millis), Version.maxMillis)
}

/** Stores a record until a quorum has it, or a newer one; gives the newest that was met. */
const store = (
  node: ChordNode,
  { positions }: Key,
  record: Record.Record,
  owners: Owners,
  quorum: number,
  endMillis: number,
  operation: QuorumError["operation"]
): Effect.Effect<Version.Version | undefined, QuorumError> =>
  Effect.callback((resume) => {
    const causes: Array<string> = []
    let reached = 0
    let newer: Version.Version | undefined
    let openCount = positions.length
    const fail = (...more: ReadonlyArray<string>): void =>
      end(Effect.fail(new QuorumError({ operation, wanted: quorum, reached, causes: [...causes, ...more] })))
    const deadline: Deadline = { atMillis: endMillis, ring: () => fail(late) }
    const end = (outcome: Effect.Effect<Version.Version | undefined, QuorumError>): void => {
      node.deadlines.delete(deadline)
      resume(outcome)
    }
    const settle = (exit: Exit.Exit<Placed, PlacementFailure>): void => {
      openCount--
      const placed = Exit.isSuccess(exit) ? exit.value : undefined
      if (placed?.newer !== undefined) newer = Version.max(newer, placed.newer)
      if (placed !== undefined && placed.copies >= Math.min(2, placed.wanted)) reached++
      else causes.push(Exit.isFailure(exit) ? describe(exit.cause) : noCopy)
      if (reached >= quorum) end(Effect.succeed(newer))
      else if (reached + openCount < quorum) fail()
    }
    node.deadlines.add(deadline)
    // Those that are not waited for go on: the more placements, the safer.
    for (const position of positions) follow(storeAt(node, position, record, owners), node.services.run, settle)
    return Effect.sync(() => node.deadlines.delete(deadline))
  })

const late = "it took too long"
const noCopy = "the node that answers when the owner does not took no copy"

/**
 * Asks a quorum of placements, and all of them when they do not agree, or have nothing: others may have it still. Until
 * `endMillis` of `uptimeMillis`.
 */
export const read = Effect.fnUntraced(function*(
  node: ChordNode,
  key: string,
  options: ReadOptions,
  endMillis: number
): Effect.fn.Return<Found, QuorumError> {
  const quorum = options.quorum ?? node.options.readQuorum
  const asked = node.keys.of(key)
  const order = orderOf(node, asked)
  const causes: Array<string> = []
  const answers = new Map<Placement, Record.Record | undefined>()
  const askThese = (placements: ReadonlyArray<Placement>, wanted: number) =>
    ask(node, {
      placements,
      wanted,
      endMillis,
      askOne: (position) => recordAt(node, position, asked),
      onAnswer: (placement, record) => void answers.set(placement, record),
      onFailure: (failure) => void causes.push(describeOne(failure))
    })
  let ended = yield* askThese(order, quorum)
  if (ended === "Enough" && !isAgreed([...answers.values()], node.nowMillis())) {
    const others = order.filter((placement) => !answers.has(placement))
    ended = yield* askThese(others, others.length)
  }
  if (ended === "Late") causes.push(late)
  const found = newest(answers.values(), node.nowMillis())
  const isFew = answers.size < quorum && (found === undefined || options.fallback === false)
  if (ended === "Late" || isFew) {
    return yield* new QuorumError({ operation: "read", wanted: quorum, reached: answers.size, causes })
  }
  const behind = found === undefined ? [] : [...answers].filter(([, answer]) => !isSame(answer, found))
  const holders = answers.size - behind.length
  if (found !== undefined && behind.length > 0) {
    node.versions.observe(found.version)
    node.counters.readRepairs += behind.length
    // So many that any other quorum meets one of them. What fewer than a majority told is promised to nobody.
    const wanted = order.length - quorum + 1
    const isSure = answers.size >= quorum && quorum >= wanted
    if (isSure && holders < wanted && !Record.isExpired(found, node.nowMillis())) {
      yield* bringToQuorum(node, asked, found, wanted, endMillis, options)
    } else bringTo(node, found, behind)
  }
  return { record: found, holders, asked: answers.size }
})

/** Brings placements that were behind up to date, without waiting for it. */
const bringTo = (
  node: ChordNode,
  record: Record.Record,
  behind: ReadonlyArray<readonly [placement: Placement, answer: Record.Record | undefined]>
): void => {
  node.services.run(
    Effect.forEach(behind, ([{ position }]) => Effect.ignore(toEffect(storeAt(node, position, record))), {
      discard: true
    })
  )
}

/**
 * Waits until so many placements have what a read is about to give that no later read can miss it: the write may have
 * failed, or be under way (the second phase of a read of Attiya, Bar-Noy, Dolev).
 */
const bringToQuorum = (
  node: ChordNode,
  key: Key,
  record: Record.Record,
  wanted: number,
  endMillis: number,
  { fallback }: ReadOptions
): Effect.Effect<void, QuorumError> =>
  store(node, key, record, new Map(), wanted, endMillis, "read").pipe(
    Effect.asVoid,
    Effect.catch((error) => fallback === false ? Effect.fail(error) : Effect.void)
  )

const isSame = (one: Record.Record | undefined, other: Record.Record): boolean =>
  one !== undefined && Record.compare(one, other) === 0

/** Where all have only what was buried early, others may have the value. */
const isAgreed = ([first, ...rest]: ReadonlyArray<Record.Record | undefined>, nowMillis: number): boolean =>
  first !== undefined && !Record.isBuriedEarly(first, nowMillis) && rest.every((other) => isSame(other, first))

const newest = (records: Iterable<Record.Record | undefined>, nowMillis: number): Record.Record | undefined => {
  let found: Record.Record | undefined
  for (const record of records) {
    if (record !== undefined) found = found === undefined ? record : Record.mergeAt(found, record, nowMillis)
  }
  return found
}

const describe = (cause: Cause.Cause<PlacementFailure>): string => {
  const failure = Option.getOrUndefined(Cause.findErrorOption(cause))
  return failure === undefined ? "this node ends" : describeOne(failure)
}

const describeOne = (failure: PlacementFailure): string =>
  failure._tag === "CallRefused" ? `${failure.detail} (${failure.tag})` : failure.message
