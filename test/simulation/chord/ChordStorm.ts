/**
 * A ring in a storm: clients read, write and delete the same keys at nodes drawn by chance while faults
 * are played, and when peace has come the ring must become what it should be, and every answer must
 * have been what the contract of the dictionary allows (`Chord/Record.ts`).
 *
 * A node's share outlives it, as a disk does, so no fault may cost an acknowledged write. While the
 * network is torn both sides go on with what they have; that reads are never stale is therefore asked
 * of a storm only where it says `isStrict`, and of all reads after it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Chord } from "../../../src/Chord/Chord.ts"
import type { ChordOptions } from "../../../src/Chord/ChordConfig.ts"
import { ChordStorage } from "../../../src/Chord/ChordStorage.ts"
import * as Invariant from "../../../src/Chord/Invariant.ts"
import * as MemoryChord from "../../../src/Layers/MemoryChord.ts"
import { ChordObserver } from "../../../src/Layers/Simulation/Chord/ChordObserver.ts"
import { describe, type FaultSchedule } from "../../../src/Layers/Simulation/Fault.ts"
import * as Faults from "../../../src/Layers/Simulation/Faults.ts"
import { rounded } from "../../../src/Layers/Simulation/Figures.ts"
import type { Simulation } from "../../../src/Layers/Simulation/Simulation.ts"
import * as Simulations from "../../../src/Layers/Simulation/Simulation.ts"
import {
  InvariantViolated,
  type LeftBehind,
  type NodeNameError,
  type NodeStartError
} from "../../../src/Layers/Simulation/SimulationError.ts"
import { exponential } from "../../../src/Transport/Latency.ts"
import type { ListenError } from "../../../src/Transport/Transport.ts"
import { type Answer, type Call, History, type Operation } from "./History.ts"
import * as HistoryCheck from "./HistoryCheck.ts"
import * as HistoryViolation from "./HistoryViolation.ts"

/**
 * The storm.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChordStorm {
  readonly nodes: number
  readonly seed: string
  /** How long clients work and faults happen, in virtual seconds. */
  readonly durationSeconds: number
  /** A schedule, or how many faults are drawn from the seed. */
  readonly faults: number | FaultSchedule
  /** Clients that work at the same time, each on whatever node. */
  readonly clients: number
  /** Keys that they share. */
  readonly keys: number
  /** The mean time from one node to another, in milliseconds; exponentially distributed. */
  readonly latencyMillis: number
  /** Whether reads may not be stale in the storm either: for schedules that do not tear the ring. Default false. */
  readonly isStrict?: boolean | undefined
  /** Whether a node that crashes loses its share. Default false: it is on a disk. */
  readonly isForgetful?: boolean | undefined
  /** What is set otherwise than by default in each node. */
  readonly settings?: Partial<Omit<ChordOptions, "announce" | "bootstrap" | "listen">> | undefined
}

/**
 * What came of a storm that broke nothing.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChordStormFigures {
  readonly operations: number
  /** Operations that failed, or were never answered. */
  readonly operationsFailed: number
  /** From the end of the faults until the ring was ideal. */
  readonly settleSeconds: number
  readonly virtualSeconds: number
  /** The fingerprint of the trace. */
  readonly hash: string
}

/**
 * Why a storm did not come to its end.
 *
 * @category errors
 * @since 0.1.0
 */
export type ChordStormError = InvariantViolated | LeftBehind | ListenError | NodeNameError | NodeStartError

/** Rounds that are short, so that a storm needs little virtual time. */
const settings = {
  stabilizeInterval: "3 seconds",
  fingerInterval: "5 seconds",
  repairInterval: "5 seconds",
  probeInterval: "5 seconds",
  operationTimeout: "15 seconds"
} as const

/** Names that a starting node is told; more than any one fault hits. */
const bootstrapCount = 4
const startMillis = 500
/** The longest a ring may take to become ideal after the last fault, in seconds. */
const maxSettleSeconds = 300
/** Then: the time in which the copies must have become the same, in seconds. */
const convergeSeconds = 40
/** The mean pause of a client between two operations, in milliseconds. */
const pauseMillis = 1500

/**
 * Runs a storm to its end; synchronous.
 *
 * @category running
 * @since 0.1.0
 */
const run = (storm: ChordStorm): Exit.Exit<ChordStormFigures, ChordStormError> =>
  Simulations.run({
    seed: storm.seed,
    latency: exponential(storm.latencyMillis),
    startMillis: 1e12,
    maxTraceEvents: 0
  }, (simulation, clock) => new Play(storm, simulation, new ChordObserver(clock)).run())

/**
 * The faults of a storm.
 *
 * @category conversions
 * @since 0.1.0
 */
const scheduleOf = ({ durationSeconds, faults, isStrict, nodes, seed }: ChordStorm): FaultSchedule => {
  if (typeof faults !== "number") return faults
  const schedule = Faults.random({
    seed,
    nodes: namesOf(nodes),
    count: faults,
    fromMillis: 0,
    toMillis: 1000 * durationSeconds,
    maxForMillis: 40_000
  })
  return isStrict === true ? bearable(schedule) : schedule
}

