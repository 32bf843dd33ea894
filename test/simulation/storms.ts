/** Storms of random faults over a mesh of twenty nodes, ten virtual minutes each, that must break nothing. */
import { assert } from "@effect/vitest"
import { explain } from "../../src/Cli/SimulateFailure.ts"
import { search } from "../../src/Layers/Simulation/Mesh/MeshSearch.ts"

/** Runs one storm; fails with the seed and the shortest schedule of faults that breaks what must hold. */
export const weather = (seed: number): void => {
  const found = search({
    nodes: 20,
    seed: `${seed}`,
    durationSeconds: 430,
    broadcasts: 43,
    failFraction: 0,
    lossChance: 0,
    latencyMillis: 50,
    faults: 15
  })
  if (found._tag === "Failed") assert.fail(explain(found))
  const { figures } = found.result
  assert.isAtLeast(figures.virtualSeconds, 600)
  assert.strictEqual(figures.doubled, 0)
}
