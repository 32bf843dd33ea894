/**
 * A ring under load, measured: nodes join, keys are written, looked up and read, nodes crash at once
 * or come and go, and at the end all keys are read again. What `p2p simulate chord` runs; the figures
 * are those of the Chord papers (path length, timeouts, failed lookups, lost keys).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { Chord } from "../../../Chord/Chord.ts"
import { ChordConfig, type ChordOptions } from "../../../Chord/ChordConfig.ts"
import * as Invariant from "../../../Chord/Invariant.ts"
import * as Membership from "../../../Chord/Membership.ts"
import { exponential } from "../../../Transport/Latency.ts"
import { type Given, withDefaults } from "../../../Transport/Settings.ts"
import type { ListenError } from "../../../Transport/Transport.ts"
import * as MemoryChord from "../../MemoryChord.ts"
import { quantile, rounded } from "../Figures.ts"
import { checkScenario } from "../OptionsCheck.ts"
import type { InvariantViolated, LeftBehind, NodeNameError, Simulation } from "../Simulation.ts"
import * as Simulations from "../Simulation.ts"
import type { ChordFigures } from "./ChordFigures.ts"
import { ChordObserver, type ObservedChord } from "./ChordObserver.ts"
import type { ChordTrace } from "./ChordTrace.ts"

export type { ChordFigures } from "./ChordFigures.ts"

/**
 * The scenario.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChordScenario {
  readonly nodes: number
  readonly seed: string
  /** Virtual seconds over which the lookups are spread. */
  readonly durationSeconds: number
  /** Lookups of keys, by nodes drawn by chance. */
  readonly lookups: number
  /** Keys that are written before, and read after. */
  readonly keys: number
  /** The fraction of the nodes, 0 to 1, that crash at once before the first lookup. */
  readonly failFraction: number
  /** A node crashes, and a new one joins, each so many milliseconds on average. Default never. */
  readonly churnMillis?: number | undefined
  /** The chance, 0 to 1, that a send breaks its connection. */
  readonly lossChance: number
  /** The mean time from one node to another, in milliseconds; exponentially distributed. */
  readonly latencyMillis: number
  /** Whether nobody looks after the ring of its own accord from the crash until the lookups are over. Default false. */
  readonly isFrozen?: boolean | undefined
  /** What is set otherwise than by default in each node; its intervals count from when the ring is ideal on. */
  readonly settings?: Given<Omit<ChordOptions, "announce" | "bootstrap" | "listen">> | undefined
  /** Where what happens is recorded, for somebody to look at. */
  readonly trace?: ChordTrace | undefined
  /** Called now and then with the fraction of the lookups that have begun. */
  readonly onProgress?: ((fraction: number) => void) | undefined
}

/**
 * Why a scenario did not come to its end.
 *
 * @category errors
 * @since 0.1.0
 */
export type ChordScenarioError = InvariantViolated | LeftBehind | ListenError | NodeNameError

/** Virtual milliseconds between two starts. */
const startMillis = 100
/** Nodes that a new one is told of: the one that it would join by may crash at that moment. */
const entryCount = 3
/** The rounds of a ring that is being built, in seconds: it is to be ideal soon. */
const buildSeconds = 3
/** Seconds that end no simulation: nothing more of that kind. */
const neverSeconds = 1e7
/** How often, in seconds, it is looked whether the ring is ideal. */
const lookSeconds = 5
/** The longest a ring may take to become ideal, in seconds. */
const maxSettleSeconds = 1800
/** Seconds after the last lookup, so that it ends. */
const lastLookupSeconds = 15
/** Seconds in which the upkeep of an ideal ring is measured. */
const idleSeconds = 60

