/** Faults that break a simulated mesh, told to a person. */
import { describe } from "../Layers/Simulation/Fault.ts"
import type { FaultScenario, FoundFailure } from "../Layers/Simulation/Mesh/MeshSearch.ts"
import { flagText } from "./Invocation.ts"

/**
 * What was found: what broke, with which faults, and the command that shows it again.
 *
 * @category encoding
 * @since 0.1.0
 */
export const explain = ({ other, scenario, shortest, violation }: FoundFailure): string =>
  [
    violation.message,
    `the faults that are needed, ${shortest.length} of ${scenario.faults}:`,
    describe(shortest).replace(/^/gm, "  "),
    `again: p2p simulate mesh${flagsOf(scenario)}`,
    `and with these alone, in a file given as --faults FILE: ${JSON.stringify(shortest)}`,
    ...(other === undefined ? [] : [
      `a shorter schedule fails in another way: ${other.message}`,
      `with these alone: ${JSON.stringify(other.schedule)}`
    ])
  ].join("\n")

/** Every flag that a run depends on; those that are zero or not set say nothing. */
const flagsOf = (scenario: FaultScenario): string => {
  const { broadcasts, churnMillis, durationSeconds, failFraction, faults, latencyMillis, lossChance, nodes } = scenario
  const flags: ReadonlyArray<readonly [name: string, value: string | number | undefined]> = [
    ["nodes", nodes],
    ["seed", scenario.seed],
    ["duration", `${durationSeconds}s`],
    ["broadcasts", broadcasts],
    ["latency", `${latencyMillis}ms`],
    ["loss", lossChance || undefined],
    ["fail", failFraction || undefined],
    ["churn", churnMillis === undefined ? undefined : `${churnMillis}ms`],
    ["faults", faults]
  ]
  return flags.map(([name, value]) => flagText(name, value)).join("")
}
