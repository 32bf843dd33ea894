/**
 * The benchmarks behind every figure: `npm run bench`.
 *
 *     node bench/run.ts [--quick] [--check] [--json FILE] [--only TEXT] [--profile DIRECTORY]
 *
 * `--quick` takes under 20 seconds, for a first look. `--json` writes the figures to a file.
 * `--only` measures the cases whose name contains the text (`codec`, `compression`, `one to one`, `line of five, 64 B`, `latency`, `links`, `simulation`, `start`, `chord`).
 * `--check` holds the figures against `bench/floors.json`, and ends with 1 when one is worse than its floor.
 * `--profile` makes each worker process leave a CPU profile, which `bench/profile.ts` sums up.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { measureChord } from "./chord/throughput.ts"
import { measureCodec } from "./codec.ts"
import { compressionTable, measureCompression } from "./compression.ts"
import { flags } from "./flags.ts"
import { check } from "./floors.ts"
import { measureLinks } from "./links.ts"
import { machine, table, toFigure } from "./report.ts"
import { measureSimulation } from "./simulation.ts"
import { measureStart } from "./start.ts"
import { measureLatency, measureThroughput } from "./throughput.ts"

const options = flags({
  quick: { type: "boolean", default: false },
  check: { type: "boolean", default: false },
  json: { type: "string" },
  only: { type: "string", default: "" },
  profile: { type: "string" }
})

// A worker that cannot leave its profile fails at the end of a measurement.
if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true })

const codecOptions = options.quick ? { rounds: 5, turnMillis: 15 } : { rounds: 7, turnMillis: 80 }
const throughputOptions = options.quick ? { rounds: 3, millis: 40 } : { rounds: 5, millis: 800 }

const codec = "codec".includes(options.only) ? await measureCodec(codecOptions) : []
const compressionOptions = options.quick ? { rounds: 3, turnMillis: 15 } : { rounds: 5, turnMillis: 60 }
const compression = "compression".includes(options.only) ? measureCompression(compressionOptions) : []
const networkOptions = { ...throughputOptions, only: options.only, profileDirectory: options.profile }
const throughput = await measureThroughput(networkOptions)
const latency = "latency".includes(options.only) ? await measureLatency(networkOptions) : []
const links = "links".includes(options.only) ? await measureLinks(options.quick ? 1 : 5) : []
const sizes = options.quick ? [100, 1000] : [100, 1000, 10_000]
const simulation = "simulation".includes(options.only) ? measureSimulation(sizes, options.quick ? 1 : 3) : []
const start = "start".includes(options.only) ? await measureStart({ rounds: options.quick ? 3 : 7 }) : []
// A ring needs half a minute to come to rest.
const isChord = "chord".includes(options.only) && (!options.quick || options.only !== "")
const chord = isChord ? await measureChord({ ...networkOptions, millis: 800 }) : []
const rows = [...codec, ...compression, ...throughput, ...latency, ...links, ...simulation, ...start, ...chord]
const figures = rows.map(toFigure)
console.log([table(figures), ...compressionTable(figures)].join("\n\n"))
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`)
if (options.check) {
  const verdict = check(figures)
  console.log(`\n${verdict.text}`)
  if (!verdict.holds) process.exitCode = 1
}
