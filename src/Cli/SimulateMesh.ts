/** `p2p simulate mesh`: a mesh under load, and what came of it. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { percent } from "../Layers/Simulation/Figures.ts"
import type { MeshFigures } from "../Layers/Simulation/Mesh/MeshFigures.ts"
import type { MeshScenario } from "../Layers/Simulation/Mesh/MeshScenario.ts"
import type { MeshPictureData } from "../Layers/Simulation/Picture/MeshPicture.ts"
import * as FaultsFlag from "./FaultsFlag.ts"
import * as LongRun from "./LongRun.ts"
import * as NumberFlags from "./NumberFlags.ts"
import * as Output from "./Output.ts"
import * as OutputFile from "./OutputFile.ts"
import { ProgressBar } from "./ProgressBar.ts"
import { WrongUsage } from "./SecurityFlags.ts"
import { explain } from "./SimulateFailure.ts"
import * as SimulateFlags from "./SimulateFlags.ts"
import * as SimulateTrace from "./SimulateTrace.ts"

const flags = {
  nodes: NumberFlags.count("nodes", 100_000).pipe(
    Flag.withDescription("How many nodes (default 100)"),
    Flag.withDefault(100)
  ),
  seed: SimulateFlags.seed,
  duration: NumberFlags.span("duration", 24 * 3_600_000).pipe(
    Flag.withDescription("The virtual time over which the broadcasts are spread (default 1m)"),
    Flag.withDefault(60_000)
  ),
  broadcasts: NumberFlags.count("broadcasts", 1_000_000).pipe(
    Flag.withDescription("How many broadcasts of 64 bytes (default 100)"),
    Flag.withDefault(100)
  ),
  fail: NumberFlags.number("fail", 0, 0.95, "a fraction from 0 to 0.95").pipe(
    Flag.withMetavar("FRACTION"),
    Flag.withDescription("The fraction of the nodes that crash at once, half way (default 0)"),
    Flag.withDefault(0)
  ),
  churn: NumberFlags.span("churn", 24 * 3_600_000).pipe(
    Flag.withDescription("A node crashes and a new one joins, each so often (default never)"),
    Flag.optional
  ),
  faults: FaultsFlag.faults,
  seeds: NumberFlags.count("seeds", 1_000_000).pipe(
    Flag.withDescription(
      "With --faults N: so many seeds (default 1), the first one as --seed says; the first that breaks anything ends it. " +
        "--svg and --trace keep the last one"
    ),
    Flag.withDefault(1)
  ),
  loss: NumberFlags.number("loss", 0, 1, "a chance from 0 to 1").pipe(
    Flag.withMetavar("CHANCE"),
    Flag.withDescription("The chance that a send breaks its connection (default 0)"),
    Flag.withDefault(0)
  ),
  latency: NumberFlags.duration("latency", 60_000).pipe(
    Flag.withDescription(
      "The mean time between two nodes; each send takes half to one and a half of it (default 50ms)"
    ),
    Flag.withDefault(50)
  ),
  svg: OutputFile.flag("svg").pipe(
    Flag.withDescription("Draws the mesh, the spread of its broadcasts and its healing"),
    Flag.optional
  ),
  trace: SimulateTrace.trace,
  json: SimulateFlags.json
}

/**
 * Seeds were tried, and one broke an invariant.
 *
 * @category errors
 * @since 0.1.0
 */
export class SeedFailed extends Schema.TaggedError<SeedFailed>()("SeedFailed", { explanation: Schema.String }) {
  override get message(): string {
    return this.explanation
  }
}

/**
 * `p2p simulate mesh`.
 *
 * @category commands
 * @since 0.1.0
 */
