/** A counter that all nodes add to, tried in a storm of crashes, partitions and broken connections. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Fiber, Layer, Random, Schedule, Schema, Stream } from "effect"
import { Mesh, Topic } from "effect-p2p"
import { Faults, MemoryMesh, Simulation } from "effect-p2p/simulation"

const Counts = Topic.make("counts", Schema.Record(Schema.String, Schema.Int))

/** Each node counts for itself, tells all counts it knows every five seconds, and keeps the highest of each. */
class Counter extends Context.Service<Counter, { readonly add: Effect.Effect<void>; readonly total: () => number }>()(
  "example/Counter"
) {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function*() {
      const mesh = yield* Mesh
      const counts: Record<string, number> = {}
      const raise = (id: string, count: number) => counts[id] = Math.max(count, counts[id] ?? 0)
      yield* mesh.subscribe(Counts).pipe(
        Stream.runForEach(({ value }) => Effect.sync(() => Object.entries(value).forEach(([id, n]) => raise(id, n)))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Effect.forkScoped(Effect.repeat(mesh.publish(Counts, counts), Schedule.spaced("5 seconds")))
      return {
        add: Effect.sync(() => void raise(mesh.id, (counts[mesh.id] ?? 0) + 1)),
        total: () => Object.values(counts).reduce((sum, count) => sum + count, 0)
      }
    })
  )
}

const storm = (seed: string) =>
  Simulation.run({ seed, latency: "50 millis", lossChance: 0.001 }, (simulation) =>
    Effect.gen(function*() {
      const counters = new Map<string, Counter["Service"]>()
      let added = 0
      const names = ["a", "b", "c", "d", "e", "f"]
      for (const host of names) {
        const bootstrap = names.filter((name) => name !== host).map((name) => `${name}:4444`)
        const keep = Layer.effectDiscard(Effect.map(Counter, (counter) => counters.set(host, counter)))
        const node = MemoryMesh.layerTransport({ host, bootstrap })
        yield* simulation.start(host, Layer.provideMerge(keep, Layer.provide(Counter.layer, node)))
      }
      yield* simulation.always(
        "counts nothing twice",
        Effect.sync(() => {
          const wrong = [...counters].find(([, counter]) => counter.total() > added)
          return wrong && `node ${wrong[0]} has ${wrong[1].total()} of ${added}`
        })
      )
      const faults = Faults.random({ seed, nodes: names, count: 10, fromMillis: 0, toMillis: 120_000 })
      const playing = yield* Effect.forkScoped(Faults.play(simulation, faults))
      for (; added < 120;) {
        added++
        yield* counters.get(names[yield* Random.nextIntBetween(0, names.length - 1)]!)!.add
        yield* Effect.sleep("1 second")
      }
      yield* Fiber.join(playing)
      yield* Effect.sleep("3 minutes")
      return `${new Set([...counters.values()].map((c) => c.total())).size} total, ${simulation.trace.hash}`
    }))

const program = Effect.gen(function*() {
  for (const seed of ["1", "2", "3"]) yield* Console.log(`seed ${seed}: ${yield* storm(seed)}`)
})

NodeRuntime.runMain(program)
