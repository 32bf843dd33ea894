/** Mesh nodes in a simulation, with what they get and tell. */
import { Context, Effect } from "effect"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { collect } from "../utils/MeshNetwork.ts"

export const startMesh = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  host: string,
  options: Partial<MemoryMesh.MemoryMeshOptions> = {}
) {
  const context = yield* Effect.orDie(simulation.start(host, MemoryMesh.layerTransport({ ...options, host })))
  const mesh = Context.get(context, Mesh)
  const scope = yield* Effect.scope
  return { mesh, received: yield* collect(mesh.messages, scope), events: yield* collect(mesh.events, scope) }
})