/**
 * Runs a scenario to its end; synchronous. Throws a `RangeError` for numbers that no scenario can have.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (scenario: ChordScenario): Exit.Exit<ChordFigures, ChordScenarioError> => {
  const { churnMillis, durationSeconds, failFraction, keys, latencyMillis, lookups, lossChance, nodes, seed, trace } =
    scenario
  checkScenario({
    nodes: { nodes },
    counts: { keys, lookups },
    chances: { failFraction, lossChance },
    amounts: { durationSeconds, latencyMillis },
    churnMillis
  })
  return Simulations.run({
    seed,
    latency: exponential(latencyMillis),
    lossChance: 0,
    maxTraceEvents: 0,
    maxDuration: Number.POSITIVE_INFINITY,
    onEvent: trace === undefined ? undefined : (event) => trace.recordFault(event)
  }, (simulation, clock) => new Play(scenario, simulation, new ChordObserver(clock, trace)).run())
}

interface Sought {
  readonly hops: number
  readonly timeouts: number
  readonly millis: number
}

/** One run of a scenario. */
class Play {
  readonly #scenario: ChordScenario
  readonly #simulation: Simulation
  readonly #observer: ChordObserver
  readonly #found: Array<Sought> = []
  #lookupCount = 0
  #failedCount = 0
  #startCount = 0
  #violationCount = 0
  #healSeconds: number | null = null
  #neighborsHealSeconds: number | null = null
  /** Of a node in a second, at rest. */
  #idle = { sends: 0, messages: 0 }
  /** The nodes read these at each round. */
  readonly #stabilizeInterval = { seconds: buildSeconds }
  readonly #fingerInterval = { seconds: buildSeconds }

  constructor(scenario: ChordScenario, simulation: Simulation, observer: ChordObserver) {
    this.#scenario = scenario
    this.#simulation = simulation
    this.#observer = observer
  }

  readonly run = Effect.fnUntraced(function*(
    this: Play
  ): Effect.fn.Return<ChordFigures, ChordScenarioError, Scope.Scope> {
    const { churnMillis, failFraction, isFrozen = false, keys, lossChance, nodes } = this.#scenario
    for (let index = 0; index < nodes; index++) {
      yield* this.#startNode()
      yield* Effect.sleep(startMillis)
    }
    yield* this.#untilIdeal()
    yield* this.#setIntervals(this.#scenario.settings)
    const upkeep = yield* this.#rest()
    const set = yield* this.#cost(this.#writeKeys())
    yield* this.#simulation.network.setConditions({ lossChance })
    yield* this.#observer.census
    if (isFrozen) yield* this.#setIntervals(frozen)
    const healing = failFraction > 0 ? yield* this.#crashSome(failFraction) : undefined
    if (churnMillis !== undefined) yield* Effect.forkScoped(this.#churn(churnMillis))
    const isProven = churnMillis === undefined && failFraction === 0
    yield* Effect.forkScoped(this.#watchInvariant(isProven))
    const busyMessagesPerNodeSecond = yield* this.#lookUp()
    if (healing !== undefined) yield* Fiber.join(healing)
    yield* this.#simulation.network.setConditions({ lossChance: 0 })
    const { cost: get, lost, unreadable } = yield* this.#readKeys()
    const snapshot = yield* this.#observer.snapshot
    this.#scenario.trace?.end()
    return {
      nodes,
      seed: this.#scenario.seed,
      virtualSeconds: rounded((yield* Clock.currentTimeMillis) / 1000),
      hash: this.#simulation.trace.hash,
      ...this.#lookupFigures(),
      keys,
      keysLost: lost,
      keysUnreadable: unreadable,
      invariantViolations: this.#violationCount + countBroken(snapshot, isProven),
      isIdeal: Invariant.isIdeal(snapshot),
      healSeconds: this.#healSeconds,
      neighborsHealSeconds: this.#neighborsHealSeconds,
      ...upkeep,
      busyMessagesPerNodeSecond,
      messagesPerSet: set.messages,
      messagesPerGet: get.messages,
      sendsPerSet: set.sends,
      sendsPerGet: get.sends
    }
  }).bind(this)

  readonly #startNode = Effect.fnUntraced(function*(this: Play) {
    const host = `${this.#startCount++}`
    const entries = yield* this.#someNodes(entryCount)
    const layer = MemoryChord.layerTransport({
      ...this.#scenario.settings,
      stabilizeInterval: this.#stabilizeInterval,
      fingerInterval: this.#fingerInterval,
      host,
      bootstrap: entries.map(({ chord }) => chord.address)
    })
    return Context.get(yield* this.#simulation.start(host, this.#observer.watch(host, layer)), Chord)
  }).bind(this)

  /** Rounds of another length from now on: waits until those that have begun are over. */
  readonly #setIntervals = Effect.fnUntraced(function*(
    this: Play,
    intervals: Given<Pick<ChordOptions, "fingerInterval" | "stabilizeInterval">> = {}
  ) {
    const { fingerInterval, stabilizeInterval } = withDefaults(ChordConfig.defaults, intervals)
    const longest = Math.max(this.#stabilizeInterval.seconds, this.#fingerInterval.seconds)
    this.#stabilizeInterval.seconds = Duration.toSeconds(stabilizeInterval)
    this.#fingerInterval.seconds = Duration.toSeconds(fingerInterval)
    yield* Effect.sleep(1500 * longest)
  }).bind(this)

