/** Nodes of the shared dictionary in a simulation. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schema, type Scope } from "effect"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import * as MemorySync from "../../src/Layers/MemorySync.ts"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import { SyncConfig } from "../../src/Sync/SyncConfig.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"

export type Options = Omit<MemorySync.MemorySyncOptions, "host">

export interface Node {
  readonly sync: Sync["Service"]
  readonly mesh: Mesh["Service"]
}

/** Nodes that know each other, each by its name, as they were started last. */
export const start = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  names: ReadonlyArray<string>,
  options: Options = {}
) {
  const nodes: Record<string, Node> = {}
  for (const host of names) {
    const bootstrap = names.filter((name) => name !== host).map((name) => `${name}:4444`)
    const keep = Layer.effectDiscard(Effect.gen(function*() {
      nodes[host] = { sync: yield* Sync, mesh: yield* Mesh }
    }))
    const node = MemorySync.layerTransport({ ...options, host, bootstrap })
    yield* simulation.start(host, Layer.provideMerge(keep, node))
  }
  yield* Effect.sleep("5 seconds")
  return nodes
})

/** A node of the same network that plays the dictionary's part by hand. */
export const startPlayer = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  host: string,
  { leasing = true, ...options }: Partial<MemoryMesh.MemoryMeshOptions> & { readonly leasing?: boolean } = {}
) {
  const node = MemoryMesh.layerTransport({ ...options, host, subnet: SyncConfig.subnet("sync", leasing) })
  return Context.get(yield* simulation.start(host, node), Mesh)
})

export const run = <A, E>(
  name: string,
  options: Partial<Simulation.SimulationOptions>,
  script: (simulation: Simulation.Simulation) => Effect.Effect<A, E, Scope.Scope>
): A => {
  const exit = Simulation.run({ seed: name, latency: "20 millis", startMillis: 1_700_000_000_000, ...options }, script)
  return Exit.isSuccess(exit) ? exit.value : assert.fail(`seed ${name}: ${String(exit.cause)}`)
}

/** A key whose value is a text. */
export const text = (name: string) => SyncKey.make(name, Schema.String)
