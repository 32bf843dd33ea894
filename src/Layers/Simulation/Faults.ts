/**
 * Faults in a simulation, and schedules of them: drawn from a seed, played on a simulation, and shortened
 * while they still make a property fail.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import { draw, seedOf } from "../../Transport/internal/Chance.ts"
import type { Fault, FaultSchedule, ScheduledFault } from "./Fault.ts"
import type { Simulation } from "./Simulation.ts"
import type { NodeStartError } from "./SimulationError.ts"

export { describe } from "./Fault.ts"

/**
 * What a random schedule is drawn from.
 *
 * @category options
 * @since 0.1.0
 */
export interface RandomScheduleOptions {
  readonly seed: string
  /** The names of the nodes that may be hit: at least two. */
  readonly nodes: ReadonlyArray<string>
  /** How many faults. */
  readonly count: number
  /** No fault begins before this time, in milliseconds from where the schedule is played. */
  readonly fromMillis: number
  /** Nor does one end after this one. */
  readonly toMillis: number
  /** How long a fault lasts at most, in milliseconds. Default 60000. */
  readonly maxForMillis?: number | undefined
}

/**
 * A schedule drawn from its seed alone. Throws a `RangeError` when there are fewer than two nodes, or no such number of
 * faults or times.
 *
 * @category constructors
 * @since 0.1.0
 */
export const random = (options: RandomScheduleOptions): FaultSchedule => {
  if (options.nodes.length < 2) {
    throw new RangeError(`nodes has ${options.nodes.length} names: give those of the two or more that may be hit`)
  }
  const { count, fromMillis, maxForMillis: longest = 60_000, toMillis } = options
  if (!(count >= 0 && count < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`count is ${count}: write how many faults, 0 or more`)
  }
  if (!(fromMillis >= 0 && toMillis >= fromMillis && toMillis < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`faults from ${fromMillis} to ${toMillis} ms: write two times, of which the first comes first`)
  }
  if (!(longest >= 0)) throw new RangeError(`maxForMillis is ${longest}: write milliseconds, 0 or more`)
  const chances = new Chances(options.seed)
  const spanMillis = toMillis - fromMillis
  const maxForMillis = Math.min(longest, spanMillis)
  const schedule: Array<ScheduledFault> = []
  for (let index = 0; index < count; index++) {
    const forMillis = Math.round(maxForMillis * chances.next() ** 2)
    const atMillis = Math.round(fromMillis + chances.next() * (spanMillis - forMillis))
    schedule.push({ atMillis, forMillis, fault: randomFault(chances, options.nodes) })
  }
  return schedule.sort((a, b) => a.atMillis - b.atMillis)
}

class Chances {
  readonly #seed: number
  #count = 0

  constructor(seed: string) {
    this.#seed = seedOf(`faults ${seed}`)
  }

