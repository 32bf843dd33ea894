/**
 * Whole networks of nodes in one process: each is built from its Layer, the same code as in
 * production, over a network in memory, with a clock of its own, all from one seed.
 *
 * `make` runs by the clock of the fiber that calls it, `TestClock` in tests; `run` drives big
 * simulations to their end under a `VirtualClock`. Each gives the same trace for the same seed in every run, and both
 * give the same one where nothing hangs on which of several fibers goes first at the same instant.
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { Mesh } from "effect-p2p"
 * import { MemoryMesh, Simulation } from "effect-p2p/simulation"
 *
 * const exit = Simulation.run({ seed: "1", latency: "20 millis" }, (simulation) =>
 *   Effect.gen(function*() {
 *     const a = yield* simulation.start("a", MemoryMesh.layerTransport({ host: "a" }))
 *     const b = yield* simulation.start("b", MemoryMesh.layerTransport({ host: "b" }))
 *     yield* Context.get(a, Mesh).connect(Context.get(b, Mesh).address)
 *     yield* simulation.crash("b")
 *     yield* Effect.sleep("1 minute")
 *     return (yield* Context.get(a, Mesh).peers).length
 *   }))
 * ```
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { millisOf } from "../../Transport/internal/Weather.ts"
import type { MemoryNetwork, MemoryNetworkOptions } from "../../Transport/MemoryNetwork.ts"
import type { Transport } from "../../Transport/Transport.ts"
import { Running } from "./Running.ts"
import { type InvariantViolated, LeftBehind, type NodeNameError, type NodeStartError } from "./SimulationError.ts"
import type { Trace, TraceEvent } from "./Trace.ts"
import { Deadlock, VirtualClock } from "./VirtualClock.ts"

export { InvariantViolated, LeftBehind, NodeNameError, NodeStartError } from "./SimulationError.ts"

/**
 * What can be set of a simulation: the network's conditions, and the seed of everything.
 *
 * @category options
 * @since 0.1.0
 */
export interface SimulationOptions extends Omit<MemoryNetworkOptions, "seed" | "onEvent"> {
  /** Ids, salts, latencies, losses, schedules and jitter all hang on it. */
  readonly seed: string
  /** Called for each event of the trace, in order. What it throws ends `run`, and fails `violated`. */
  readonly onEvent?: ((event: TraceEvent) => void) | undefined
  /** How many of the last events the trace keeps for reading. Default 1000. */
  readonly maxTraceEvents?: number | undefined
  /** The time of day at the beginning of `run`, in milliseconds since 1970. Default 0. */
  readonly startMillis?: number | undefined
  /**
   * How much virtual time `run` takes at most, before it throws a `Deadlock`: nodes go about their work for ever, and what
   * the body waits for may never come. Default 1 day; `Infinity` for no end.
   */
  readonly maxDuration?: Duration.Input | undefined
  /** How many turns fibers and timers of `run` take at most without any time passing. Default 20 million. */
  readonly maxTurns?: number | undefined
}

