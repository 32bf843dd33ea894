/** Rings of whole nodes, for rows with a course of their own. */
import { Context, Effect, Exit, Layer, Option, Random, type Scope } from "effect"
import { Chord, type ChordOptions, ChordStorage } from "effect-p2p"
import { Invariant } from "effect-p2p/Chord"
import { Latency, MemoryChord, Simulation } from "effect-p2p/simulation"

/** Rounds of a second, so that counts of rounds are counts of seconds. */
const settings = {
  stabilizeInterval: "1 second",
  fingerInterval: "3 seconds",
  repairInterval: "10 seconds",
  probeInterval: "10 seconds",
  leaveTimeout: "5 seconds"
} as const

type Settings = Partial<Omit<ChordOptions, "bootstrap" | "listen">>

/** A ring whose nodes come and go. Shares outlive their nodes where `isKept` says so. */
export class Ring {
  readonly nodes = new Map<string, Chord["Service"]>()
  readonly simulation: Simulation.Simulation
  readonly #settings: Settings
  readonly #isKept: boolean
  readonly #shares = new Map<string, Context.Context<ChordStorage>>()
  #count = 0

  constructor(simulation: Simulation.Simulation, changes: Settings = {}, isKept = false) {
    this.simulation = simulation
    this.#settings = { ...settings, ...changes }
    this.#isKept = isKept
  }

  /**
   * Starts a node that joins through one that is drawn, or through those that are named; with the share of
   * another one where that is named, too.
   */
  readonly start = Effect.fnUntraced(function*(
    this: Ring,
    name?: string,
    entries?: ReadonlyArray<string>,
    shareOf = name
  ) {
    const host = name ?? `${this.#count++}`
    const entry = yield* this.any
    const bootstrap = entries ?? (entry === undefined ? [] : [entry.address])
    const share = this.#isKept
      ? Layer.succeedContext(yield* this.#shareOf(shareOf ?? host))
      : ChordStorage.layerMemory()
    const node = MemoryChord.layerStorage({ ...this.#settings, host, bootstrap }).pipe(
      Layer.provide(Layer.fresh(share))
    )
    this.nodes.set(host, Context.get(yield* this.simulation.start(host, node), Chord))
  }).bind(this)

  readonly #shareOf = Effect.fnUntraced(function*(this: Ring, host: string) {
    const known = this.#shares.get(host)
    const share = known ?? (yield* Layer.build(ChordStorage.layerMemory()))
    this.#shares.set(host, share)
    return share
  }).bind(this)

  readonly grow = Effect.fnUntraced(function*(this: Ring, count: number, pauseMillis: number) {
    while (this.nodes.size < count) {
      yield* this.start()
      yield* Effect.sleep(pauseMillis)
    }
  }).bind(this)

  readonly crash = (name: string) => {
    this.nodes.delete(name)
    return Effect.orDie(this.simulation.crash(name))
  }

  readonly stop = (name: string) => {
    this.nodes.delete(name)
    return Effect.orDie(this.simulation.stop(name))
  }

  /** A node that is drawn. */
  readonly any: Effect.Effect<Chord["Service"] | undefined> = Effect.map(
    Random.next,
    (chance) => [...this.nodes.values()][Math.floor(chance * this.nodes.size)]
  )

  /** What all members know; undefined while some have no place yet. */
  #snapshot(): Effect.Effect<Invariant.Snapshot | undefined> {
    return Effect.map(Effect.forEach(this.nodes.values(), (chord) => chord.ring), (rings) => {
      const members = rings.flat().map((member) => member.membership)
      return members.length >= this.nodes.size ? { members } : undefined
    })
  }

  /** The seconds until the ring is ideal; Infinity when that takes more than ten minutes. */
  get untilIdeal(): Effect.Effect<number> {
    return this.#until(Invariant.isIdeal)
  }

  /** The seconds until all are on one ring in order, whatever their lists lack. */
  get untilOne(): Effect.Effect<number> {
    return this.#until((snapshot) =>
      !Invariant.violations(snapshot, "proven").some(({ clause }) => ringClauses.has(clause))
    )
  }

  readonly #until = Effect.fnUntraced(function*(this: Ring, isReached: (snapshot: Invariant.Snapshot) => boolean) {
    for (let seconds = 0; seconds < 600; seconds++) {
      const snapshot = yield* this.#snapshot()
      if (snapshot !== undefined && isReached(snapshot)) return seconds
      yield* Effect.sleep("1 second")
    }
    return Infinity
  }).bind(this)

  readonly write = Effect.fnUntraced(function*(this: Ring, entries: ReadonlyArray<readonly [string, string]>) {
    let acknowledged = 0
    yield* Effect.forEach(entries, ([key, value]) =>
      Effect.gen({ self: this }, function*() {
        const node = yield* this.any
        const exit = yield* Effect.exit(node!.set(key, value))
        if (Exit.isSuccess(exit)) acknowledged++
      }), { concurrency: 8, discard: true })
    return acknowledged
  }).bind(this)

  /** How many keys have the value that they should not have, and how many cannot be read. */
  readonly read = Effect.fnUntraced(function*(this: Ring, entries: ReadonlyArray<readonly [string, string]>) {
    let lost = 0
    let unreadable = 0
    let degraded = 0
    yield* Effect.forEach(entries, ([key, value]) =>
      Effect.gen({ self: this }, function*() {
        const node = yield* this.any
        const exit = yield* Effect.exit(node!.read(key, { quorum: 5 }))
        if (Exit.isFailure(exit)) unreadable++
        else if (Option.isNone(exit.value) || exit.value.value.value !== value) lost++
        else if (exit.value.value.isDegraded) degraded++
      }), { concurrency: 8, discard: true })
    return { lost, unreadable, degraded }
  }).bind(this)
}

const ringClauses: ReadonlySet<Invariant.Clause> = new Set([
  "OneLiveSuccessor",
  "AtLeastOneRing",
  "AtMostOneRing",
  "OrderedRing",
  "ConnectedAppendages"
])

/** Entries with values of their own. */
export const entriesOf = (count: number, name = "key"): ReadonlyArray<readonly [string, string]> =>
  Array.from({ length: count }, (_, index) => [`${name} ${index}`, `value of ${name} ${index}`] as const)

/** Runs a simulation with 50 ms between nodes on average. */
export const simulate = <A, E>(
  seed: string,
  body: (simulation: Simulation.Simulation) => Effect.Effect<A, E, Scope.Scope>
): A => {
  const latency = Latency.exponential("50 millis")
  // One row takes three days.
  const options = { seed, latency, startMillis: 1e12, maxTraceEvents: 0, maxDuration: Number.POSITIVE_INFINITY }
  const exit = Simulation.run(options, body)
  if (Exit.isSuccess(exit)) return exit.value
  throw new Error(`seed "${seed}" did not come to its end: ${exit.cause}`)
}