export const mesh = Command.make(
  "mesh",
  flags,
  Effect.fnUntraced(
    function*({ broadcasts, churn, duration, fail, faults, json, latency, loss, nodes, seed, seeds, svg, trace }) {
      const files = { svg: Option.getOrUndefined(svg), trace: Option.getOrUndefined(trace) }
      if (files.svg !== undefined && files.svg === files.trace) {
        return yield* new WrongUsage({ detail: "--svg and --trace need a file each" })
      }
      yield* SimulateTrace.check(files.trace, { nodes, duration, churn })
      if (files.svg !== undefined) yield* OutputFile.check(files.svg)
      const bar = new ProgressBar(!json && process.stderr.isTTY === true)
      const scenario: MeshScenario = {
        nodes,
        seed,
        durationSeconds: duration / 1000,
        broadcasts,
        failFraction: fail,
        lossChance: loss,
        latencyMillis: latency,
        churnMillis: churn._tag === "Some" ? churn.value : undefined,
        faults: faults._tag === "Some"
          ? yield* FaultsFlag.readFaults(faults.value, nodes, churn._tag === "Some")
          : undefined,
        onProgress: (fraction) => bar.show(fraction)
      }
      if (typeof scenario.faults === "number") {
        return yield* tryOut({ ...scenario, faults: scenario.faults }, seeds, bar, json, files)
      }
      if (seeds > 1) return yield* new WrongUsage({ detail: "--seeds is for --faults N, which each seed draws anew" })
      yield* runOnce(scenario, bar, json, files)
    }
  )
).pipe(
  Command.withShortDescription("A mesh under load: broadcasts, a crash, faults, healing"),
  Command.withDescription(
    `Runs a mesh of whole nodes, the same code as over TCP, on a network in memory and a virtual clock,
and prints what came of it. The hash is the fingerprint of all that happened: the same flags and
seed give the same hash, on any machine.

With --faults nodes crash, lose power, stand still and come back, the network is parted, cut,
stalled and lossy, and clocks are wrong; meanwhile every second is checked, and two minutes after
the last fault all nodes must be connected again. When an invariant does not hold, it prints the
shortest schedule of faults that it found to break it.`
  ),
  Command.withExamples([
    { command: "p2p simulate mesh --nodes 200 --seed 7", description: "Two hundred nodes" },
    {
      command: "p2p simulate mesh --nodes 200 --fail 0.3 --svg mesh.svg",
      description: "A third crash at once; with a picture"
    },
    {
      command: "p2p simulate mesh --nodes 30 --fail 0.3 --trace mesh.jsonl && p2p replay mesh.jsonl",
      description: "The same to look at, step by step, in a browser"
    },
    {
      command: "p2p simulate mesh --nodes 20 --duration 7m --faults 15 --seeds 50",
      description: "Fifty storms of fifteen faults, checked"
    }
  ])
)

/** Where a run is kept, if anywhere. */
interface Files {
  readonly svg: string | undefined
  readonly trace: string | undefined
}

/** A recorder for a run, where one is asked for. */
const recorder = Effect.fnUntraced(function*({ trace }: Files) {
  if (trace === undefined) return undefined
  const { MeshTrace } = yield* Effect.promise(() => import("../Layers/Simulation/Mesh/MeshTrace.ts"))
  return new MeshTrace()
})

/** Writes the files of a run; one that broke an invariant, the one to look at, has no picture. */
const keep = Effect.fnUntraced(function*(
  { svg, trace: file }: Files,
  { nodes, seed, trace }: MeshScenario,
  picture: MeshPictureData | undefined
) {
  if (file !== undefined && trace !== undefined) yield* SimulateTrace.write(file, trace, { nodes, seed })
  if (svg === undefined || picture === undefined) return
  const { render } = yield* Effect.promise(() => import("../Layers/Simulation/Picture/MeshPicture.ts"))
  yield* OutputFile.write(svg, render(picture))
})

/** The same for one that broke an invariant: what it broke is told whether the files can be written or not. */
const keepFailed = (files: Files, scenario: MeshScenario) =>
  Effect.catchTag(
    keep(files, scenario, undefined),
    "FileUnwritable",
    (error) => Console.error(`p2p: ${error.message}`)
  )

