/** `p2p simulate`: whole networks in one process, under a virtual clock, from a seed. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { MeshFigures } from "../Layers/Simulation/MeshScenario.ts"

/** A number within bounds; anything else is wrong usage. */
const number = (name: string, minimum: number, maximum: number, what: string): Flag.Flag<number> =>
  Flag.Finite(name).pipe(Flag.filter((value) => value >= minimum && value <= maximum, () => what))

const count = (name: string, maximum: number): Flag.Flag<number> =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.filter((value) => value >= 1 && value <= maximum, () => `a number from 1 to ${maximum}`)
  )

/** A time with its unit. */
const duration = (name: string, maxMillis: number): Flag.Flag<number> =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.filterMap((text) => {
      const millis = toMillis(text)
      return millis !== undefined && millis <= maxMillis ? Option.some(millis) : Option.none()
    }, () => "a time such as 50ms, 10s or 5m")
  )

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const toMillis = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  return match === null ? undefined : Number(match[1]) * units[match[2]!]!
}

const flags = {
  nodes: count("nodes", 100_000).pipe(Flag.withDescription("How many nodes"), Flag.withDefault(100)),
  seed: Flag.String("seed").pipe(
    Flag.withMetavar("SEED"),
    Flag.withDescription("Everything hangs on it: the same seed, the same run (default \"1\")"),
    Flag.withDefault("1")
  ),
  duration: duration("duration", 24 * 3_600_000).pipe(
    Flag.withDescription("The virtual time over which the broadcasts are spread (default 1m)"),
    Flag.withDefault(60_000)
  ),
  broadcasts: count("broadcasts", 1_000_000).pipe(
    Flag.withDescription("How many broadcasts of 64 bytes"),
    Flag.withDefault(100)
  ),
  fail: number("fail", 0, 0.95, "a fraction from 0 to 0.95").pipe(
    Flag.withMetavar("FRACTION"),
    Flag.withDescription("The fraction of the nodes that crash at once, half way (default 0)"),
    Flag.withDefault(0)
  ),
  loss: number("loss", 0, 1, "a chance from 0 to 1").pipe(
    Flag.withMetavar("CHANCE"),
    Flag.withDescription("The chance that a send breaks its connection (default 0)"),
    Flag.withDefault(0)
  ),
  latency: duration("latency", 60_000).pipe(
    Flag.withDescription(
      "The mean time between two nodes; each send takes half to one and a half of it (default 50ms)"
    ),
    Flag.withDefault(50)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the figures as one JSON object"),
    Flag.withDefault(false)
  )
}

const mesh = Command.make(
  "mesh",
  flags,
  Effect.fnUntraced(function*({ broadcasts, duration, fail, json, latency, loss, nodes, seed }) {
    const { run } = yield* Effect.promise(() => import("../Layers/Simulation/MeshScenario.ts"))
    const bar = new ProgressBar(!json && process.stderr.isTTY === true)
    const [elapsed, exit] = yield* Effect.timed(Effect.sync(() =>
      run({
        nodes,
        seed,
        durationSeconds: duration / 1000,
        broadcasts,
        failFraction: fail,
        lossChance: loss,
        latencyMillis: latency,
        onProgress: (fraction) => bar.show(fraction)
      })
    ))
    bar.end()
    const figures = yield* exit
    const wallSeconds = Math.round(Duration.toMillis(elapsed)) / 1000
    yield* Console.log(json ? JSON.stringify({ ...figures, wallSeconds }) : describe(figures, wallSeconds))
  })
).pipe(
  Command.withShortDescription("A mesh under load: broadcasts, a crash, healing"),
  Command.withDescription(
    `Runs a mesh of whole nodes, the same code as over TCP, on a network in memory and a virtual clock,
and prints what came of it. The hash is the fingerprint of all that happened: the same flags and
seed give the same hash, on any machine.`
  ),
  Command.withExamples([
    { command: "p2p simulate mesh --nodes 200 --seed 7", description: "Two hundred nodes" },
    { command: "p2p simulate mesh --nodes 200 --fail 0.3 --json", description: "A third crash at once" }
  ])
)

/**
 * `p2p simulate`.
 *
 * @category commands
 * @since 0.1.0
 */
export const simulate = Command.make("simulate").pipe(
  Command.withShortDescription("Run whole networks under a virtual clock, from a seed"),
  Command.withSubcommands([mesh])
)

const describe = (figures: MeshFigures, wallSeconds: number): string => {
  const { hops, latencyMillis } = figures
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["nodes", `${figures.nodes}, seed ${figures.seed}`],
    ["time", `${figures.virtualSeconds} s in ${wallSeconds} s`],
    ["broadcasts", `${figures.broadcasts}`],
    [
      "delivered",
      `${(100 * figures.deliveredFraction).toFixed(2)} % of connected survivors, ${figures.doubled} doubled`
    ],
    ["copies a delivery", `${figures.copiesPerDelivery}`],
    ["latency", `${latencyMillis.p50} ms median, ${latencyMillis.p99} ms p99, ${latencyMillis.max} ms at most`],
    ["hops", `${hops.p50} median, ${hops.p99} p99, ${hops.max} at most`],
    ["traffic", `${figures.messagesPerNodeSecond} messages, ${figures.bytesPerNodeSecond} bytes a node a second`],
    ["healed after", figures.healMillis === null ? "–" : `${figures.healMillis} ms`],
    ["hash", figures.hash]
  ]
  return rows.map(([name, value]) => `${name.padEnd(18)} ${value}`).join("\n")
}

/** How far a run is, in one line of a terminal. */
class ProgressBar {
  readonly #isShown: boolean
  #percent = -1

  constructor(isShown: boolean) {
    this.#isShown = isShown
  }

  show(fraction: number): void {
    const percent = Math.floor(100 * fraction)
    if (!this.#isShown || percent === this.#percent) return
    this.#percent = percent
    const done = Math.floor(percent / 4)
    process.stderr.write(`\r${"█".repeat(done)}${"░".repeat(25 - done)} ${percent} %`)
  }

  end(): void {
    if (this.#isShown) process.stderr.write("\r\u001b[K")
  }
}
