/** `p2p simulate chord`: a ring under load, and what came of it. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ChordFigures } from "../Layers/Simulation/Chord/ChordScenario.ts"
import * as LongRun from "./LongRun.ts"
import * as NumberFlags from "./NumberFlags.ts"
import * as Output from "./Output.ts"
import { ProgressBar } from "./ProgressBar.ts"
import * as SimulateFlags from "./SimulateFlags.ts"
import * as SimulateTrace from "./SimulateTrace.ts"

const flags = {
  nodes: NumberFlags.count("nodes", 100_000).pipe(
    Flag.withDescription("How many nodes (default 50)"),
    Flag.withDefault(50)
  ),
  seed: SimulateFlags.seed,
  duration: NumberFlags.span("duration", 24 * 3_600_000).pipe(
    Flag.withDescription("The virtual time over which the lookups are spread (default 1m)"),
    Flag.withDefault(60_000)
  ),
  lookups: NumberFlags.count("lookups", 10_000_000).pipe(
    Flag.withDescription("How many lookups, by nodes drawn by chance (default 1000)"),
    Flag.withDefault(1000)
  ),
  keys: NumberFlags.count("keys", 1_000_000).pipe(
    Flag.withDescription("How many keys are written before and read after (default 100)"),
    Flag.withDefault(100)
  ),
  fail: NumberFlags.number("fail", 0, 0.95, "a fraction from 0 to 0.95").pipe(
    Flag.withMetavar("FRACTION"),
    Flag.withDescription("The fraction of the nodes that crash at once, before the lookups (default 0)"),
    Flag.withDefault(0)
  ),
  churn: NumberFlags.span("churn", 24 * 3_600_000).pipe(
    Flag.withDescription("A node crashes and a new one joins, each so often on average (default never)"),
    Flag.optional
  ),
  loss: NumberFlags.number("loss", 0, 1, "a chance from 0 to 1").pipe(
    Flag.withMetavar("CHANCE"),
    Flag.withDescription("The chance that a send breaks its connection, during the lookups (default 0)"),
    Flag.withDefault(0)
  ),
  latency: NumberFlags.duration("latency", 60_000).pipe(
    Flag.withDescription("The mean time between two nodes, exponentially distributed (default 50ms)"),
    Flag.withDefault(50)
  ),
  stabilize: NumberFlags.span("stabilize", 3_600_000).pipe(
    Flag.withDescription("How often a node asks its successor (default 10s)"),
    Flag.withDefault(10_000)
  ),
  trace: SimulateTrace.trace,
  json: SimulateFlags.json
}

/**
 * `p2p simulate chord`.
 *
 * @category commands
 * @since 0.1.0
 */
export const chord = Command.make(
  "chord",
  flags,
  Effect.fnUntraced(function*(options) {
    const file = Option.getOrUndefined(options.trace)
    yield* SimulateTrace.check(file, options)
    const { run } = yield* Effect.promise(() => import("../Layers/Simulation/Chord/ChordScenario.ts"))
    const { ChordTrace } = yield* Effect.promise(() => import("../Layers/Simulation/Chord/ChordTrace.ts"))
    const trace = file === undefined ? undefined : new ChordTrace()
    const bar = new ProgressBar(!options.json && process.stderr.isTTY === true)
    const [elapsed, exit] = yield* LongRun.timed(() =>
      run({
        nodes: options.nodes,
        seed: options.seed,
        durationSeconds: options.duration / 1000,
        lookups: options.lookups,
        keys: options.keys,
        failFraction: options.fail,
        churnMillis: options.churn._tag === "Some" ? options.churn.value : undefined,
        lossChance: options.loss,
        latencyMillis: options.latency,
        settings: { stabilizeInterval: options.stabilize },
        trace,
        onProgress: (fraction) => bar.show(fraction)
      })
    )
    bar.end()
    // A file that cannot be written must not cost the figures, nor hide why there are none.
    const told = yield* Effect.exit(Effect.flatMap(exit, (figures) => print(figures, elapsed, options.json)))
    if (file !== undefined && trace !== undefined) {
      const { nodes, seed } = options
      const { ChordConfig } = yield* Effect.promise(() => import("../Chord/ChordConfig.ts"))
      const kept = SimulateTrace.write(file, trace, { nodes, seed, bits: ChordConfig.defaults.bits })
      yield* Exit.isFailure(told) ? Effect.ignore(kept) : kept
    }
    yield* told
  })
).pipe(
  Command.withShortDescription("A ring under load: keys, lookups, crashes, repair"),
  Command.withDescription(
    `Runs a ring of whole nodes, the same code as over TCP, on a network in memory and a virtual clock:
they join, keys are written, nodes crash or come and go, keys are looked up, and read at the end.
Prints what came of it. The hash is the fingerprint of all that happened: the same flags and seed
give the same hash, on any machine.`
  ),
  Command.withExamples([
    { command: "p2p simulate chord --nodes 100 --fail 0.5", description: "Half of a hundred nodes crash at once" },
    { command: "p2p simulate chord --nodes 100 --churn 10s --duration 10m", description: "Nodes come and go" },
    {
      command: "p2p simulate chord --nodes 24 --fail 0.3 --trace ring.jsonl && p2p replay ring.jsonl",
      description: "A ring to look at, step by step, in a browser"
    }
  ])
)

const print = (figures: ChordFigures, elapsed: Duration.Duration, json: boolean) => {
  const wallSeconds = Math.round(Duration.toMillis(elapsed)) / 1000
  return Output.write(`${json ? JSON.stringify({ ...figures, wallSeconds }) : describe(figures, wallSeconds)}\n`)
}

const describe = (figures: ChordFigures, wallSeconds: number): string => {
  const { hops, lookupMillis } = figures
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["nodes", `${figures.nodes}, seed ${figures.seed}`],
    ["time", `${figures.virtualSeconds} s in ${wallSeconds} s`],
    ["lookups", `${figures.lookups}, ${figures.lookupsFailed} failed or wrong`],
    ["hops", `${figures.hopsMean} on average, ${hops.p50} median, ${hops.p99} p99`],
    ["timeouts", `${figures.timeoutsMean} a lookup`],
    ["latency", `${lookupMillis.p50} ms median, ${lookupMillis.p99} ms p99`],
    ["keys", `${figures.keys}, ${figures.keysLost} lost, ${figures.keysUnreadable} unreadable`],
    ["ring", `${figures.isIdeal ? "ideal" : "not ideal"}, ${figures.invariantViolations} violations of its invariant`],
    ["healed after", figures.healSeconds === null ? "–" : `${figures.healSeconds} s`],
    ["upkeep", `${figures.messagesPerNodeSecond} messages, ${figures.bytesPerNodeSecond} bytes a node a second`],
    ["hash", figures.hash]
  ]
  return rows.map(([name, value]) => `${name.padEnd(18)} ${value}`).join("\n")
}
