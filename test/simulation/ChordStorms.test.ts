import { assert, describe, it } from "@effect/vitest"
import { type ChordStorm, explain, search } from "./chord/ChordStorm.ts"

const seedsUpTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

/** Runs one storm; fails with the seed and the shortest schedule of faults that breaks what must hold. */
const weather = (seed: number, changes: Partial<ChordStorm>) => {
  const result = search({
    nodes: 8 + seed % 5,
    seed: `${seed}`,
    durationSeconds: 60,
    faults: 10,
    clients: 5,
    keys: 6,
    latencyMillis: 20,
    ...changes
  })
  if (result._tag === "Failed") assert.fail(explain(result))
  assert.isAtLeast(result.figures.operations - result.figures.operationsFailed, 80)
}

describe("a ring in a storm", () => {
  it.each(seedsUpTo(22))("becomes one again, with every acknowledged write, seed %d", (seed) => weather(seed, {}))

  it("sees a write once, though its node stood still for more than half of its time", () =>
    weather(1176, {
      nodes: 9,
      durationSeconds: 120,
      faults: [{ atMillis: 3111, forMillis: 16_444, fault: { _tag: "Pause", node: "3" } }],
      clients: 6,
      isStrict: true,
      isForgetful: true
    }))

  it("has no node answer for its place by the word of a distant one, when it can dial none of those between", () =>
    weather(1004, { nodes: 12, durationSeconds: 120, faults: 25, clients: 6, isStrict: true }))

  it("leaves no old copy behind where the lists of a node of several places hold few others", () =>
    weather(20_140, { faults: 14, settings: { virtualNodes: 3 } }))
})
