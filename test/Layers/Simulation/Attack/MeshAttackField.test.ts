import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { MeshAttackField } from "../../../../src/Layers/Simulation/Attack/MeshAttackField.ts"
import * as Simulation from "../../../../src/Layers/Simulation/Simulation.ts"

it("counts the inbound slots that honest nodes have by their settings", () => {
  const exit = Simulation.run({ seed: "slots" }, (simulation) =>
    Effect.gen(function*() {
      const options = { honest: 2, bootstraps: 1, sybils: 0, seed: "slots", settings: { maxInboundLinks: 5 } }
      const field = new MeshAttackField(simulation, options)
      for (let index = 0; index < 2; index++) yield* field.startHonest
      return (yield* field.protections).inboundSlots
    }))

  assert.deepStrictEqual(exit, Exit.succeed(10))
})
