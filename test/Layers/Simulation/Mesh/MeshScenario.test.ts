import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import { type MeshScenario, run } from "../../../../src/Layers/Simulation/Mesh/MeshScenario.ts"

const scenario: MeshScenario = {
  nodes: 60,
  seed: "a",
  durationSeconds: 30,
  broadcasts: 30,
  failFraction: 0,
  lossChance: 0,
  latencyMillis: 50
}

const figures = (changes: Partial<MeshScenario>) => {
  const exit = run({ ...scenario, ...changes })
  return Exit.isSuccess(exit) ? exit.value.figures : assert.fail(`the scenario failed: ${exit.cause}`)
}

describe("MeshScenario", () => {
  it.each(
    [
      [{ nodes: 0 }, "nodes is 0: write a whole number, 1 or more"],
      [{ broadcasts: Number.NaN }, "broadcasts is NaN: write a whole number, 0 or more"],
      [{ failFraction: 2 }, "failFraction is 2: write a number from 0 to 1"],
      [{ latencyMillis: Number.NaN }, "latencyMillis is NaN: write a number, 0 or more"],
      [{ churnMillis: 0 }, "churnMillis is 0: write milliseconds, more than 0"]
    ] as const
  )("refuses what no scenario can have, rather than run for ever: %j", (wrong, says) => {
    assert.throws(() => run({ ...scenario, ...wrong }), RangeError, says)
  })

  it("delivers everything once in a quiet mesh, within the copies that a flood needs", () => {
    const quiet = figures({})

    assert.deepStrictEqual([quiet.deliveredFraction, quiet.doubled, quiet.healMillis], [1, 0, null])
    // RMR of a flood is d·n/(n-1) - 2 at most, with degree d of two times four links.
    assert.isAtMost(quiet.copiesPerDelivery - 1, 8 * 60 / 59 - 2 + 0.001)
    assert.isAtMost(quiet.latencyMillis.max, quiet.hops.max * 75 + 0.001)
  })

  it.each([0.3, 0.5])(
    "reaches all connected survivors after %d of the nodes crashed at once, and heals",
    (failFraction) => {
      for (const seed of ["a", "b", "c"]) {
        const { deliveredFraction, doubled, healMillis } = figures({ seed, failFraction })

        assert.deepStrictEqual([deliveredFraction, doubled], [1, 0], `seed ${seed}`)
        assert.isTrue(healMillis !== null && healMillis <= 5000, `seed ${seed} healed after ${healMillis} ms`)
      }
    }
  )

  it("takes a setting that is undefined for one that is not given", () => {
    const crashes = { nodes: 20, failFraction: 0.3 }

    assert.deepStrictEqual(figures({ ...crashes, settings: { maxOutboundLinks: undefined } }), figures(crashes))
  })

  it("tells nobody anything twice though connections break", () => {
    const lossy = figures({ lossChance: 0.005 })

    assert.strictEqual(lossy.doubled, 0)
    assert.isAbove(lossy.deliveredFraction ?? 0, 0.99)
  })

  it("finds together in the peace after faults though nodes came and went", () => {
    const settings = { nodes: 10, seed: "1", churnMillis: 1000, durationSeconds: 60 }
    // Whoever the node was told of at its first start is gone when it starts again.
    const crash = { atMillis: 500, forMillis: 59_000, fault: { _tag: "Crash", node: "5" } } as const

    for (const faults of [[], [crash]]) assert.include(figures({ ...settings, faults }), { faults: faults.length })
  })

  it("knows no fraction where there was nothing to deliver", () => {
    assert.strictEqual(figures({ nodes: 5, lossChance: 1 }).deliveredFraction, null)
    assert.strictEqual(figures({ nodes: 1 }).deliveredFraction, null)
  })
})
