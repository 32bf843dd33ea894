/**
 * Fuzzes what reads bytes from strangers: `npm run fuzz -- [--minutes N] [--target NAME] [--seed TEXT]`.
 *
 * The minutes (default 5) are for all targets together, in equal parts. Findings are written to
 * `test/fuzz/findings`, where the tests find them; the exit status is 1 when there are any.
 */
import { end, flags, positive } from "../../bench/flags.ts"
import { Coverage } from "./Coverage.ts"
import { fuzz } from "./Fuzzer.ts"
import { targets } from "./Targets.ts"

const options = flags({
  minutes: { type: "string", default: "5" },
  target: { type: "string" },
  seed: { type: "string", default: String(Date.now()) }
})

const chosen = targets.filter(({ name }) => options.target === undefined || name === options.target)
if (chosen.length === 0) {
  end(`no target "${options.target}": there are ${targets.map(({ name }) => name).join(", ")}`)
}
const millis = positive("minutes", options.minutes) * 60_000 / chosen.length
console.log(`seed ${options.seed}, ${Math.round(millis / 1000)} s for each target`)
let findingCount = 0
for (const target of chosen) {
  const coverage = new Coverage()
  const { corpusCount, count, findings } = await fuzz(target, { millis, seed: options.seed, coverage, writes: true })
  console.log(
    `${target.name.padEnd(14)} ${String(count).padStart(9)} inputs  ${
      String(coverage.blockCount).padStart(6)
    } blocks  ` +
      `${String(corpusCount).padStart(6)} in the corpus  ${findings.length} findings`
  )
  coverage.stop()
  findingCount += findings.length
  for (const { error, file } of findings) console.log(`  ${file}\n  ${String(error).slice(0, 500)}`)
}
process.exit(findingCount === 0 ? 0 : 1)
