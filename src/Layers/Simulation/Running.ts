/** A simulation that runs: its hosts and their nodes, and the invariants that are watched. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { make as makeNetwork, type MemoryNetwork } from "../../Transport/MemoryNetwork.ts"
import { DialError, Transport } from "../../Transport/Transport.ts"
import { HostClock } from "./HostClock.ts"
import * as OptionsCheck from "./OptionsCheck.ts"
import type { Simulation, SimulationOptions } from "./Simulation.ts"
import { InvariantViolated, NodeNameError, NodeStartError } from "./SimulationError.ts"
import { Trace, type TraceEvent } from "./Trace.ts"
import { VirtualClock } from "./VirtualClock.ts"

/** What is known of one host. */
interface Host {
  readonly clock: HostClock
  /** Starts it from the Layer it was last started with. */
  readonly startAgain: Effect.Effect<void, NodeNameError | NodeStartError>
  readonly startCount: number
  /** Of what it listens at. */
  readonly listening: Set<Scope.Closeable>
  /** Of the node; undefined when it does not run. */
  scope: Scope.Closeable | undefined
  isCrashed: boolean
}

/** What finalizers hear of a crash: they free what a process loses by itself, and are not to do what it would do at its end. */
const crashed = Exit.interrupt()

export class Running implements Simulation {
  readonly network: MemoryNetwork["Service"]
  readonly trace: Trace
  readonly options: SimulationOptions
  readonly #clock: Clock.Clock
  readonly #startMillis: number
  readonly #scope: Scope.Closeable
  readonly #hosts = new Map<string, Host>()
  readonly #skews = new Map<string, number>()
  readonly #violated = Deferred.makeUnsafe<never, InvariantViolated>()

  constructor(options: SimulationOptions, clock: Clock.Clock, scope: Scope.Closeable) {
    OptionsCheck.check(options)
    this.trace = new Trace(options.maxTraceEvents ?? 1000)
    this.network = makeNetwork(
      { ...options, onEvent: (event) => this.#record(event) },
      (error) => this.#broke(error)
    )
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
      if (known?.scope !== undefined) return yield* new NodeNameError({ node: name, isRunning: true })
      const startCount = (known?.startCount ?? 0) + 1
      const clock = new HostClock(this.#clock)
      clock.skewMillis = this.#skews.get(name) ?? 0
      const scope = yield* Scope.fork(this.#scope)
      const startAgain = Effect.mapError(
        this.start(name, layer),
        (cause) => cause instanceof NodeNameError ? cause : new NodeStartError({ node: name, cause })
      )
      const host: Host = { clock, startAgain, startCount, listening: new Set(), scope, isCrashed: false }
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
        const isLast = host.scope === scope
        if (isLast) host.scope = undefined
        host.clock.resume()
        return Effect.andThen(isLast ? this.network.resume(name) : Effect.void, Scope.close(scope, Exit.void))
      })
      const exit = yield* Effect.onInterrupt(Fiber.await(building), () => giveUp)
      if (host.scope !== scope) return yield* new NodeNameError({ node: name, isRunning: false })
      if (Exit.isFailure(exit)) yield* giveUp
      return yield* exit
    })

  readonly stop = (name: string): Effect.Effect<void, NodeNameError> =>
    Effect.flatMap(this.#take(name), ({ scope }) => {
      this.#note("stop", name)
      return Effect.andThen(this.network.resume(name), this.#end(`node "${name}"`, scope))
    })

  readonly crash: Simulation["crash"] = (name, options) =>
    Effect.flatMap(this.#take(name, true), ({ listening, scope }) =>
      this.network.crash(name, options).pipe(
        Effect.andThen(this.network.resume(name)),
        // Its finalizers may take time, in which it is started again.
        Effect.andThen(Effect.forEach(listening, (each) => Scope.close(each, crashed), { discard: true })),
        Effect.andThen(this.#end(`node "${name}"`, scope, crashed))
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

  /** Closes the nodes that still run: they have crashed. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => this.#end("the last nodes", this.#scope, crashed))

  readonly restart: Simulation["restart"] = (name) =>
    Effect.gen({ self: this }, function*() {
      const host = this.#hosts.get(name)
      if (host === undefined) return yield* new NodeNameError({ node: name, isRunning: false })
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
      const millis = OptionsCheck.checkTime("skew", ahead, Number.isFinite, "a time such as \"20 seconds\"")
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
      const every = OptionsCheck.checkTime(
        "every",
        options?.every ?? 100,
        (millis) => millis > 0,
        "a time above zero, such as \"1 second\""
      )
      const watch = Effect.sleep(every).pipe(
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
        ),
      listen: (address) =>
        Effect.gen(function*() {
          const scope = yield* Scope.fork(yield* Scope.Scope)
          host.listening.add(scope)
          return yield* Scope.provide(transport.listen(address), scope)
        })
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
        ? Effect.fail(new NodeNameError({ node: name, isRunning: false }))
        : Effect.succeed(host)
    })
  }

  /** A node that is to end, with its scope; the host may be started again at once. */
  #take(name: string, isCrash = false): Effect.Effect<Host & { readonly scope: Scope.Closeable }, NodeNameError> {
    return Effect.flatMap(this.#hostOf(name), (host) => {
      const { scope } = host
      if (scope === undefined) return Effect.fail(new NodeNameError({ node: name, isRunning: false }))
      host.scope = undefined
      host.isCrashed = isCrash
      // A stopped process would never come to its end.
      host.clock.resume()
      return Effect.succeed({ ...host, scope })
    })
  }

  /** Closes a scope; where a finalizer waits in vain, a `Deadlock` tells whose. */
  #end(whose: string, scope: Scope.Closeable, exit: Exit.Exit<unknown, unknown> = Exit.void): Effect.Effect<void> {
    const closing = Scope.close(scope, exit)
    return this.#clock instanceof VirtualClock ? this.#clock.waitFor(`finalizers of ${whose}`, closing) : closing
  }

  #note(kind: TraceEvent["kind"], host: string): void {
    this.#record({ kind, host, peer: "", atMillis: this.#clock.currentTimeMillisUnsafe(), bytes: undefined })
  }

  #record(event: TraceEvent): void {
    this.trace.record(event)
    try {
      this.options.onEvent?.(event)
    } catch (error) {
      this.#broke(error)
      throw error
    }
  }

  /** What a function of the options breaks with: the node that it meets may take it for its own, and go on. */
  #broke(error: unknown): void {
    Deferred.doneUnsafe(this.#violated, Effect.die(error))
  }
}
