/** Measures one row and prints it as JSON: `node row.ts M3 [--quick]`. */
import { parseArgs } from "node:util"
import * as course from "./course.ts"
import { load, placements } from "./load.ts"
import type { Row } from "./report.ts"
import * as scale from "./scale.ts"
import * as scenario from "./scenario.ts"

const rows: Readonly<Record<string, (quick: boolean) => ReadonlyArray<Row> | string>> = {
  M1: placements,
  M2: load,
  M3: scenario.pathLength,
  M4: scenario.failures,
  M5: scenario.heal,
  M6: scenario.churn,
  M9: course.growth,
  M10: course.partition,
  M11: scenario.blow,
  M12: course.waves,
  M13: course.histories,
  M14: course.expiry,
  M16: scenario.upkeep,
  M18: scenario.costs,
  M19: scenario.fingerprint,
  "M19-scale": scale.hour,
  M20: course.restart
}

const { positionals: [id = ""], values: { quick } } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false } }
})
const row = rows[id]
if (row === undefined) throw new Error(`there is no row "${id}": ${Object.keys(rows).join(", ")}`)
console.log(JSON.stringify(row(quick)))
