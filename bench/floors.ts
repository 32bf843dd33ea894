/**
 * The figures that must hold, in `bench/floors.json`: for each the worst `ratio` to its yardstick that is let
 * pass, or the worst value of `ours`, and the one that is aimed at. Where the two differ docs/performance.md
 * says what is between them.
 */
import { readFileSync } from "node:fs"
import { type Figure, layOut } from "./report.ts"

interface Floor {
  readonly name: string
  readonly yardstick: string
  /** What is looked at. Default: the ratio. */
  readonly of?: "ratio" | "ours"
  /** Exactly one of the two is there. */
  readonly atLeast?: number
  readonly atMost?: number
  readonly aim: number
}

const floors = JSON.parse(readFileSync(new URL("floors.json", import.meta.url), "utf8")) as ReadonlyArray<Floor>

/** Every measured figure that has a floor, beside it. */
export const check = (figures: ReadonlyArray<Figure>): { readonly holds: boolean; readonly text: string } => {
  const rows: Array<ReadonlyArray<string>> = []
  let failedCount = 0
  for (const floor of floors) {
    const figure = figures.find(({ name, yardstick }) => name === floor.name && yardstick === floor.yardstick)
    if (figure === undefined) continue
    const value = figure[floor.of ?? "ratio"]
    const limit = floor.atLeast ?? floor.atMost!
    const holds = floor.atLeast === undefined ? value <= limit : value >= limit
    if (!holds) failedCount++
    const bound = `${floor.atLeast === undefined ? "at most" : "at least"} ${limit}`
    rows.push([floor.name, floor.yardstick, value.toFixed(2), bound, String(floor.aim), holds ? "holds" : "FAILS"])
  }
  const table = layOut([["", "against", "figure", "floor", "aim", ""], ...rows])
  return { holds: failedCount === 0, text: `${table}\n\n${failedCount} of ${rows.length} under their floor` }
}
