/** What a virtual minute of idle nodes costs, at growing sizes: it should grow with their number alone. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Row } from "./report.ts"

const idle = fileURLToPath(new URL("./idle.ts", import.meta.url))

/** What docs/simulation.md advises for large runs: most of what a virtual second makes is gone after it. */
export const youngGeneration = ["--max-semi-space-size=128"]

/** Node-minutes of virtual time in a second of wall time, of so many idle nodes. */
const measure = (count: number): number => {
  const args = [
    "--conditions=effect-p2p-source",
    "--expose-gc",
    "--max-old-space-size=8192",
    ...youngGeneration,
    idle,
    String(count)
  ]
  const result: unknown = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }))
  if (typeof result !== "object" || result === null || !("minuteSeconds" in result)) throw new Error("no figures")
  return count / Number(result.minuteSeconds)
}

/** `sizes` beside the smallest of them; the biggest once, the others `rounds` times. */
export const measureSimulation = (sizes: ReadonlyArray<number>, rounds: number): ReadonlyArray<Row> => {
  const smallest = sizes[0]!
  return sizes.slice(1).map((size) => {
    const count = size >= 10_000 ? 1 : rounds
    const ours: Array<number> = []
    const theirs: Array<number> = []
    for (let round = 0; round < count; round++) {
      theirs.push(measure(smallest))
      ours.push(measure(size))
    }
    return {
      group: "simulation",
      name: `${size} idle nodes`,
      yardstick: `${smallest} idle nodes`,
      unit: "node-minutes",
      ours,
      theirs
    }
  })
}