/** Those faults of a schedule that the dictionary promises to hide: one node out at a time, and time to repair. */
const bearable = (schedule: FaultSchedule): FaultSchedule => {
  let freeMillis = 0
  return schedule.filter(({ atMillis, fault, forMillis }) => {
    if (fault._tag === "Reset" || fault._tag === "Skew" || fault._tag === "Weather") return true
    if (fault._tag === "Partition" || atMillis < freeMillis) return false
    freeMillis = atMillis + forMillis + repairMillis
    return true
  })
}

/** The time in which a ring recovers from the loss of one node. */
const repairMillis = 20_000

const namesOf = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, index) => `${index}`)

/** One run of a storm. */
class Play {
  readonly #storm: ChordStorm
  readonly #simulation: Simulation
  readonly #observer: ChordObserver
  readonly #history = new History()
  readonly #keys: ReadonlyArray<string>
  readonly #shares = new Map<string, ChordStorage["Service"]>()
  readonly #names: ReadonlyArray<string>

  constructor(storm: ChordStorm, simulation: Simulation, observer: ChordObserver) {
    this.#storm = storm
    this.#simulation = simulation
    this.#observer = observer
    this.#names = namesOf(storm.nodes)
    this.#keys = Array.from({ length: storm.keys }, (_, index) => `key ${index}`)
  }

