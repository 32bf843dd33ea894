/**
 * So many idle mesh nodes in a process of its own: `node bench/idle.ts COUNT` prints the wall seconds
 * that their start and one virtual minute of them took, and the memory they hold, as JSON.
 */
import { Effect } from "effect"
import { MemoryMesh, Simulation } from "effect-p2p/simulation"

const count = Number(process.argv[2])

const exit = Simulation.run(
  { seed: "idle", latency: "50 millis", maxTraceEvents: 0 },
  (simulation) =>
    Effect.gen(function*() {
      const begun = performance.now()
      for (let index = 0; index < count; index++) {
        // Any earlier node will do: a tree whose branches find each other by their lists of peers.
        const bootstrap = index === 0 ? [] : [`${(Math.imul(index, 0x9e3779b1) >>> 0) % index}:4444`]
        yield* simulation.start(`${index}`, MemoryMesh.layerTransport({ host: `${index}`, bootstrap }))
        yield* Effect.sleep(10_000 / count)
      }
      yield* Effect.sleep("20 seconds")
      // What the start left behind is not the minute's.
      globalThis.gc?.()
      const started = performance.now()
      yield* Effect.sleep("1 minute")
      const ended = performance.now()
      return {
        startSeconds: (started - begun) / 1000,
        minuteSeconds: (ended - started) / 1000,
        megabytes: Math.round(process.memoryUsage().rss / 2 ** 20)
      }
    })
)

if (exit._tag === "Failure") throw new Error(`the simulation failed: ${exit.cause}`)
console.log(JSON.stringify(exit.value))
