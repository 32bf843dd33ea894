/**
 * The fifty rows, one after the other, in the numbers that a public node meets: `npm run hostile`.
 * `--only 3,7` plays some of them. Prints a table; the exit status is 1 when a row does not hold, when
 * something escaped, or when memory did not come back.
 *
 * Time to act is virtual (v) where the row is under a virtual clock. Memory is the heap in use before and
 * after, in MB, with garbage collected.
 */
import { Cause, Effect, Exit } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { end, flags } from "../../bench/flags.ts"
import { Guard } from "./Guard.ts"
import { underway } from "./heavy.ts"
import { rows } from "./rows.ts"

const options = flags({ only: { type: "string" } })
const chosen = options.only?.split(",").map(Number)
const all = [...rows, ...underway].toSorted((a, b) => a.number - b.number)
if (chosen?.some((number) => !all.some((row) => row.number === number)) === true) {
  end(`--only takes numbers of rows, 1 to ${all.at(-1)!.number}, with commas between.`)
}

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const settle = async (): Promise<number> => {
  // What a closed socket held goes some turns of the event loop later.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 30))
    collect()
  }
  return process.memoryUsage().heapUsed / 1e6
}

/** Code that a row is the first to use takes some memory for good: TLS most. */
const loadedMegabytes = 2

const guard = new Guard()
guard.start()
let failureCount = 0
console.log(" row  verdict  to act       heap MB before, after   what; the limit that acted")
for (const row of all) {
  if (chosen !== undefined && !chosen.includes(row.number)) continue
  const before = await settle()
  const exit = await Effect.runPromiseExit(row.play(true))
  const after = await settle()
  const isBack = after <= before * 1.1 + loadedMegabytes
  const holds = Exit.isSuccess(exit) && guard.escaped.length === 0 && isBack
  if (!holds) failureCount++
  const acted = Exit.isSuccess(exit) ? exit.value : { limit: Cause.pretty(exit.cause), millis: 0, note: undefined }
  const time = `${row.isVirtual ? "v" : " "} ${Math.round(acted.millis)} ms`
  const note = acted.note === undefined ? "" : ` (${acted.note})`
  console.log(
    `${String(row.number).padStart(4)}  ${holds ? "holds  " : "FAILS  "} ${time.padEnd(12)} ` +
      `${before.toFixed(1).padStart(7)} ${after.toFixed(1).padStart(7)}        ${row.what}; ${acted.limit}${note}`
  )
  if (!isBack) console.log("      memory did not come back")
  for (const escaped of guard.escaped.splice(0)) console.log(`      escaped: ${escaped}`)
}
console.log(failureCount === 0 ? "all hold" : `${failureCount} do not hold`)
process.exit(failureCount === 0 ? 0 : 1)
