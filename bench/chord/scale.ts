/** The scale of row M19: ten thousand whole nodes for an hour. Its flags are in `run.ts`, for the memory is a target, too. */
import { Effect } from "effect"
import { atMost, exactly, type Row } from "./report.ts"
import { entriesOf, Ring, simulate } from "./Ring.ts"

/** A ring at peace: rounds of minutes, and few links, for their memory, that are still there in the next round. */
const settings = {
  stabilizeInterval: "5 minutes",
  fingerInterval: "15 minutes",
  repairInterval: "10 minutes",
  probeInterval: "1 hour",
  idleTimeout: "10 minutes",
  maxLinks: 6,
  leaveTimeout: 0
} as const

/** Ten nodes join in a second, and all of them live for an hour, with some keys for the second half of it. */
export const hour = (quick: boolean): ReadonlyArray<Row> => {
  const nodes = quick ? 500 : 10_000
  const entries = entriesOf(100)
  const found = simulate("scale", (simulation) =>
    Effect.gen(function*() {
      const ring = new Ring(simulation, settings)
      yield* ring.grow(nodes, 100)
      yield* Effect.sleep("30 minutes")
      const written = yield* ring.write(entries)
      yield* Effect.sleep("30 minutes")
      const { lost, unreadable } = yield* ring.read(entries)
      return { missing: entries.length - written + lost + unreadable, oneRingSeconds: yield* ring.untilOne }
    }))
  const what = `${nodes} nodes, an hour of all`
  return [
    atMost("M19", `${what}: seconds of wall time`, Math.round(performance.now() / 1000), 600),
    atMost("M19", `${what}: megabytes of memory at most`, Math.round(process.resourceUsage().maxRSS / 1024), 4096),
    exactly("M19", `${what}: of ${entries.length} keys, lost or unreadable`, found.missing, 0),
    exactly("M19", `${what}: seconds until they are one ring in order`, found.oneRingSeconds, 0)
  ]
}