  /** Keys that are written or read at a time: one for ten nodes, or the upkeep meanwhile would cost the most. */
  get #concurrency(): number {
    return Math.max(16, Math.floor(this.#scenario.nodes / 10))
  }

  /** What an action costs for one key, beside the upkeep. */
  readonly #cost = Effect.fnUntraced(function*(this: Play, action: Effect.Effect<void>) {
    const before = yield* this.#counts()
    const fromMillis = yield* Clock.currentTimeMillis
    yield* action
    const after = yield* this.#counts()
    const seconds = ((yield* Clock.currentTimeMillis) - fromMillis) / 1000
    const nodeSeconds = this.#observer.nodes.size * seconds
    const keys = Math.max(1, this.#scenario.keys)
    return {
      sends: rounded((after.sends - before.sends - this.#idle.sends * nodeSeconds) / keys),
      messages: rounded((after.messages - before.messages - this.#idle.messages * nodeSeconds) / keys)
    }
  }).bind(this)

  #counts() {
    return Effect.map(
      this.#observer.messageCount,
      (messages) => ({ messages, sends: this.#simulation.trace.sendCount })
    )
  }

  /** A living node, drawn by chance. */
  #anyNode(): Effect.Effect<ObservedChord | undefined> {
    return Effect.map(this.#someNodes(1), ([node]) => node)
  }

  /** Up to as many living nodes, drawn by chance. */
  #someNodes(count: number): Effect.Effect<ReadonlyArray<ObservedChord>> {
    const alive = [...this.#observer.nodes.values()]
    const draw = Effect.map(Random.nextIntBetween(0, Math.max(0, alive.length - 1)), (index) => alive[index])
    return Effect.map(
      Effect.replicateEffect(draw, count),
      (drawn) => [...new Set(drawn)].filter((node) => node !== undefined)
    )
  }

  /** Waits until every member knows what it should; gives the seconds that took, or null. */
  #untilIdeal(): Effect.Effect<number | null> {
    return this.#until(Invariant.isIdeal)
  }

  readonly #until = Effect.fnUntraced(function*(
    this: Play,
    isReached: (snapshot: Invariant.Snapshot) => boolean
  ): Effect.fn.Return<number | null> {
    for (let seconds = 0; seconds < maxSettleSeconds; seconds += lookSeconds) {
      const snapshot = yield* this.#observer.snapshot
      const isComplete = snapshot.members.length >= this.#observer.nodes.size
      if (isComplete && isReached(snapshot)) return seconds
      yield* Effect.sleep(1000 * lookSeconds)
    }
    return null
  }).bind(this)

  /** What the upkeep of a ring at rest costs. */
  readonly #rest = Effect.fnUntraced(function*(this: Play) {
    // Fingers are looked up in turn.
    yield* Effect.sleep(1000 * idleSeconds)
    const { sentBytes } = this.#simulation.trace
    const before = yield* this.#counts()
    yield* Effect.sleep(1000 * idleSeconds)
    const after = yield* this.#counts()
    const nodeSeconds = this.#scenario.nodes * idleSeconds
    this.#idle = {
      sends: (after.sends - before.sends) / nodeSeconds,
      messages: (after.messages - before.messages) / nodeSeconds
    }
    return {
      messagesPerNodeSecond: rounded(this.#idle.sends),
      bytesPerNodeSecond: rounded((this.#simulation.trace.sentBytes - sentBytes) / nodeSeconds)
    }
  }).bind(this)

  readonly #writeKeys = Effect.fnUntraced(function*(this: Play) {
    yield* Effect.forEach(
      keysOf(this.#scenario),
      (key) => Effect.flatMap(this.#anyNode(), (node) => Effect.ignore(node!.chord.set(key, valueOf(key)))),
      { concurrency: this.#concurrency, discard: true }
    )
  }).bind(this)

  /** Gives the fiber that waits for the ring to heal, where it may. */
  readonly #crashSome = Effect.fnUntraced(function*(this: Play, fraction: number) {
    const names = [...this.#observer.nodes.keys()]
    for (const name of (yield* Random.shuffle(names)).slice(0, Math.floor(names.length * fraction))) {
      yield* Effect.orDie(this.#simulation.crash(name))
    }
    yield* this.#observer.census
    return this.#scenario.isFrozen === true ? undefined : yield* Effect.forkScoped(this.#heal())
  }).bind(this)

  /** Notes when the neighbors of all are right, and when all that they know is. */
  readonly #heal = Effect.fnUntraced(function*(this: Play) {
    const neighborsSeconds = yield* this.#until((snapshot) => areNeighborsRight(snapshot))
    this.#neighborsHealSeconds = neighborsSeconds
    const seconds = yield* this.#untilIdeal()
    if (neighborsSeconds !== null && seconds !== null) this.#healSeconds = neighborsSeconds + seconds
  }).bind(this)

  /** One ends without a word, one joins, again and again, each in its own time. */
  readonly #churn = Effect.fnUntraced(function*(this: Play, meanMillis: number) {
    while (true) {
      yield* Effect.sleep(-meanMillis * Math.log(1 - (yield* Random.next)))
      const doomed = yield* this.#anyNode()
      if (doomed !== undefined) yield* Effect.orDie(this.#simulation.crash(doomed.name))
      yield* Effect.orDie(this.#startNode())
      yield* this.#observer.census
      // The new one has its place a little later.
      yield* Effect.forkScoped(Effect.delay(this.#observer.census, "1 second"))
      yield* Effect.forkScoped(Effect.delay(this.#observer.census, "3 seconds"))
    }
  }).bind(this)

  /** Counts what is wrong each minute. */
  readonly #watchInvariant = Effect.fnUntraced(function*(this: Play, isProven: boolean) {
    while (true) {
      yield* Effect.sleep("1 minute")
      this.#violationCount += countBroken(yield* this.#observer.snapshot, isProven)
    }
  }).bind(this)

  /** Gives the sends of a node in a second meanwhile. */
  readonly #lookUp = Effect.fnUntraced(function*(this: Play) {
    const { durationSeconds, lookups } = this.#scenario
    const { sendCount } = this.#simulation.trace
    for (let number = 0; number < lookups; number++) {
      yield* Effect.forkScoped(this.#lookUpOne(`sought ${number}`))
      yield* Effect.sleep(1000 * durationSeconds / lookups)
      if (number % 100 === 0) this.#scenario.onProgress?.(number / lookups)
    }
    yield* Effect.sleep(1000 * lastLookupSeconds)
    const nodeSeconds = this.#observer.nodes.size * (durationSeconds + lastLookupSeconds)
    return rounded((this.#simulation.trace.sendCount - sendCount) / nodeSeconds)
  }).bind(this)

  readonly #lookUpOne = Effect.fnUntraced(function*(this: Play, key: string) {
    const node = yield* this.#anyNode()
    if (node === undefined) return
    const start = yield* Clock.currentTimeMillis
    const outcome = yield* Effect.result(node.chord.lookup(key))
    // Who crashed meanwhile is not there to be answered.
    if (!(yield* this.#simulation.running).includes(node.name)) return
    this.#lookupCount++
    const end = yield* Clock.currentTimeMillis
    const found = Result.isSuccess(outcome) ? outcome.success : undefined
    const isRight = found !== undefined &&
      (yield* this.#observer.wasOwner(found.owner.position, found.position, start, end))
    if (!isRight) this.#failedCount++
    if (found !== undefined) this.#found.push({ hops: found.hops, timeouts: found.timeouts, millis: end - start })
  }).bind(this)

  readonly #readKeys = Effect.fnUntraced(function*(this: Play) {
    let lost = 0
    let unreadable = 0
    const readAll = Effect.forEach(keysOf(this.#scenario), (key) =>
      Effect.gen({ self: this }, function*() {
        const outcome = yield* this.#readOne(key)
        if (Result.isFailure(outcome)) unreadable++
        else if (Option.getOrUndefined(outcome.success) !== valueOf(key)) lost++
      }), { concurrency: this.#concurrency, discard: true })
    const cost = yield* this.#cost(readAll)
    return { cost, lost, unreadable }
  }).bind(this)

  /** Where the node crashes that reads, another one does: that says nothing of the key. */
  readonly #readOne = Effect.fnUntraced(function*(this: Play, key: string) {
    while (true) {
      const node = yield* this.#anyNode()
      if (node === undefined) {
        yield* Effect.sleep(startMillis)
        continue
      }
      const outcome = yield* Effect.result(node.chord.get(key))
      if (Result.isSuccess(outcome) || (yield* this.#simulation.running).includes(node.name)) return outcome
    }
  }).bind(this)

  #lookupFigures() {
    const hops = Float64Array.from(this.#found, (one) => one.hops).sort()
    const millis = Float64Array.from(this.#found, (one) => one.millis).sort()
    const count = Math.max(1, this.#found.length)
    return {
      lookups: this.#lookupCount,
      lookupsFailed: this.#failedCount,
      hopsMean: rounded(hops.reduce((sum, one) => sum + one, 0) / count),
      hops: { p1: quantile(hops, 0.01), p50: quantile(hops, 0.5), p99: quantile(hops, 0.99) },
      timeoutsMean: rounded(this.#found.reduce((sum, one) => sum + one.timeouts, 0) / count),
      lookupMillis: { p50: rounded(quantile(millis, 0.5)), p99: rounded(quantile(millis, 0.99)) }
    }
  }
}

const frozen = { stabilizeInterval: { seconds: neverSeconds }, fingerInterval: { seconds: neverSeconds } }

/** Whether every member knows who is before it and who is behind it. */
const areNeighborsRight = ({ members }: Invariant.Snapshot): boolean => {
  const sorted = members.toSorted((a, b) => a.self.position < b.self.position ? -1 : 1)
  return sorted.every((member, index) => {
    const next = sorted[(index + 1) % sorted.length]!
    if (next === member) return Membership.isAlone(member)
    return member.successors[0]?.position === next.self.position &&
      next.predecessor?.position === member.self.position
  })
}

const keysOf = ({ keys }: ChordScenario): ReadonlyArray<string> =>
  Array.from({ length: keys }, (_, index) => `key ${index}`)
const valueOf = (key: string): string => `value of ${key}`

/** Clauses of the invariant that do not hold: of all of them, where nobody fails, or of those that always must. */
const countBroken = (snapshot: Invariant.Snapshot, isProven: boolean): number => {
  const found = Invariant.violations(snapshot)
  return isProven ? found.length : found.filter(isBadAlways).length
}

/** What must hold even while more nodes fail than the proof allows. */
const isBadAlways = (violation: Invariant.Violation): boolean =>
  violation.clause === "NoDuplicates" || violation.clause === "OrderedSuccessorLists"
