import { assert, describe, it } from "@effect/vitest"
import { type ChordStorm, explain, search } from "./chord/ChordStorm.ts"

const storm: ChordStorm = {
  nodes: 9,
  seed: "2",
  durationSeconds: 60,
  faults: 16,
  clients: 5,
  keys: 6,
  latencyMillis: 20
}

/** Of the first of these storms that breaks anything: which one does hangs on every step of every node. */
const failureOf = (changes: Partial<ChordStorm>, maxRuns: number, seeds: ReadonlyArray<string> = [storm.seed]) => {
  for (const seed of seeds) {
    const result = search({ ...storm, ...changes, seed }, maxRuns)
    if (result._tag === "Failed") return result
  }
  return assert.fail("nothing broke")
}

describe("the search for faults that break a ring", () => {
  it("gives the same figures for the same storm", () => {
    const result = search(storm)

    assert.strictEqual(result._tag, "Held")
    assert.deepStrictEqual(search(storm), result)
  })

  it("finds that single copies and quorums of one give stale reads", () => {
    const failure = failureOf(
      { isStrict: true, settings: { copies: 1, readQuorum: 1, writeQuorum: 1 } },
      6,
      ["3", "6", "8", "9", "16"]
    )

    assert.include(
      ["StaleRead", "NonMonotonicRead", "ResurrectedDelete", "WriteOutOfOrder"],
      failure.violation.invariant
    )
    assert.include(explain(failure), `in a storm of {"nodes":9,"seed":"${failure.storm.seed}"`)
  })

  it("finds that two rings stay two when nobody looks for another one, and that a partition did it", () => {
    const failure = failureOf({
      settings: { probeInterval: "1 day" },
      faults: [{ atMillis: 1000, forMillis: 50_000, fault: { _tag: "Partition", groups: [["0", "1", "2", "3"]] } }, {
        atMillis: 2000,
        forMillis: 5000,
        fault: { _tag: "Skew", node: "8", millis: 100 }
      }]
    }, 4)

    assert.strictEqual(failure.violation.invariant, "becomes ideal again")
    assert.deepStrictEqual(failure.shortest.map(({ fault }) => fault._tag), ["Partition"])
  })
})
