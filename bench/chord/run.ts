/**
 * The targets of docs/chord.md, measured on whole nodes in simulation: `npm run simulate:chord`.
 *
 *     node bench/chord/run.ts [--rows M3,M4] [--quick] [--jobs 2] [--json FILE]
 *
 * `--rows` measures these alone. `--quick` takes smaller rings and shorter times; the whole table takes
 * an hour or more, mostly for M4, M6, M11 and M13. `--jobs` rows are measured at once, each in a process of its own: by default as
 * many as there are cores, and room for. `--json` writes the rows to a file. Ends with 1 when a target is missed.
 */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { availableParallelism, totalmem } from "node:os"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { end, flags, positive } from "../flags.ts"
import { youngGeneration } from "../simulation.ts"
import { note, type Row, table } from "./report.ts"

/** Its targets are time and memory, so it is measured by itself, at last. */
const scale = "M19-scale"
const known = `M1,M2,M3,M4,M5,M6,M7,M8,M9,M10,M11,M12,M13,M14,M16,M18,M19,M20,${scale}`

const options = flags({
  rows: { type: "string", default: known },
  quick: { type: "boolean", default: false },
  jobs: { type: "string" },
  json: { type: "string" }
})

const chosen = options.rows.split(",")
const unknown = chosen.find((id) => !known.split(",").includes(id))
if (unknown !== undefined) end(`there is no row "${unknown}": there are ${known}`)

const script = fileURLToPath(new URL("./row.ts", import.meta.url))

/** The heap and the young generation of the ten thousand nodes: with the engine that is less than four gigabytes. */
const scaleFlags = ["--max-old-space-size=3500", "--max-semi-space-size=64"]

const heapMegabytes = 6144

const defaultJobs = Math.min(availableParallelism(), Math.floor(totalmem() / (heapMegabytes * 2 ** 20)))

const jobs = options.jobs === undefined ? Math.max(1, defaultJobs) : Math.ceil(positive("jobs", options.jobs))

const measure = async (id: string): Promise<unknown> => {
  const flags = id === scale ? scaleFlags : [`--max-old-space-size=${heapMegabytes}`, ...youngGeneration]
  const args = ["--conditions=effect-p2p-source", ...flags, script, id]
  if (options.quick) args.push("--quick")
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

const isRow = (value: unknown): value is Row =>
  typeof value === "object" && value !== null && "id" in value && "measured" in value

const rowsOf = async (id: string): Promise<ReadonlyArray<Row>> => {
  if (id === "M7") return [note(id, "the invariant at every step, all interleavings", "npm test: test/Chord/model")]
  if (id === "M8") return [note(id, "mutants of the ring's steps", "npm test: test/Chord/model")]
  if (id !== "M19") {
    const found = await measure(id)
    return Array.isArray(found) ? found.filter(isRow) : []
  }
  const hashes = [await measure(id), await measure(id), await measure(id)].map(String)
  const distinct = new Set(hashes).size
  return [{ id, what: "fingerprints of three processes", measured: hashes[0]!, target: "one", holds: distinct === 1 }]
}

const printed = (id: string): Effect.Effect<ReadonlyArray<Row>> =>
  Effect.promise(async () => {
    const start = performance.now()
    const rows = await rowsOf(id)
    console.log(`${table(rows)}\n${id} took ${Math.round((performance.now() - start) / 1000)} s\n`)
    return rows
  })

const [alone, others] = [chosen.filter((id) => id === scale), chosen.filter((id) => id !== scale)]
const measured = Effect.gen(function*() {
  const first = yield* Effect.forEach(others, printed, { concurrency: jobs })
  return [...first, ...(yield* Effect.forEach(alone, printed))].flat()
})

const all = await Effect.runPromise(measured)
console.log(table(all))
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(all, undefined, 2)}\n`)
process.exitCode = all.some((row) => row.holds === false) ? 1 : 0
