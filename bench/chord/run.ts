/**
 * The targets of docs/chord.md, measured on whole nodes in simulation: `npm run simulate:chord`.
 *
 *     node bench/chord/run.ts [--rows M3,M4] [--quick] [--json FILE]
 *
 * `--rows` measures these alone. `--quick` takes smaller rings and shorter times; the whole table is a
 * matter of hours, mostly M4 and M6. `--json` writes the rows to a file. Ends with 1 when a target
 * is missed.
 */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { end, flags } from "../flags.ts"
import { youngGeneration } from "../simulation.ts"
import { note, type Row, table } from "./report.ts"

const known = "M1,M2,M3,M4,M5,M6,M7,M8,M9,M10,M11,M12,M13,M14,M16,M18,M19,M20"
/** What is not reached, and asked for by name. */
const scale = "M19-scale"

const options = flags({
  rows: { type: "string", default: known },
  quick: { type: "boolean", default: false },
  json: { type: "string" }
})

const chosen = options.rows.split(",")
const unknown = chosen.find((id) => ![...known.split(","), scale].includes(id))
if (unknown !== undefined) end(`there is no row "${unknown}": there are ${known},${scale}`)

const script = fileURLToPath(new URL("./row.ts", import.meta.url))

/** The heap and the young generation of the ten thousand nodes: with the engine that is less than four gigabytes. */
const scaleFlags = ["--max-old-space-size=3500", "--max-semi-space-size=64"]

const measure = (id: string): unknown => {
  const flags = id === scale ? scaleFlags : ["--max-old-space-size=6144", ...youngGeneration]
  const args = ["--conditions=effect-p2p-source", ...flags, script, id]
  if (options.quick) args.push("--quick")
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 24 }))
}

const isRow = (value: unknown): value is Row =>
  typeof value === "object" && value !== null && "id" in value && "measured" in value

const rowsOf = (id: string): ReadonlyArray<Row> => {
  if (id === "M7") return [note(id, "the invariant at every step, all interleavings", "npm test: test/Chord/model")]
  if (id === "M8") return [note(id, "mutants of the ring's steps", "npm test: test/Chord/model")]
  if (id !== "M19") {
    const found = measure(id)
    return Array.isArray(found) ? found.filter(isRow) : []
  }
  const hashes = [1, 2, 3].map(() => String(measure(id)))
  const distinct = new Set(hashes).size
  return [{ id, what: "fingerprints of three processes", measured: hashes[0]!, target: "one", holds: distinct === 1 }]
}

const all: Array<Row> = []
for (const id of chosen) {
  const start = performance.now()
  const rows = rowsOf(id)
  const seconds = Math.round((performance.now() - start) / 1000)
  console.log(`${table(rows)}\n${id} took ${seconds} s\n`)
  all.push(...rows)
}
console.log(table(all))
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(all, undefined, 2)}\n`)
process.exitCode = all.some((row) => row.holds === false) ? 1 : 0