  readonly run = Effect.fnUntraced(function*(
    this: Play
  ): Effect.fn.Return<ChordStormFigures, ChordStormError, Scope.Scope> {
    for (const name of this.#names) {
      yield* this.#startNode(name)
      yield* Effect.sleep(startMillis)
    }
    yield* this.#untilIdeal("becomes ideal")
    const stormMillis = yield* Clock.currentTimeMillis
    const clients = Array.from(
      { length: this.#storm.clients },
      (_, index) => this.#work(`client ${index}`, stormMillis)
    )
    yield* Effect.all([Faults.play(this.#simulation, scheduleOf(this.#storm)), ...clients], {
      concurrency: "unbounded",
      discard: true
    })
    const settleSeconds = yield* this.#untilIdeal("becomes ideal again")
    yield* Effect.sleep(1000 * convergeSeconds)
    yield* this.#readAll()
    const { operations } = this.#history
    yield* this.#check(operations, yield* Clock.currentTimeMillis)
    return {
      operations: operations.length,
      operationsFailed: operations.filter((one) => one.outcome !== "acknowledged").length,
      settleSeconds,
      virtualSeconds: rounded(((yield* Clock.currentTimeMillis) - 1e12) / 1000),
      hash: this.#simulation.trace.hash
    }
  }).bind(this)

  readonly #startNode = Effect.fnUntraced(function*(this: Play, host: string) {
    const kept = Layer.effectDiscard(Effect.map(ChordStorage, (share) => this.#shares.set(host, share))).pipe(
      Layer.provideMerge(ChordStorage.layerMemory())
    )
    const share = this.#storm.isForgetful === true ? kept : Layer.succeedContext(yield* Layer.build(kept))
    const node = MemoryChord.layerStorage({
      ...settings,
      ...this.#storm.settings,
      host,
      bootstrap: this.#names.slice(0, bootstrapCount).filter((name) => name !== host).map((name) => `${name}:5555`)
    }).pipe(Layer.provide(Layer.fresh(share)))
    yield* this.#simulation.start(host, this.#observer.watch(host, node))
  }).bind(this)

  readonly #untilIdeal = Effect.fnUntraced(function*(this: Play, invariant: string) {
    for (let seconds = 0; seconds < maxSettleSeconds; seconds++) {
      const snapshot = yield* this.#observer.snapshot
      const isComplete = snapshot.members.length >= this.#storm.nodes
      if (isComplete && Invariant.isIdeal(snapshot)) return seconds
      yield* Effect.sleep("1 second")
    }
    const snapshot = yield* this.#observer.snapshot
    const astray = Invariant.astray(snapshot).map((contact) => contact.address.host).join(", ")
    return yield* this.#violated(invariant, `${snapshot.members.length} members, of which these are astray: ${astray}`)
  }).bind(this)

  /** What one client does until the storm is over, one thing after the other. */
  readonly #work = Effect.fnUntraced(function*(this: Play, client: string, stormMillis: number) {
    const endMillis = stormMillis + 1000 * this.#storm.durationSeconds
    for (let count = 0;; count++) {
      yield* Effect.sleep(-pauseMillis * Math.log(1 - (yield* Random.next)))
      if ((yield* Clock.currentTimeMillis) >= endMillis) return
      const alive = [...this.#observer.nodes.values()]
      if (alive.length === 0) continue
      const { chord } = alive[Math.floor((yield* Random.next) * alive.length)]!
      const key = this.#keys[Math.floor((yield* Random.next) * this.#keys.length)]!
      const chance = yield* Random.next
      const kind = chance < 0.5 ? "get" : chance < 0.9 ? "set" : "delete"
      const value = kind === "set" ? `${client}, ${count}` : undefined
      yield* Effect.ignore(this.#carryOut(chord, { client, kind, key, value }))
    }
  }).bind(this)

  #carryOut(chord: Chord["Service"], call: Call): Effect.Effect<unknown, unknown> {
    if (call.kind === "get") return this.#history.track(call, chord.get(call.key), readAnswer)
    const write = call.value === undefined ? chord.delete(call.key) : chord.set(call.key, call.value)
    return this.#history.track(call, write, (version) => ({ version }))
  }

  /** Every node reads every key, when all is calm. */
  readonly #readAll = Effect.fnUntraced(function*(this: Play) {
    for (const { chord, name } of this.#observer.nodes.values()) {
      yield* Effect.forEach(
        this.#keys,
        (key, index) =>
          Effect.ignore(this.#carryOut(chord, { client: `${lastReader} ${name} ${index}`, kind: "get", key })),
        { concurrency: 4, discard: true }
      )
    }
  }).bind(this)

  readonly #check = Effect.fnUntraced(function*(this: Play, operations: ReadonlyArray<Operation>, nowMillis: number) {
    const unanswered = operations.find((one) => one.client.startsWith(lastReader) && one.outcome !== "acknowledged")
    if (unanswered !== undefined) {
      return yield* this.#violated("answers in peace", `"${unanswered.key}" cannot be read by ${unanswered.client}`)
    }
    const options = { nowMillis, writeOrder: this.#storm.isStrict === true }
    const replicas = Array.from(this.#shares, ([name, share]) => ({ name, records: share.records() }))
    const found = [
      ...HistoryCheck.check(operations, options).filter((violation) => this.#counts(violation)),
      ...HistoryCheck.checkReplicas(replicas, operations, options)
    ]
    const [first] = found
    if (first !== undefined) return yield* this.#violated(first._tag, HistoryViolation.describe(first))
  }).bind(this)

  /** While the ring is torn, reads may be of what one side knows. */
  #counts(violation: HistoryViolation.Violation): boolean {
    if (this.#storm.isStrict === true || !("read" in violation)) return true
    return violation._tag === "PhantomRead" || violation.read.client.startsWith(lastReader)
  }

  #violated(invariant: string, detail: string): Effect.Effect<never, InvariantViolated> {
    return Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => Effect.fail(new InvariantViolated({ invariant, detail, atMillis: now - 1e12, seed: this.#storm.seed }))
    )
  }
}

const lastReader = "reader at"

/**
 * What is read is known by its value, of which each is written once. Its version does not tell the write:
 * one that met a newer version was stamped anew, and may be found with either stamp.
 */
const readAnswer = (value: Option.Option<string>): Answer => ({ value: Option.getOrUndefined(value) })

/**
 * What a storm came to: its figures, or what it breaks and with which faults.
 *
 * @category models
 * @since 0.1.0
 */
export type StormResult =
  | { readonly _tag: "Held"; readonly figures: ChordStormFigures }
  | StormFailure

/**
 * A schedule of faults that breaks something.
 *
 * @category models
 * @since 0.1.0
 */
export interface StormFailure {
  readonly _tag: "Failed"
  readonly storm: ChordStorm
  readonly violation: InvariantViolated
  /** The faults that are needed; the others were left out. */
  readonly shortest: FaultSchedule
}

/**
 * Runs a storm; shortens its schedule if it breaks something, in `maxRuns` runs at most (default 40).
 * Throws what is no broken invariant.
 *
 * @category running
 * @since 0.1.0
 */
export const search = (storm: ChordStorm, maxRuns = 40): StormResult => {
  const found = outcomeOf(storm)
  if (!(found instanceof InvariantViolated)) return { _tag: "Held", figures: found }
  const shortest = Faults.shrink(scheduleOf(storm), (faults) => {
    try {
      const again = outcomeOf({ ...storm, faults })
      return again instanceof InvariantViolated && again.invariant === found.invariant
    } catch {
      // It fails in another way, which must not cost what was found.
      return false
    }
  }, maxRuns)
  return { _tag: "Failed", storm, violation: found, shortest }
}

const outcomeOf = (storm: ChordStorm): ChordStormFigures | InvariantViolated => {
  const exit = run(storm)
  if (Exit.isSuccess(exit)) return exit.value
  const error = Exit.findErrorOption(exit)
  if (error._tag === "Some" && error.value instanceof InvariantViolated) return error.value
  throw new Error(`seed "${storm.seed}" did not run: ${exit.cause}`)
}

/**
 * What was found, for a person: what broke, and with which faults.
 *
 * @category encoding
 * @since 0.1.0
 */
export const explain = ({ shortest, storm, violation }: StormFailure): string =>
  [
    violation.message,
    `the faults that are needed, ${shortest.length} of ${scheduleOf(storm).length}:`,
    describe(shortest).replace(/^/gm, "  "),
    `in a storm of ${JSON.stringify({ ...storm, faults: shortest })}`
  ].join("\n")