  next(): number {
    return draw(this.#seed, this.#count++)
  }

  index(count: number): number {
    return Math.floor(this.next() * count)
  }

  pair(names: ReadonlyArray<string>): readonly [string, string] {
    const first = this.index(names.length)
    const second = (first + 1 + this.index(names.length - 1)) % names.length
    return [names[first]!, names[second]!]
  }
}

const randomFault = (chances: Chances, nodes: ReadonlyArray<string>): Fault => {
  const [one, other] = chances.pair(nodes)
  switch (chances.index(12)) {
    case 0:
    case 1:
      return { _tag: "Crash", node: one }
    case 2:
      return { _tag: "PowerCut", node: one }
    case 3:
      return { _tag: "Pause", node: one }
    case 4: {
      const group = nodes.filter(() => chances.next() < 0.5)
      // With nobody on one side nothing would be parted.
      return { _tag: "Partition", groups: [group.length === 0 || group.length === nodes.length ? [one] : group] }
    }
    case 5:
      return { _tag: "Cut", from: one, to: other }
    case 6:
      return { _tag: "Stall", one, other }
    case 7:
      return { _tag: "Refuse", node: one }
    case 8:
    case 9:
      return { _tag: "Reset", one, other, afterBytes: chances.index(300) }
    case 10:
      return { _tag: "Skew", node: one, millis: Math.round(40_000 * (chances.next() - 0.5)) }
    default:
      return {
        _tag: "Weather",
        lossChance: 0.05 * chances.next(),
        refuseChance: 0.5 * chances.next(),
        stallChance: 0.1 * chances.next()
      }
  }
}

/**
 * Has a fault begin. One that hits a node which does not run does nothing.
 *
 * @category running
 * @since 0.1.0
 */
export const inject = (simulation: Simulation, fault: Fault): Effect.Effect<void> => {
  const network = simulation.network
  switch (fault._tag) {
    case "Crash":
      return Effect.ignore(simulation.crash(fault.node))
    case "PowerCut":
      return Effect.ignore(simulation.crash(fault.node, { silently: true }))
    case "Pause":
      return Effect.ignore(simulation.pause(fault.node))
    case "Partition":
      return network.partition(fault.groups)
    case "Cut":
      return network.cut(fault.from, fault.to)
    case "Stall":
      return network.stall(fault.one, fault.other)
    case "Refuse":
      return network.refuse(fault.node)
    case "Reset":
      return network.reset(fault.one, fault.other, { afterBytes: fault.afterBytes })
    case "Skew":
      return simulation.skew(fault.node, fault.millis)
    case "Weather":
      return network.setConditions(fault)
  }
}

/**
 * Makes a fault good: the node is started again or goes on, the network is whole, the clock is right.
 *
 * @category running
 * @since 0.1.0
 */
export const repair = (simulation: Simulation, fault: Fault): Effect.Effect<void, NodeStartError> => {
  const { network, options } = simulation
  switch (fault._tag) {
    case "Crash":
    case "PowerCut":
      return Effect.flatMap(simulation.running, (names) =>
        names.includes(fault.node)
          ? Effect.void
          : Effect.catchTag(simulation.restart(fault.node), "NodeNameError", () => Effect.void))
    case "Pause":
      return Effect.ignore(simulation.resume(fault.node))
    case "Partition":
      return network.heal
    case "Cut":
      return network.mend(fault.from, fault.to)
    case "Stall":
      return network.unstall(fault.one, fault.other)
    case "Refuse":
      return network.accept(fault.node)
    case "Reset":
      return Effect.void
    case "Skew":
      return simulation.skew(fault.node, 0)
    case "Weather":
      return network.setConditions({
        lossChance: options.lossChance ?? 0,
        refuseChance: options.refuseChance ?? 0,
        stallChance: options.stallChance ?? 0
      })
  }
}

/**
 * Plays a schedule from now on, to the end of its last fault. Faults that meet are borne: a crash or a pause of
 * a node that does not run, or stands still already, does nothing, nor does its end; of other faults of one kind that hit the
 * same, as two cuts between two nodes or two partitions do, the one that began last counts, and at its end the one before it
 * again. A node that takes time to end or to start again holds up no other fault; the end waits for it, and fails when
 * one did not start: join the fiber that plays, or nobody hears of it. Names are those that `start` was given or will be: a partition holds for nodes that start later,
 * too, and a name that no node ever has is not told of.
 *
 * @category running
 * @since 0.1.0
 */
export const play = Effect.fnUntraced(function*(simulation: Simulation, schedule: FaultSchedule) {
  const playing: Playing = { simulation, holders: new Map(), standing: new Map(), pending: [] }
  const steps = schedule.flatMap((scheduled) => [
    { millis: scheduled.atMillis, act: begin(playing, scheduled) },
    { millis: scheduled.atMillis + scheduled.forMillis, act: end(playing, scheduled) }
  ])
  steps.sort((a, b) => a.millis - b.millis)
  let now = 0
  for (const { act, millis } of steps) {
    if (millis > now) yield* Effect.sleep(millis - now)
    now = Math.max(now, millis)
    yield* act
  }
  for (const each of playing.pending) yield* Fiber.join(each)
})

/** A schedule that is being played. */
interface Playing {
  readonly simulation: Simulation
  /** By node: the fault that keeps it from running, at whose end alone it runs again. */
  readonly holders: Map<string, ScheduledFault>
  /** By what they hit: the other faults that have begun and are not over, in the order of their beginnings. */
  readonly standing: Map<string, ReadonlyArray<ScheduledFault>>
  /** Ends and starts of nodes that may take time. */
  readonly pending: Array<Fiber.Fiber<void, NodeStartError>>
}

/** The node that a fault keeps from running. */
const heldBy = (fault: Fault): string | undefined =>
  fault._tag === "Crash" || fault._tag === "PowerCut" || fault._tag === "Pause" ? fault.node : undefined

/** What a fault changes until its end, so that another one of its kind may as well: undefined for one that only happens. */
const siteOf = (fault: Fault): string | undefined => {
  switch (fault._tag) {
    case "Cut":
      return `Cut ${fault.from} ${fault.to}`
    case "Stall":
      return `Stall ${[fault.one, fault.other].toSorted().join(" ")}`
    case "Refuse":
    case "Skew":
      return `${fault._tag} ${fault.node}`
    case "Partition":
    case "Weather":
      return fault._tag
    default:
      return undefined
  }
}

/** A node that crashes may take time in its finalizers: the next faults do not wait for that. */
const begin = Effect.fnUntraced(function*(
  { holders, pending, simulation, standing }: Playing,
  scheduled: ScheduledFault
) {
  const { fault } = scheduled
  const node = heldBy(fault)
  if (node !== undefined) {
    const isStill = holders.get(node)?.fault._tag === "Pause"
    if ((isStill && fault._tag === "Pause") || !(yield* simulation.running).includes(node)) return
    holders.set(node, scheduled)
  }
  const site = siteOf(fault)
  if (site !== undefined) standing.set(site, [...standing.get(site) ?? [], scheduled])
  const injecting = inject(simulation, fault)
  if (node === undefined) yield* injecting
  else pending.push(yield* Effect.forkChild(injecting, { startImmediately: true }))
})

/** A node may wait for others when it starts, and they for the end of another fault: that is done beside the rest. */
const end = Effect.fnUntraced(
  function*({ holders, pending, simulation, standing }: Playing, scheduled: ScheduledFault) {
    const { fault } = scheduled
    const node = heldBy(fault)
    if (node !== undefined) {
      if (holders.get(node) !== scheduled) return
      holders.delete(node)
    }
    const site = siteOf(fault)
    if (site !== undefined) {
      const all = standing.get(site) ?? []
      const others = all.filter((other) => other !== scheduled)
      standing.set(site, others)
      const last = others.at(-1)
      if (last !== undefined) {
        // The one that it took the place of counts again, unless it is the same.
        if (all.at(-1) === scheduled && !Equal.equals(last.fault, fault)) yield* inject(simulation, last.fault)
        return
      }
    }
    pending.push(yield* Effect.forkChild(repair(simulation, fault), { startImmediately: true }))
  }
)

/**
 * The shortest schedule found that still fails: faults are left out, halves first, then single
 * ones, for as long as `fails` says so. At most `maxRuns` runs (default 200). What `fails` throws, as `Simulation.run` does
 * with a `Deadlock`, ends it.
 *
 * @category running
 * @since 0.1.0
 */
export const shrink = (
  schedule: FaultSchedule,
  fails: (schedule: FaultSchedule) => boolean,
  maxRuns = 200
): FaultSchedule => {
  let shortest = schedule
  let runCount = 0
  for (let size = Math.max(1, shortest.length >> 1), isShorter = false; size >= 1;) {
    isShorter = false
    for (let start = 0; start < shortest.length && runCount < maxRuns;) {
      const candidate = [...shortest.slice(0, start), ...shortest.slice(start + size)]
      runCount++
      if (fails(candidate)) {
        shortest = candidate
        isShorter = true
      } else start += size
    }
    if (runCount >= maxRuns) break
    if (!isShorter || size > 1) size >>= 1
  }
  return shortest
}