const runOnce = Effect.fnUntraced(function*(given: MeshScenario, bar: ProgressBar, json: boolean, files: Files) {
  const { run } = yield* Effect.promise(() => import("../Layers/Simulation/Mesh/MeshScenario.ts"))
  const scenario = { ...given, trace: yield* recorder(files) }
  const [elapsed, exit] = yield* LongRun.timed(() => run(scenario))
  bar.end()
  if (Exit.isFailure(exit)) yield* keepFailed(files, scenario)
  const { figures, picture } = yield* exit
  // Neither a file that cannot be written must cost the figures, nor the figures a file.
  const told = yield* Effect.exit(print(figures, elapsed, json))
  yield* keep(files, scenario, picture)
  yield* told
})

/** One seed after the other, until an invariant does not hold; the files are those of the last one. */
const tryOut = Effect.fnUntraced(function*(
  given: MeshScenario & { readonly faults: number },
  seeds: number,
  bar: ProgressBar,
  json: boolean,
  files: Files
) {
  const { search } = yield* Effect.promise(() => import("../Layers/Simulation/Mesh/MeshSearch.ts"))
  const summary = `${seeds} seeds, ${given.faults} faults each: all invariants held\n`
  for (let index = 0; index < seeds; index++) {
    const onProgress = (fraction: number) => bar.show((index + fraction) / seeds)
    const scenario = { ...given, seed: seedAt(given.seed, index), trace: yield* recorder(files), onProgress }
    const [elapsed, found] = yield* LongRun.timed(() => search(scenario))
    bar.end()
    if (found._tag === "Failed") {
      yield* keepFailed(files, scenario)
      return yield* new SeedFailed({ explanation: explain(found) })
    }
    const { figures, picture } = found.result
    const isLast = index === seeds - 1
    const told = yield* Effect.exit(
      seeds === 1 || json ? print(figures, elapsed, json) : isLast ? Output.write(summary) : Effect.void
    )
    if (isLast) yield* keep(files, scenario, picture)
    yield* told
  }
})

/** The seed itself, then others after it: `"7"`, `"8"`, ... or `"storm"`, `"storm 1"`, ... */
const seedAt = (first: string, index: number): string => {
  if (index === 0) return first
  return /^\d{1,15}$/.test(first) ? `${Number(first) + index}` : `${first} ${index}`
}

const print = (
  figures: MeshFigures,
  elapsed: Duration.Duration,
  json: boolean
): Effect.Effect<void, Output.OutputFailed> => {
  const wallSeconds = Math.round(Duration.toMillis(elapsed)) / 1000
  return Output.write(`${json ? JSON.stringify({ ...figures, wallSeconds }) : describe(figures, wallSeconds)}\n`)
}

const delivered = ({ deliveredFraction, doubled }: MeshFigures): string =>
  deliveredFraction === null
    ? "nothing to deliver: no two nodes stayed connected"
    : `${percent(deliveredFraction)} of connected survivors, ${doubled} doubled`

const describe = (figures: MeshFigures, wallSeconds: number): string => {
  const { hops, latencyMillis } = figures
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["nodes", `${figures.nodes}, seed ${figures.seed}`],
    ["time", `${figures.virtualSeconds} s in ${wallSeconds} s`],
    ...(figures.faults === 0 ? [] : [["faults", `${figures.faults}, all invariants held`]] as const),
    ["broadcasts", `${figures.broadcasts}`],
    ["delivered", delivered(figures)],
    ["copies a delivery", `${figures.copiesPerDelivery}`],
    ["latency", `${latencyMillis.p50} ms median, ${latencyMillis.p99} ms p99, ${latencyMillis.max} ms at most`],
    ["hops", `${hops.p50} median, ${hops.p99} p99, ${hops.max} at most`],
    ["traffic", `${figures.messagesPerNodeSecond} messages, ${figures.bytesPerNodeSecond} bytes a node a second`],
    ["healed after", figures.healMillis === null ? "–" : `${figures.healMillis} ms`],
    ["hash", figures.hash]
  ]
  return rows.map(([name, value]) => `${name.padEnd(18)} ${value}`).join("\n")
}
