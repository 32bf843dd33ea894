/**
 * The second part of `p2p demo`: five nodes keep a dictionary together, and one of them is killed. It
 * runs in a process of its own, through `p2p chord`; the others run here, through the library.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Chord } from "../Chord/Chord.ts"
import * as NodeChord from "../Layers/NodeChord.ts"
import { format } from "../Protocol/PeerAddress.ts"
import { startProcess } from "./DemoProcess.ts"
import { DemoFailed, ms, type Stage } from "./DemoStage.ts"

/** A node of the dictionary that runs in this process. */
interface LocalNode {
  readonly name: string
  readonly address: string
  readonly chord: Chord["Service"]
}

/** Rounds much shorter than the defaults, so that the story is short. */
const stabilizeMillis = 300
const periods = {
  stabilizeInterval: stabilizeMillis,
  fingerInterval: stabilizeMillis,
  repairInterval: 3 * stabilizeMillis,
  probeInterval: 6 * stabilizeMillis
}

const startLocal = Effect.fnUntraced(function*(name: string, bootstrap: ReadonlyArray<string>) {
  const chord = Context.get(
    yield* Layer.build(Layer.fresh(NodeChord.layer({ ...periods, bootstrap, leaveTimeout: "1 second" }))),
    Chord
  )
  return { name, address: format(chord.address), chord }
})

/** The lines of `p2p chord --json` that the demo follows. */
const Got = Schema.fromJsonString(
  Schema.Struct({ event: Schema.Literal("get"), key: Schema.String, value: Schema.NullOr(Schema.String) })
)
const decodeGot = Schema.decodeOption(Got)

/** A node in a process of its own, which notes what it was asked to get. */
const startChild = Effect.fnUntraced(function*(name: string, join: string, onNews: () => void) {
  const got = new Map<string, string | null>()
  const args = ["chord", "--json", "--join", join, "--stabilize", `${stabilizeMillis}ms`]
  const child = yield* startProcess(name, args, (line) => {
    const found = decodeGot(line)
    if (Option.isNone(found)) return
    got.set(found.value.key, found.value.value)
    onNews()
  })
  return { ...child, got }
})

/** What is stored: one value that is told of, and many others. */
const color = "color"
const entries: ReadonlyArray<readonly [key: string, value: string]> = [
  [color, "blue"],
  ...Array.from({ length: 99 }, (_, index) => [`key ${index + 2}`, `value ${index + 2}`] as const)
]

/** The nodes that a node knows, itself first, in the order of the ring. */
const knownTo = ({ chord }: LocalNode): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    chord.ring,
    ([member]) =>
      member === undefined ?
        [] :
        [member.membership.self, ...member.membership.successors].map(({ address }) => format(address))
  )

/** Whether each of the nodes knows so many, all of them in the same round. */
const agree = (nodes: ReadonlyArray<LocalNode>, count: number): Effect.Effect<boolean> =>
  Effect.map(Effect.forEach(nodes, knownTo), (views) => views.every((view) => isSameRound(view, views[0]!, count)))

const isSameRound = (view: ReadonlyArray<string>, other: ReadonlyArray<string>, count: number): boolean => {
  const start = other.indexOf(view[0]!)
  return view.length === count && other.length === count && start !== -1 &&
    view.every((address, index) => address === other[(start + index) % count])
}

interface Named {
  readonly name: string
  readonly address: string
}

/** The ring from a node on and back to it, as names. */
const round = (from: LocalNode, all: ReadonlyArray<Named>): Effect.Effect<string> =>
  Effect.map(
    knownTo(from),
    (addresses) =>
      [...addresses, from.address].map((address) => all.find((node) => node.address === address)?.name ?? address).join(
        " ─→ "
      )
  )

/** The keys whose value a node does not find. */
const missing = ({ chord }: LocalNode) =>
  Effect.map(
    Effect.forEach(entries, ([key, value]) =>
      Effect.map(Effect.option(chord.get(key)), (found) =>
        Option.getOrUndefined(Option.flatten(found)) === value ? [] : [key]), { concurrency: 8 }),
    (keys) =>
      keys.flat()
  )

