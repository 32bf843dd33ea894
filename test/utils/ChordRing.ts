/** Rings of whole chord nodes in a simulation. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, type Scope } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import * as Invariant from "../../src/Chord/Invariant.ts"
import { tables } from "../../src/Chord/KeyPlacement.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"

/** Rounds that are short, so that tests need little virtual time. */
export const quick = {
  stabilizeInterval: "1 second",
  fingerInterval: "1 second",
  repairInterval: "3 seconds",
  probeInterval: "5 seconds",
  leaveTimeout: "5 seconds"
} as const

export type Settings = Partial<MemoryChord.MemoryChordOptions>

/** Runs a simulation with 20 ms between nodes; gives what its body gives. */
export const simulate = <A, E>(
  body: (simulation: Simulation.Simulation) => Effect.Effect<A, E, Scope.Scope>,
  options: Partial<Simulation.SimulationOptions> = {}
): A => {
  const exit = Simulation.run({ seed: "ring", latency: "20 millis", startMillis: 1e12, ...options }, body)
  return Exit.isSuccess(exit) ? exit.value : assert.fail(`the run failed: ${exit.cause}`)
}

/** Starts the node of that name, on the host of that name. */
export const startNode = (simulation: Simulation.Simulation, host: string, settings: Settings = {}) =>
  Effect.map(
    simulation.start(host, MemoryChord.layerTransport({ ...quick, ...settings, host })),
    Context.get(Chord)
  )

/** Nodes `0`, `1`, ... that joined the first one, once their ring is ideal. */
export const startRing = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  count: number,
  settings: Settings = {}
) {
  const nodes: Array<Chord["Service"]> = []
  for (let index = 0; index < count; index++) {
    const bootstrap = index === 0 ? [] : ["0:5555"]
    nodes.push(yield* startNode(simulation, `${index}`, { ...settings, bootstrap }))
    yield* Effect.sleep("300 millis")
  }
  yield* untilIdeal(nodes)
  return nodes
})

/** What the members of some nodes know. */
export const snapshotOf = (nodes: ReadonlyArray<Chord["Service"]>): Effect.Effect<Invariant.Snapshot> =>
  Effect.map(Effect.forEach(nodes, (node) => node.ring), (rings) => ({
    members: rings.flat().map((member) => member.membership)
  }))

/** Waits, for two minutes at most, until every member knows exactly what it should. */
export const untilIdeal = Effect.fnUntraced(function*(nodes: ReadonlyArray<Chord["Service"]>) {
  for (let second = 0; second < 120; second++) {
    const snapshot = yield* snapshotOf(nodes)
    if (snapshot.members.length >= nodes.length && Invariant.isIdeal(snapshot)) return second
    yield* Effect.sleep("1 second")
  }
  return assert.fail("the ring did not become ideal within two minutes")
})

/** The hosts that own the five placements of a key. */
export const ownersOf = (chord: Chord["Service"], key: string) =>
  Effect.forEach(tables, (table) => Effect.map(chord.lookup(key, { table }), ({ owner }) => owner.address.host))

/** A key with five owners, of which node 0 is none. */
export const findKey = Effect.fnUntraced(function*(chord: Chord["Service"]) {
  for (let count = 0;; count++) {
    const key = `key ${count}`
    const owners = yield* ownersOf(chord, key)
    if (new Set(owners).size === 5 && !owners.includes("0")) return { key, owners }
  }
})
