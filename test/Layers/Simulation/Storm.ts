/** A mesh in bad weather: losses, crashes and restarts, all from the seed. */
import { Context, Effect, Random } from "effect"
import * as MemoryMesh from "../../../src/Layers/MemoryMesh.ts"
import * as Simulation from "../../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../../src/Mesh/Mesh.ts"

/** Runs so many nodes for a minute; what the trace says of it. */
export const storm = (seed: string, nodeCount: number) =>
  Simulation.run(
    { seed, lossChance: 0.002, latency: (_from, _to, chance) => 5 + 40 * chance },
    (simulation) =>
      Effect.gen(function*() {
        const start = (index: number) => {
          const host = `node ${index}`
          return Effect.map(
            simulation.start(host, MemoryMesh.layerTransport({ host, reconnectMax: "5 seconds" })),
            Context.get(Mesh)
          )
        }
        const meshes = new Map<number, Mesh["Service"]>()
        for (let index = 0; index < nodeCount; index++) {
          const mesh = yield* start(index)
          if (index > 0) yield* Effect.forkScoped(Effect.ignore(mesh.connect(meshes.get(index >> 1)!.address)))
          meshes.set(index, mesh)
        }
        for (let second = 0; second < 60; second++) {
          yield* Effect.sleep("1 second")
          const index = yield* Random.nextIntBetween(0, nodeCount - 1)
          if (second % 5 === 4) {
            yield* simulation.crash(`node ${index}`)
            const mesh = yield* start(index)
            yield* Effect.forkScoped(Effect.ignore(mesh.connect(meshes.get((index + 1) % nodeCount)!.address)))
            meshes.set(index, mesh)
          } else yield* meshes.get(index)!.broadcast(`second ${second}`)
        }
        return { hash: simulation.trace.hash, events: simulation.trace.count }
      })
  )