/**
 * A running simulation. Nodes live on hosts of the same name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Simulation {
  readonly network: MemoryNetwork["Service"]
  readonly trace: Trace
  /** What it was made with; its seed is to be printed when a property fails. */
  readonly options: SimulationOptions
  /**
   * Builds a node from its Layer, on the host of that name; gives its services. Fails with `NodeNameError` where one runs
   * already, and when it ends before it has started.
   */
  readonly start: <A, E>(
    name: string,
    layer: Layer.Layer<A, E, Transport>
  ) => Effect.Effect<Context.Context<A>, E | NodeNameError>
  /** Shuts a node down in order. */
  readonly stop: (name: string) => Effect.Effect<void, NodeNameError>
  /**
   * Ends a node without a word to anybody; `silently`: its peers do not even see their connections break. Its finalizers
   * run, as something has to free what a process loses by itself; the exit they get is an interruption, and that of `stop`
   * a success: what a node writes at its end to a storage that outlives it, it is to write in the second case alone.
   */
  readonly crash: (
    name: string,
    options?: { readonly silently?: boolean | undefined }
  ) => Effect.Effect<void, NodeNameError>
  /** Starts a node again that has ended, from the Layer it was last started with; a running one crashes first. */
  readonly restart: (name: string) => Effect.Effect<void, NodeNameError | NodeStartError>
  /**
   * Stops a node's process: its fibers do not wake, what is sent to it waits. What the simulation
   * itself calls on its services is still done.
   */
  readonly pause: (name: string) => Effect.Effect<void, NodeNameError>
  /** Lets a paused node go on. */
  readonly resume: (name: string) => Effect.Effect<void, NodeNameError>
  /** Sets how far the time of day of a host is ahead; negative for behind. Its sleeps stay as they are. */
  readonly skew: (name: string, ahead: Duration.Input) => Effect.Effect<void>
  /**
   * Watches an invariant until the scope closes: `check` gives what is wrong, or undefined. Under a
   * `VirtualClock` and without `every` it runs at each step in time, the last one included, and must be synchronous;
   * otherwise it runs each `every` (default 100 millis). The first violation ends `run`, and fails `violated`: without
   * `run` it is for you to look there. A check that breaks itself is a defect of both.
   */
  readonly always: (
    name: string,
    check: Effect.Effect<string | undefined>,
    options?: { readonly every?: Duration.Input | undefined }
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Fails as soon as an invariant does not hold; never succeeds. `Effect.raceFirst` of it and the test ends that. */
  readonly violated: Effect.Effect<never, InvariantViolated>
  /** The names of the nodes that run, in the order in which they were started. */
  readonly running: Effect.Effect<ReadonlyArray<string>>
}

/**
 * A simulation in this scope, by the clock of this fiber. When the scope closes, the nodes that still
 * run crash: `stop` those that should end in order. Dies with a `RangeError` when a chance is not from 0 to 1, or the
 * latency is no time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: SimulationOptions): Effect.Effect<Simulation, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const simulation = new Running(options, yield* Clock.Clock, scope)
    // Nobody is left to say goodbye to, and under TestClock no time passes any more to do it.
    yield* Effect.addFinalizer(() => Effect.andThen(simulation.crashAll, simulation.close))
    // The network lives by the clock of the simulation, not by that of the first node.
    yield* simulation.network.revive("")
    return simulation
  })

/**
 * Runs a simulation to its end under a virtual clock; synchronous, and the same in every process.
 * Fails with `InvariantViolated` when one given to `always` does not hold, and with `LeftBehind` when
 * connections or sleeping fibers are left after all nodes are closed. Throws `Deadlock` when it waits for what never
 * comes: when nothing can run any more, when `maxDuration` is over, or when time does not move on.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(
  options: SimulationOptions,
  body: (simulation: Simulation, clock: VirtualClock) => Effect.Effect<A, E, Scope.Scope>
): Exit.Exit<A, E | InvariantViolated | LeftBehind> => {
  const { maxDuration = "1 day", maxTurns, seed, startMillis } = options
  const clock = new VirtualClock(startMillis, seed, { maxMillis: millisOf(maxDuration), maxTurns })
  let network: MemoryNetwork["Service"] | undefined
  let first: Cause.Cause<E | InvariantViolated> | undefined
  const note = (cause: Cause.Cause<E | InvariantViolated>) => Effect.sync(() => first ??= cause)
  const whole = Effect.flatMap(make(options), (simulation) => {
    network = simulation.network
    // Invariants are looked at once more when the body is done, while its nodes still are what they were.
    const done = Effect.tap(body(simulation, clock), clock.stepEnd)
    return Effect.raceFirst(Effect.tapCause(done, note), Effect.tapCause(simulation.violated, note))
  })
  let exit: Exit.Exit<A, E | InvariantViolated>
  try {
    exit = clock.run(Random.withSeed(Effect.scoped(whole), options.seed))
  } catch (deadlock) {
    // What went wrong before is told first: nodes may wait in vain for one another when all ends because of it.
    if (first === undefined || !(deadlock instanceof Deadlock)) throw deadlock
    exit = Exit.failCause(Cause.combine(first, Cause.die(deadlock)))
  }
  if (Exit.isFailure(exit) || network === undefined) return exit
  const connectionCount = Effect.runSync(network.connectionCount)
  const sleepingFiberCount = clock.sleeperCount
  return connectionCount === 0 && sleepingFiberCount === 0
    ? exit
    : Exit.fail(new LeftBehind({ connectionCount, sleepingFiberCount }))
}
