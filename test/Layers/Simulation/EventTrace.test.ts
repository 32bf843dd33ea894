import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as MemoryMesh from "../../../src/Layers/MemoryMesh.ts"
import { type Fault } from "../../../src/Layers/Simulation/Fault.ts"
import * as Faults from "../../../src/Layers/Simulation/Faults.ts"
import { MeshTrace } from "../../../src/Layers/Simulation/Mesh/MeshTrace.ts"
import * as Simulation from "../../../src/Layers/Simulation/Simulation.ts"

const faults: ReadonlyArray<readonly [fault: Fault, kinds: ReadonlyArray<string>]> = [
  [{ _tag: "Crash", node: "a" }, ["crash", "revive"]],
  [{ _tag: "PowerCut", node: "a" }, ["vanish", "revive"]],
  [{ _tag: "Pause", node: "a" }, ["pause", "resume"]],
  [{ _tag: "Partition", groups: [["a"], ["b"]] }, ["partition", "heal"]],
  [{ _tag: "Cut", from: "a", to: "b" }, ["cut", "mend"]],
  [{ _tag: "Stall", one: "a", other: "b" }, ["stall", "unstall"]],
  [{ _tag: "Refuse", node: "a" }, ["shut", "open"]],
  [{ _tag: "Reset", one: "a", other: "b", afterBytes: 1 }, ["resetLater"]],
  [{ _tag: "Skew", node: "a", millis: 1000 }, ["skew", "skew"]],
  [{ _tag: "Weather", lossChance: 0.1, refuseChance: 0, stallChance: 0 }, ["conditions", "conditions"]]
]

it.each(faults)("a trace holds the fault %j", (fault, kinds) => {
  const trace = new MeshTrace()
  const exit = Simulation.run(
    { seed: "faults", onEvent: (event) => trace.recordFault(event) },
    (simulation) =>
      Effect.gen(function*() {
        yield* simulation.start("a", MemoryMesh.layerTransport({ host: "a" }))
        yield* simulation.start("b", MemoryMesh.layerTransport({ host: "b", bootstrap: ["a:4444"] }))
        yield* Effect.sleep("5 seconds")
        yield* Faults.play(simulation, [{ atMillis: 0, forMillis: 1000, fault }])
        trace.end()
      })
  )

  assert.isTrue(Exit.isSuccess(exit))
  const lines = trace.toText({ nodes: 2, seed: "faults" }).trim().split("\n").slice(1, -1)
  assert.deepStrictEqual(lines.map((line) => JSON.parse(line).kind), [...kinds])
})
