/**
 * Whole networks of nodes in one process: each is built from its Layer, the same code as in
 * production, over a network in memory, with a clock of its own, all from one seed.
 *
 * `make` runs by the clock of the fiber that calls it, `TestClock` in tests; `run` drives big
 * simulations to their end under a `VirtualClock`. Both give the same trace for the same seed.
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
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { make as makeNetwork, type MemoryNetwork, type MemoryNetworkOptions } from "../../Transport/MemoryNetwork.ts"
import { DialError, Transport } from "../../Transport/Transport.ts"
import { HostClock } from "./HostClock.ts"
import * as OptionsCheck from "./OptionsCheck.ts"
import { InvariantViolated, LeftBehind, NodeNameError, NodeStartError } from "./SimulationError.ts"
import { Trace, type TraceEvent } from "./Trace.ts"
import { VirtualClock } from "./VirtualClock.ts"

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
  /** Called for each event of the trace, in order. */
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
  /** Ends a node without a word to anybody; `silently`: its peers do not even see their connections break. */
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

/** What is known of one host. */
interface Host {
  readonly clock: HostClock
  /** Starts it from the Layer it was last started with. */
  readonly startAgain: Effect.Effect<void, NodeNameError | NodeStartError>
  readonly startCount: number
  /** Of the node; undefined when it does not run. */
  scope: Scope.Closeable | undefined
  isCrashed: boolean
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
    yield* Effect.addFinalizer((exit) => Effect.andThen(simulation.crashAll, Scope.close(scope, exit)))
    // The network lives by the clock of the simulation, not by that of the first node.
    yield* simulation.network.revive("")
    return simulation
  })

class Running implements Simulation {
  readonly network: MemoryNetwork["Service"]
  readonly trace: Trace
  readonly options: SimulationOptions
  readonly #clock: Clock.Clock
  readonly #startMillis: number
  readonly #scope: Scope.Scope
  readonly #hosts = new Map<string, Host>()
  readonly #skews = new Map<string, number>()
  readonly #violated = Deferred.makeUnsafe<never, InvariantViolated>()

  constructor(options: SimulationOptions, clock: Clock.Clock, scope: Scope.Scope) {
    OptionsCheck.check(options)
    this.trace = new Trace(options.maxTraceEvents ?? 1000)
    this.network = makeNetwork({
      ...options,
      onEvent: (event) => this.#record(event)
    })
    this.options = options
    this.#clock = clock
    this.#startMillis = clock.currentTimeMillisUnsafe()
    this.#scope = scope
  }

