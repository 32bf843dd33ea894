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

it("counts what limits did at a node before it crashed and was started again", () => {
  const exit = Simulation.run({ seed: "limits" }, (simulation) =>
    Effect.gen(function*() {
      const settings = { maxMessagesPerSecond: 1 }
      const field = new MeshAttackField(simulation, { honest: 2, bootstraps: 1, sybils: 0, seed: "limits", settings })
      for (let index = 0; index < 2; index++) yield* field.startHonest
      yield* Effect.sleep("1 second")
      for (let index = 0; index < 20; index++) yield* field.honest[0]!.mesh.broadcast(`${index}`)
      yield* Effect.sleep("10 seconds")
      const before = yield* field.limits
      yield* field.crash(field.honest[1]!)
      yield* field.restart(field.honest[1]!)
      return [before.throttled > 0, (yield* field.limits).throttled >= before.throttled]
    }))

  assert.deepStrictEqual(exit, Exit.succeed([true, true]))
})
