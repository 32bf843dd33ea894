/**
 * Whole nodes on a network in memory, driven from one seed: started, stopped, crashed and restarted
 * from any Layer that needs a `Transport`, the mesh's or your own. The same code runs under
 * Effect's `TestClock` (`Simulation.make` in `it.effect`) and, for big runs, under a virtual clock
 * of its own (`Simulation.run`), with the same trace for the same seed.
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { Mesh } from "effect-p2p"
 * import { MemoryMesh, Simulation } from "effect-p2p/simulation"
 *
 * const exit = Simulation.run({ seed: "42", latency: "20 millis" }, (simulation) =>
 *   Effect.gen(function*() {
 *     const a = Context.get(yield* simulation.start("a", MemoryMesh.layerTransport({ host: "a" })), Mesh)
 *     const b = Context.get(yield* simulation.start("b", MemoryMesh.layerTransport({ host: "b" })), Mesh)
 *     yield* a.connect(b.address)
 *     yield* a.broadcast("hello")
 *     yield* Effect.sleep("1 minute")
 *     return simulation.trace.hash
 *   }))
 * console.log(exit)
 * ```
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { make as makeNetwork, type MemoryNetwork, type MemoryNetworkOptions } from "../../Transport/MemoryNetwork.ts"
import { Transport } from "../../Transport/Transport.ts"
import { Trace, type TraceEvent } from "./Trace.ts"
import { VirtualClock } from "./VirtualClock.ts"

/**
 * What can be set of a simulation: the network's conditions, and the seed of everything.
 *
 * @category options
 * @since 0.1.0
 */
export interface SimulationOptions extends Omit<MemoryNetworkOptions, "onEvent" | "seed"> {
  /** Ids, salts, latencies, losses, schedules and jitter all hang on it. */
  readonly seed: string
  /** How many of the last events the trace keeps for reading. Default 1000. */
  readonly maxTraceEvents?: number | undefined
  /** The time of day at the beginning of `run`, in milliseconds since 1970. Default 0. */
  readonly startMillis?: number | undefined
}

/**
 * There is no running node of that name, or there is one already.
 *
 * @category errors
 * @since 0.1.0
 */
export class NodeNameError extends Schema.TaggedError<NodeNameError>()("NodeNameError", {
  name: Schema.String,
  isRunning: Schema.Boolean
}) {
  override get message(): string {
    return this.isRunning ? `a node named "${this.name}" runs already` : `no node named "${this.name}" runs`
  }
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
  /** The seed it was made with: print it when a property fails. */
  readonly seed: string
  /** Builds a node from its Layer, on the host of that name; gives its services. */
  readonly start: <A, E>(
    name: string,
    layer: Layer.Layer<A, E, Transport>
  ) => Effect.Effect<Context.Context<A>, E | NodeNameError>
  /** Shuts a node down in order. */
  readonly stop: (name: string) => Effect.Effect<void, NodeNameError>
  /** Ends a node without a word to anybody. */
  readonly crash: (name: string) => Effect.Effect<void, NodeNameError>
  /** The names of the nodes that run, in the order in which they were started. */
  readonly running: Effect.Effect<ReadonlyArray<string>>
}

/**
 * A simulation in this scope, by the clock of this fiber.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: SimulationOptions): Effect.Effect<Simulation, never, Scope.Scope> =>
  Effect.gen(function*() {
    const outer = yield* Effect.scope
    const clock = yield* Effect.clockWith(Effect.succeed)
    const trace = new Trace(options.maxTraceEvents ?? 1000)
    const network = makeNetwork({ ...options, onEvent: (event) => trace.record(event) })
    const nodes = new Map<string, Scope.Closeable>()
    const starts = new Map<string, number>()
    const note = (kind: TraceEvent["kind"], host: string) =>
      trace.record({ kind, host, peer: "", atMillis: clock.currentTimeMillisUnsafe(), bytes: undefined })

    const take = (name: string) =>
      Effect.suspend(() => {
        const scope = nodes.get(name)
        nodes.delete(name)
        return scope === undefined
          ? Effect.fail(new NodeNameError({ name, isRunning: false }))
          : Effect.succeed(scope)
      })

    const start: Simulation["start"] = Effect.fnUntraced(function*(name, layer) {
      if (nodes.has(name)) return yield* new NodeNameError({ name, isRunning: true })
      const count = (starts.get(name) ?? 0) + 1
      starts.set(name, count)
      yield* network.revive(name)
      const scope = yield* Scope.fork(outer)
      const build = Layer.buildWithScope(
        Layer.fresh(layer.pipe(Layer.provide(Layer.succeed(Transport, network.transport(name))))),
        scope
      ).pipe(Random.withSeed(`${options.seed} ${name} ${count}`))
      note(count === 1 ? "start" : "restart", name)
      nodes.set(name, scope)
      return yield* Effect.onError(build, () => Effect.sync(() => nodes.delete(name)))
    })

    return {
      network,
      trace,
      seed: options.seed,
      start,
      stop: (name) =>
        Effect.flatMap(take(name), (scope) => {
          note("stop", name)
          return Scope.close(scope, Exit.void)
        }),
      crash: (name) =>
        Effect.flatMap(take(name), (scope) => Effect.andThen(network.crash(name), Scope.close(scope, Exit.void))),
      running: Effect.sync(() => [...nodes.keys()])
    }
  })

/**
 * Runs a simulation to its end under a virtual clock; synchronous, and the same in every process.
 * Throws `Deadlock` when nothing can run any more and it has not ended.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(
  options: SimulationOptions,
  body: (simulation: Simulation, clock: VirtualClock) => Effect.Effect<A, E, Scope.Scope>
): Exit.Exit<A, E> => {
  const clock = new VirtualClock(options.startMillis)
  return clock.run(
    Effect.scoped(Effect.flatMap(make(options), (simulation) => body(simulation, clock))).pipe(
      Random.withSeed(options.seed)
    )
  )
}