  readonly start = <A, E>(
    name: string,
    layer: Layer.Layer<A, E, Transport>
  ): Effect.Effect<Context.Context<A>, E | NodeNameError> =>
    Effect.gen({ self: this }, function*() {
      const known = this.#hosts.get(name)
      if (known?.scope !== undefined) return yield* new NodeNameError({ name, isRunning: true })
      const startCount = (known?.startCount ?? 0) + 1
      const clock = new HostClock(this.#clock)
      clock.skewMillis = this.#skews.get(name) ?? 0
      const scope = yield* Scope.fork(this.#scope)
      const startAgain = Effect.mapError(
        this.start(name, layer),
        (cause) => cause instanceof NodeNameError ? cause : new NodeStartError({ name, cause })
      )
      const host: Host = { clock, startAgain, startCount, scope, isCrashed: false }
      this.#hosts.delete(name)
      this.#hosts.set(name, host)
      yield* this.network.revive(name)
      this.#note(startCount === 1 ? "start" : "restart", name)
      const build = Layer.buildWithScope(
        Layer.fresh(layer.pipe(Layer.provide(Layer.succeed(Transport, this.#transportOf(name, host))))),
        scope
      )
      // In the scope of the node: one that ends while it starts does not go on with it.
      const building = yield* build.pipe(
        Random.withSeed(`${this.options.seed} ${name} ${startCount}`),
        Effect.provideService(Clock.Clock, clock),
        Effect.forkIn(scope, { startImmediately: true })
      )
      const giveUp = Effect.suspend(() => {
        if (host.scope === scope) host.scope = undefined
        return Scope.close(scope, Exit.void)
      })
      const exit = yield* Effect.onInterrupt(Fiber.await(building), () => giveUp)
      if (host.scope !== scope) return yield* new NodeNameError({ name, isRunning: false })
      if (Exit.isFailure(exit)) yield* giveUp
      return yield* exit
    })

  readonly stop = (name: string): Effect.Effect<void, NodeNameError> =>
    Effect.flatMap(this.#take(name), (scope) => {
      this.#note("stop", name)
      return Effect.andThen(this.network.resume(name), Scope.close(scope, Exit.void))
    })

  readonly crash: Simulation["crash"] = (name, options) =>
    Effect.flatMap(this.#take(name, true), (scope) =>
      this.network.crash(name, options).pipe(
        Effect.andThen(this.network.resume(name)),
        Effect.andThen(Scope.close(scope, Exit.void))
      ))

  /** Takes all nodes off the network; their scopes are still to be closed. */
  readonly crashAll: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(this.#hosts, ([name, host]) => {
      if (host.scope === undefined) return Effect.void
      host.isCrashed = true
      host.clock.resume()
      return Effect.andThen(this.network.crash(name), this.network.resume(name))
    }, { discard: true })
  )

  readonly restart: Simulation["restart"] = (name) =>
    Effect.gen({ self: this }, function*() {
      const host = this.#hosts.get(name)
      if (host === undefined) return yield* new NodeNameError({ name, isRunning: false })
      if (host.scope !== undefined) yield* this.crash(name)
      yield* host.startAgain
    })

  readonly pause = (name: string): Effect.Effect<void, NodeNameError> =>
    Effect.flatMap(this.#hostOf(name), (host) => {
      host.clock.pause()
      return this.network.pause(name)
    })

  readonly resume = (name: string): Effect.Effect<void, NodeNameError> =>
    Effect.flatMap(this.#hostOf(name), (host) => {
      host.clock.resume()
      return this.network.resume(name)
    })

  readonly skew = (name: string, ahead: Duration.Input): Effect.Effect<void> =>
    Effect.sync(() => {
      const millis = Duration.toMillis(ahead)
      this.#skews.set(name, millis)
      const host = this.#hosts.get(name)
      if (host !== undefined) host.clock.skewMillis = millis
      this.#note("skew", `${name} ${millis}`)
    })

  readonly always: Simulation["always"] = (name, check, options) =>
    Effect.gen({ self: this }, function*() {
      const clock = this.#clock
      if (clock instanceof VirtualClock && options?.every === undefined) {
        const context = yield* Effect.context<never>()
        yield* Effect.acquireRelease(
          Effect.sync(() =>
            clock.onStep(() => this.#judge(name, this.#checkNow(name, Effect.runSyncExitWith(context)(check))))
          ),
          (stop) => Effect.sync(stop)
        )
        return
      }
      const watch = Effect.sleep(options?.every ?? "100 millis").pipe(
        Effect.andThen(check),
        Effect.map((wrong) => this.#judge(name, wrong)),
        Effect.forever,
        // A check that breaks would hold for ever.
        Effect.onError((cause) =>
          Effect.sync(() => {
            if (Cause.hasInterruptsOnly(cause)) return
            Deferred.doneUnsafe(this.#violated, Effect.die(this.#unchecked(name, Cause.squash(cause))))
          })
        )
      )
      yield* Effect.forkScoped(watch, { startImmediately: true })
    })

  get violated(): Effect.Effect<never, InvariantViolated> {
    return Deferred.await(this.#violated)
  }

  readonly running: Effect.Effect<ReadonlyArray<string>> = Effect.sync(() =>
    [...this.#hosts].filter(([, host]) => host.scope !== undefined).map(([name]) => name)
  )

  /** The network as a node sees it; once it has crashed, what its finalizers still dial is refused at once. */
  #transportOf(name: string, host: Host): Transport["Service"] {
    const transport = this.network.transport(name)
    return {
      ...transport,
      dial: (address) =>
        Effect.suspend(() =>
          host.isCrashed
            ? Effect.fail(new DialError({ address, kind: "Refused", cause: new Error("this node has crashed") }))
            : transport.dial(address)
        )
    }
  }

  /** The time since the simulation began. */
  get #atMillis(): number {
    return this.#clock.currentTimeMillisUnsafe() - this.#startMillis
  }

  #judge(name: string, detail: string | undefined): void {
    if (detail === undefined) return
    const { seed } = this.options
    Deferred.doneUnsafe(
      this.#violated,
      Effect.fail(new InvariantViolated({ invariant: name, atMillis: this.#atMillis, detail, seed }))
    )
  }

  /** What a check found, at once; one that waits is named, since nothing else would tell which it was. */
  #checkNow(name: string, found: Exit.Exit<string | undefined>): string | undefined {
    if (Exit.isSuccess(found)) return found.value
    const cause = Cause.squash(found.cause)
    throw this.#unchecked(
      name,
      cause,
      Cause.isAsyncFiberError(cause) ? "it waits; make it synchronous, or say `every` how often to run it" : undefined
    )
  }

  #unchecked(name: string, cause: unknown, why: unknown = cause): Error {
    const where = `at ${this.#atMillis / 1000} s, seed "${this.options.seed}"`
    return new Error(`the invariant "${name}" could not be checked: ${String(why)} (${where})`, { cause })
  }

  #hostOf(name: string): Effect.Effect<Host, NodeNameError> {
    return Effect.suspend(() => {
      const host = this.#hosts.get(name)
      return host?.scope === undefined
        ? Effect.fail(new NodeNameError({ name, isRunning: false }))
        : Effect.succeed(host)
    })
  }

  /** The scope of a node that is to end; the host may be started again at once. */
  #take(name: string, isCrash = false): Effect.Effect<Scope.Closeable, NodeNameError> {
    return Effect.flatMap(this.#hostOf(name), (host) => {
      const scope = host.scope
      host.scope = undefined
      host.isCrashed = isCrash
      // A stopped process would never come to its end.
      host.clock.resume()
      return scope === undefined ? Effect.fail(new NodeNameError({ name, isRunning: false })) : Effect.succeed(scope)
    })
  }

  #note(kind: TraceEvent["kind"], host: string): void {
    this.#record({ kind, host, peer: "", atMillis: this.#clock.currentTimeMillisUnsafe(), bytes: undefined })
  }

  #record(event: TraceEvent): void {
    this.trace.record(event)
    this.options.onEvent?.(event)
  }
}

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
  const clock = new VirtualClock(startMillis, seed, { maxMillis: Duration.toMillis(maxDuration), maxTurns })
  let network: MemoryNetwork["Service"] | undefined
  const whole = Effect.flatMap(make(options), (simulation) => {
    network = simulation.network
    // Invariants are looked at once more when the body is done, while its nodes still are what they were.
    return Effect.raceFirst(Effect.tap(body(simulation, clock), clock.stepEnd), simulation.violated)
  })
  const exit = clock.run(Random.withSeed(Effect.scoped(whole), options.seed))
  if (Exit.isFailure(exit) || network === undefined) return exit
  const connectionCount = Effect.runSync(network.connectionCount)
  const sleepingFiberCount = clock.sleeperCount
  return connectionCount === 0 && sleepingFiberCount === 0
    ? exit
    : Exit.fail(new LeftBehind({ connectionCount, sleepingFiberCount }))
}