const startRing = Effect.fnUntraced(function*({ onNews, tell, untilTrue }: Stage) {
  yield* tell("A dictionary. Five nodes start: Fay, Gus, Ida and Jon in this process, Hal in his own")
  const fay = yield* startLocal("Fay", [])
  const hal = yield* startChild("Hal", fay.address, onNews)
  const gus = yield* startLocal("Gus", [fay.address])
  const ida = yield* startLocal("Ida", [fay.address])
  const jon = yield* startLocal("Jon", [fay.address])
  const nodes = { fay, gus, hal, ida, jon }
  yield* untilTrue("the five nodes know each other", agree([fay, gus, ida, jon], 5))
  yield* tell("Each took a place in a ring, given by its id, and knows who follows:")
  yield* tell(`    ${yield* round(fay, Object.values(nodes))}`)
  return nodes
})

type Nodes = Effect.Success<ReturnType<typeof startRing>>

const showValues = Effect.fnUntraced(function*({ tell, until, untilTrue }: Stage, nodes: Nodes) {
  const { gus, hal, ida } = nodes
  const setMillis = yield* untilTrue("Gus sets the values", Effect.as(gus.chord.update(entries), true))
  yield* tell(`Gus set "${color}" to "blue", and ${entries.length - 1} other keys, in ${ms(setMillis)}`)
  const { hops, owner } = yield* ida.chord.lookup(color)
  const name = Object.values(nodes).find(({ address }) => address === format(owner.address))?.name
  const way = hops === 0 ? "without asking" : `after ${hops} ${hops === 1 ? "hop" : "hops"}`
  yield* tell(`Each lies at five places in the ring. Who has the first one of "${color}"? ${name}, Ida says ${way}`)
  yield* hal.command(`get ${color}`)
  const getMillis = yield* until("Hal gets the color", () => hal.got.get(color) === "blue")
  yield* tell(`Hal, in his process, gets "${color}": "${hal.got.get(color)}", after ${ms(getMillis)}`)
})

const checkValues = Effect.fnUntraced(function*(node: LocalNode) {
  const keys = yield* missing(node)
  if (keys.length > 0) {
    return yield* new DemoFailed({ expectation: `${node.name} finds every value, but not that of ${keys.join(", ")}` })
  }
})

const showCrash = Effect.fnUntraced(function*({ tell, untilTrue }: Stage, { fay, gus, hal, ida, jon }: Nodes) {
  yield* tell("Hal's process is killed, without a goodbye")
  yield* hal.kill
  const readMillis = yield* untilTrue("Jon reads all values", Effect.as(checkValues(jon), true))
  yield* tell(`Jon reads all ${entries.length} values at once, round the hole: none is lost, after ${ms(readMillis)}`)
  const living = [fay, gus, ida, jon]
  const repairMillis = yield* untilTrue("the four others close the ring", agree(living, 4))
  yield* tell(`The ring is closed again, ${ms(repairMillis)} later:`)
  yield* tell(`    ${yield* round(fay, living)}`)
})

const showNewcomer = Effect.fnUntraced(function*({ tell, untilTrue }: Stage, { fay, gus, ida, jon }: Nodes) {
  const kim = yield* startLocal("Kim", [jon.address])
  const all = [fay, gus, ida, jon, kim]
  yield* untilTrue("Kim has her place in the ring", agree(all, 5))
  yield* tell("Kim comes in Hal's stead:")
  yield* tell(`    ${yield* round(fay, all)}`)
  yield* untilTrue(
    "Kim has her share",
    Effect.map(kim.chord.ring, (members) => members.every(({ isSyncing }) => !isSyncing))
  )
  const { storage } = yield* kim.chord.stats
  yield* tell(`The others gave her ${storage.records} of the values to keep, as their first owner or as a copy`)
  yield* checkValues(kim)
  yield* tell(`She reads all ${entries.length} of them.`)
})

/**
 * What a dictionary does. Fails with `DemoFailed` when a step does not come true.
 *
 * @category commands
 * @since 0.1.0
 */
export const show = Effect.fnUntraced(function*(stage: Stage) {
  const nodes = yield* startRing(stage)
  yield* showValues(stage, nodes)
  yield* showCrash(stage, nodes)
  yield* showNewcomer(stage, nodes)
}, Effect.scoped)
