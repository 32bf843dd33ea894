import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as MemoryMesh from "../../../../src/Layers/MemoryMesh.ts"
import { measure } from "../../../../src/Layers/Simulation/Mesh/MeshFigures.ts"
import { MeshObserver } from "../../../../src/Layers/Simulation/Mesh/MeshObserver.ts"
import * as Simulation from "../../../../src/Layers/Simulation/Simulation.ts"

it("shares the traffic among the nodes for as long as each lived", () => {
  const exit = Simulation.run({ seed: "lived" }, (simulation, clock) =>
    Effect.gen(function*() {
      const observer = new MeshObserver(clock)
      const start = (host: string) =>
        simulation.start(host, observer.watch(host, MemoryMesh.layerTransport({ host, bootstrap: ["a:4444"] })))
      yield* start("a")
      yield* start("b")
      yield* Effect.sleep("10 seconds")
      yield* simulation.crash("b")
      yield* Effect.sleep("90 seconds")
      const given = { nodes: 2, seed: "lived", virtualSeconds: 100, healMillis: null, faults: 0 }
      const { messagesPerNodeSecond } = yield* measure(observer, simulation.trace, given)
      const sends = simulation.trace.sendCount
      return [sends > 0, Math.abs(messagesPerNodeSecond - sends / 110) < 0.0006]
    }))

  assert.deepStrictEqual(exit, Exit.succeed([true, true]))
})
