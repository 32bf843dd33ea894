import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import { type ChordScenario, run } from "../../../../src/Layers/Simulation/Chord/ChordScenario.ts"

const play = (changes: Partial<ChordScenario> = {}) => {
  const exit = run({
    nodes: 20,
    seed: "1",
    durationSeconds: 60,
    lookups: 200,
    keys: 20,
    failFraction: 0,
    lossChance: 0,
    latencyMillis: 50,
    ...changes
  })
  return Exit.isSuccess(exit) ? exit.value : assert.fail(`the scenario did not come to its end: ${exit.cause}`)
}

describe("ChordScenario", () => {
  it("measures a ring at peace: every lookup right, every key there, the invariant kept", () => {
    const figures = play()

    assert.deepInclude(figures, {
      lookups: 200,
      lookupsFailed: 0,
      keysLost: 0,
      keysUnreadable: 0,
      invariantViolations: 0,
      isIdeal: true,
      healSeconds: null,
      neighborsHealSeconds: null
    })
    // An answer may come late: delays have no bound here.
    assert.isBelow(figures.timeoutsMean, 0.05)
    // Half the logarithm of the size at most, and more than none.
    assert.isTrue(figures.hopsMean > 0.5 && figures.hopsMean < Math.log2(20) / 2 + 0.1, `${figures.hopsMean} hops`)
    // A get reads three placements, a set writes all five with their copies.
    assert.isTrue(figures.messagesPerGet > 6 && figures.messagesPerSet > figures.messagesPerGet)
    assert.isAbove(figures.sendsPerSet, figures.messagesPerSet)
  })

  it("gives the same figures for the same scenario, and others for another seed", () => {
    const scenario = { nodes: 12, lookups: 50, failFraction: 0.2, lossChance: 0.01 }
    const figures = play(scenario)

    assert.deepStrictEqual(play(scenario), figures)
    assert.notStrictEqual(play({ ...scenario, seed: "2" }).hash, figures.hash)
  })

  it("takes a setting that is undefined for one that is not given", () => {
    const scenario = { nodes: 6, lookups: 4, keys: 4, durationSeconds: 10 }

    assert.deepStrictEqual(play({ ...scenario, settings: { stabilizeInterval: undefined } }), play(scenario))
  })

  it("measures how a ring heals: neighbors first, and no lookup wrong from the crash on", () => {
    const figures = play({ failFraction: 0.3 })

    assert.deepInclude(figures, { lookupsFailed: 0, keysLost: 0 })
    assert.isNotNull(figures.healSeconds)
    assert.isAtMost(figures.neighborsHealSeconds!, figures.healSeconds!)
  })

  it("knows when the only one that is left has healed", () => {
    const figures = play({ nodes: 2, failFraction: 0.5, keys: 0, lookups: 10, durationSeconds: 10 })

    assert.isNotNull(figures.healSeconds)
    assert.isBelow(figures.virtualSeconds, 600)
  })

  it("blames no key for a reader that crashed", () => {
    const churned = { seed: "51", keys: 60, lookups: 10, durationSeconds: 1, churnMillis: 2000 }

    assert.deepInclude(play(churned), { keysLost: 0, keysUnreadable: 0 })
  })

  it("counts the lookups that come to nothing among all", () => {
    const figures = play({ nodes: 6, lookups: 20, durationSeconds: 20, keys: 0, lossChance: 0.9 })

    assert.strictEqual(figures.lookups, 20)
    assert.isAbove(figures.lookupsFailed, 0)
  })

  it("leaves the dead in everybody's lists while it is frozen", () => {
    const frozen = play({ failFraction: 0.3, isFrozen: true, keys: 0 })

    assert.deepInclude(frozen, { lookupsFailed: 0, isIdeal: false, healSeconds: null })
    assert.isNotNull(play({ failFraction: 0.3, keys: 0 }).healSeconds)
  })

  it("names the right owners while nodes come and go", () => {
    const figures = play({ churnMillis: 20_000, durationSeconds: 120 })

    assert.deepInclude(figures, { lookupsFailed: 0, keysLost: 0, keysUnreadable: 0 })
    assert.isAbove(figures.busyMessagesPerNodeSecond, figures.messagesPerNodeSecond)
  })
})
