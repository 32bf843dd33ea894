import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import { explain } from "../../src/Cli/SimulateFailure.ts"
import { run } from "../../src/Layers/Simulation/Mesh/MeshScenario.ts"
import { type FaultScenario, search } from "../../src/Layers/Simulation/Mesh/MeshSearch.ts"
import { MeshTrace } from "../../src/Layers/Simulation/Mesh/MeshTrace.ts"
import { InvariantViolated } from "../../src/Layers/Simulation/SimulationError.ts"

const scenario: FaultScenario = {
  nodes: 8,
  seed: "3",
  durationSeconds: 120,
  broadcasts: 40,
  failFraction: 0,
  lossChance: 0,
  latencyMillis: 50,
  faults: 12
}

const failureOf = (changes: Partial<FaultScenario>) => {
  const result = search({ ...scenario, ...changes })
  return result._tag === "Failed" ? result : assert.fail("nothing broke")
}

describe("the search for faults that break a mesh", () => {
  it("gives the figures of a mesh that nothing breaks", () => {
    const found = search(scenario)

    assert.strictEqual(found._tag, "Held")
    assert.deepInclude(found._tag === "Held" ? found.result.figures : {}, { faults: 12, doubled: 0 })
  })

  it("does not take for leaks what nodes go on dialing that find no room for their links", () => {
    const settings = { maxOutboundLinks: 4, maxInboundLinks: 3 }
    const found = search({
      ...scenario,
      nodes: 14,
      seed: "0",
      durationSeconds: 10,
      broadcasts: 5,
      latencyMillis: 500,
      faults: 0,
      settings
    })

    assert.strictEqual(found._tag, "Held", found._tag === "Failed" ? explain(found) : "")
  })

  it("wants no node to be found that only knew one on the other side of a partition, which went for good meanwhile", () => {
    const groups = [["0", "1", "2", "3", "4", "5", "6", "10", "11"]]
    const exit = run({
      ...scenario,
      nodes: 12,
      seed: "c10",
      durationSeconds: 300,
      broadcasts: 100,
      churnMillis: 15_000,
      faults: [{ atMillis: 236_581, forMillis: 39_996, fault: { _tag: "Partition", groups } }]
    })

    assert.isTrue(Exit.isSuccess(exit), `${exit}`)
  })

  it("finds a mesh that forgets what it has seen, and that one late message is enough", () => {
    const trace = new MeshTrace()
    const { shortest, violation } = failureOf({ settings: { maxSeenIds: 1 }, trace })

    assert.include(["exactly once", "relayed once"], violation.invariant)
    assert.lengthOf(shortest, 1)
    // The run that failed, not those that shorten its schedule.
    assert.strictEqual(trace.toText({ nodes: 8, seed: "3" }).match(/"start","node":"7"/g)?.length, 1)
  })

  it("finds a mesh that does not heal, with the shortest schedule and the command that shows it", () => {
    const failure = failureOf({ settings: { reconnectBase: "1 hour", reconnectMax: "1 hour" } })

    assert.strictEqual(failure.violation.invariant, "converges")
    assert.isTrue(failure.shortest.length >= 1 && failure.shortest.length <= 4, explain(failure))
    for (const text of ["no path from node", "p2p simulate mesh --nodes 8 --seed 3", `"_tag":`]) {
      assert.include(explain(failure), text)
    }
  })

  it("keeps what it found where a shorter schedule fails in another way, and tells of that as well", () => {
    let starts = 0
    const settings = {
      reconnectMax: "1 hour",
      get reconnectBase(): "1 hour" {
        // The first run has some twenty; this one is in one of those that shorten its schedule.
        if (++starts === 60) throw new Error("a defect of its own")
        return "1 hour"
      }
    } as const
    const failure = failureOf({ settings })

    assert.strictEqual(failure.violation.invariant, "converges")
    assert.isTrue(failure.shortest.length >= 1 && failure.shortest.length <= 4, explain(failure))
    assert.include(explain(failure), "a shorter schedule fails in another way: seed \"3\" did not run: ")
    assert.include(explain(failure), "a defect of its own")
  })

  it("names every flag of the run that broke something", () => {
    const violation = new InvariantViolated({ invariant: "converges", atMillis: 0, detail: "", seed: "storm 1" })
    const stormy = { ...scenario, seed: "storm 1", failFraction: 0.25, churnMillis: 5000, lossChance: 0.01 }

    assert.include(
      explain({ _tag: "Failed", scenario: stormy, violation, shortest: [], other: undefined }),
      "again: p2p simulate mesh --nodes 8 --seed 'storm 1' --duration 120s --broadcasts 40 --latency 50ms " +
        "--loss 0.01 --fail 0.25 --churn 5000ms --faults 12\n"
    )
  })
})
