/** `p2p simulate attack`: a mesh among sybils, and what came of it. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { attackNames } from "../Layers/Simulation/Attack/MeshAttackFigures.ts"
import * as LongRun from "./LongRun.ts"
import * as NumberFlags from "./NumberFlags.ts"
import * as Output from "./Output.ts"
import { ProgressBar } from "./ProgressBar.ts"
import { WrongUsage } from "./SecurityFlags.ts"
import * as SimulateFlags from "./SimulateFlags.ts"

/** The target of an eclipse and three bootstrap nodes. */
const minNodes = 4
const maxNodes = 10_000

const flags = {
  name: Argument.Literals("name", attackNames).pipe(
    Argument.withDescription("What the sybils do; see docs/attacks.md")
  ),
  nodes: NumberFlags.count("nodes", maxNodes).pipe(
    Flag.filter((count) => count >= minNodes, () => `a number from ${minNodes} to ${maxNodes}`),
    Flag.withDescription("How many honest nodes (default 30)"),
    Flag.withDefault(30)
  ),
  ratio: NumberFlags.number("ratio", 0, 100, "a number from 0 to 100").pipe(
    Flag.withMetavar("RATIO"),
    Flag.withDescription("How many sybils for each honest node (default 1)"),
    Flag.withDefault(1)
  ),
  seed: SimulateFlags.seed,
  claimIds: Flag.Boolean("claim-ids").pipe(
    Flag.withDescription("In an eclipse: the sybils go by the ids of honest nodes"),
    Flag.withDefault(false)
  ),
  latency: NumberFlags.duration("latency", 60_000).pipe(
    Flag.withDescription(
      "The mean time between two nodes; each send takes half to one and a half of it (default 50ms)"
    ),
    Flag.withDefault(50)
  ),
  messages: NumberFlags.count("messages-per-second", 10_000).pipe(
    Flag.withDescription("The most that a node reads of one peer in a second (maxMessagesPerSecond, default 10000)"),
    Flag.optional
  ),
  json: SimulateFlags.json
}

/**
 * `p2p simulate attack`.
 *
 * @category commands
 * @since 0.1.0
 */
export const attack = Command.make(
  "attack",
  flags,
  Effect.fnUntraced(function*({ claimIds, json, latency, messages, name, nodes, ratio, seed }) {
    if (claimIds && name !== "eclipse") return yield* new WrongUsage({ detail: "--claim-ids is for eclipse" })
    const { describe, run } = yield* Effect.promise(() => import("../Layers/Simulation/Attack/MeshAttack.ts"))
    const bar = new ProgressBar(!json && process.stderr.isTTY === true)
    const [elapsed, exit] = yield* LongRun.timed(() =>
      run({
        attack: name,
        honest: nodes,
        sybilRatio: ratio,
        seed,
        claimsIds: claimIds,
        latencyMillis: latency,
        settings: Option.isSome(messages) ? { maxMessagesPerSecond: messages.value } : {},
        onProgress: (fraction) => bar.show(fraction)
      })
    )
    bar.end()
    const figures = yield* exit
    const wallSeconds = Math.round(Duration.toMillis(elapsed)) / 1000
    const rows = describe(figures).map(([row, text]) => `${row.padEnd(18)} ${text}`)
    yield* Output.write(`${json ? JSON.stringify({ ...figures, wallSeconds }) : rows.join("\n")}\n`)
  })
).pipe(
  Command.withShortDescription("A mesh among sybils: how much still arrives"),
  Command.withDescription(
    `Runs a mesh of honest nodes twice from one seed, among sybils and without them, on a network in
memory and a virtual clock, and prints what the sybils cost it. The attacks are those of the
gossipsub evaluation that apply to a flood, and a flood of broadcasts over links of 2 Mbit/s:

    cold-boot     sybils start with the honest nodes, and pass on nothing
    covert-flash  they start with them and relay as they should, until all stop at once
    degradation   they join a standing network, pass on half of the broadcasts, and those late
    eclipse       they take the links of one node, and of the bootstrap nodes
    flood         they join a standing network, and broadcast as fast as their links take`
  ),
  Command.withExamples([
    {
      command: "p2p simulate attack cold-boot --nodes 30 --ratio 10",
      description: "Ten sybils to one node, from the start"
    },
    {
      command: "p2p simulate attack flood --nodes 10 --ratio 0.1",
      description: "One sybil among ten nodes, which broadcasts as fast as its links take"
    },
    {
      command: "p2p simulate attack eclipse --nodes 30 --ratio 1 --claim-ids",
      description: "Sybils that borrow the ids of the target's peers"
    }
  ])
)
