/**
 * All interleavings of a small ring. Every state that can be reached is visited once, breadth first,
 * so that a violation is found at its fewest steps.
 *
 * Steps that no one else can see are taken at once: a question is delivered when it is put, unless it
 * is about a closer successor, because between putting and delivering it nothing hangs on it (the
 * asked one answers with its state at delivery, and a round can begin as late as one likes); and a
 * predecessor that is asked whether it lives is found alive or dead at once, because the notification
 * that leads to that can be late as well. Hints are left out, and so is the round that a new member
 * begins with, since it comes like any other. A member has one round under way at a time. Nobody lives
 * twice.
 */
import * as Invariant from "../../../src/Chord/Invariant.ts"
import type { Membership } from "../../../src/Chord/Membership.ts"
import * as Members from "../../../src/Chord/Membership.ts"
import { isAllowed } from "./Contract.ts"
import type { Operations } from "./Operations.ts"
import { keyOf, type Message, type Slot, Stage, World } from "./World.ts"

export interface Bounds {
  readonly bits: number
  readonly positions: ReadonlyArray<bigint>
  readonly successorCount: number
  readonly initial: ReadonlyArray<Slot>
  readonly contract: "fail" | "connected" | "growing"
  /** How many members may fail in one run. */
  readonly maxFailures: number
  /** States to visit before it stops. */
  readonly maxStates: number
}

export interface Report {
  readonly stateCount: number
  readonly stepCount: number
  /** Whether every state that can be reached was visited. */
  readonly isComplete: boolean
  readonly failure: { readonly clause: string; readonly path: ReadonlyArray<string>; readonly world: World } | undefined
}

interface Visit {
  readonly world: World
  readonly gone: ReadonlySet<Slot>
  readonly path: Path
}

/** How a state was reached; all that is kept of those that were left. */
interface Path {
  readonly step: string
  readonly before: Path | undefined
}

/** Visits all states within the bounds; `onState` sees each of them once. */
export const explore = (
  bounds: Bounds,
  operations: Operations,
  onState?: (world: World) => string | undefined
): Report => {
  const stage = new Stage(bounds.bits, bounds.positions, bounds.successorCount, operations)
  const start: Visit = {
    world: World.ideal(stage, bounds.initial),
    gone: new Set(),
    path: { step: "start", before: undefined }
  }
  /** The principals of each state that was seen, as a set of bits. */
  const seen = new Map([[encode(start), principalsOf(start.world)]])
  const regime: Invariant.Regime = bounds.contract === "fail" ? "proven" : "small"
  let queue: Array<Visit> = [start]
  let stepCount = 0
  const report = (isComplete: boolean, visit?: Visit, clause = ""): Report => ({
    stateCount: seen.size,
    stepCount,
    isComplete,
    failure: visit === undefined ? undefined : { clause, path: stepsOf(visit.path), world: visit.world }
  })
  while (queue.length > 0) {
    const next: Array<Visit> = []
    for (const visit of queue) {
      const before = principalsOf(visit.world)
      for (const after of stepsFrom(visit, bounds)) {
        stepCount++
        const key = encode(after)
        const known = seen.get(key)
        const principals = known ?? principalsOf(after.world)
        if (regime === "proven" && (before & ~principals & liveOf(after.world)) !== 0) {
          return report(false, after, "LossOfPrincipal")
        }
        if (known !== undefined) continue
        seen.set(key, principals)
        const [violation] = Invariant.violations(after.world.snapshot(), regime)
        const clause = violation?.clause ?? onState?.(after.world)
        if (clause !== undefined) return report(false, after, clause)
        if (seen.size >= bounds.maxStates) return report(false)
        next.push(after)
      }
    }
    queue = next
  }
  return report(true)
}

const principalsOf = (world: World): number =>
  Invariant.principals(world.snapshot()).reduce((bits, contact) => bits | (1 << world.stage.slotOf(contact)), 0)

const liveOf = (world: World): number => world.live.reduce((bits, slot) => bits | (1 << slot), 0)

const stepsOf = (last: Path): ReadonlyArray<string> => {
  const steps: Array<string> = []
  for (let at: Path | undefined = last; at !== undefined; at = at.before) steps.unshift(at.step)
  return steps
}

const stepsFrom = (visit: Visit, bounds: Bounds): Array<Visit> => {
  const { gone, world } = visit
  const found: Array<Visit> = []
  const add = (step: string, change: (world: World) => void, failed?: Slot): void => {
    const after = world.clone()
    change(after)
    settleAtOnce(after)
    found.push({
      world: after,
      gone: failed === undefined ? gone : new Set([...gone, failed]),
      path: { step, before: visit.path }
    })
  }
  for (const [slot, state] of world.states.entries()) {
    if (state !== undefined) {
      if (!isBusy(world, slot)) add(`stabilize ${slot}`, (world) => world.stabilize(slot))
      const mayGo = gone.size < bounds.maxFailures &&
        isAllowed(bounds.contract, world, slot)
      if (mayGo) add(`crash ${slot}`, (world) => world.crash(slot), slot)
    } else if (!gone.has(slot) && !isBusy(world, slot)) {
      const position = world.stage.contacts[slot]!.position
      for (const [via, other] of world.states.entries()) {
        if (other === undefined || !Members.isPlaceFor(other, position)) continue
        add(`join ${slot} via ${via}`, (world) => world.askToJoin(slot, via))
      }
    }
  }
  for (const message of world.messages) {
    add(`deliver ${keyOf(message)}`, (world) => {
      world.deliver(message)
      if (message.kind === "welcome") world.messages = world.messages.filter((sent) => sent.from !== message.to)
    })
  }
  return found
}

/** A round, or a joining, is under way. */
const isBusy = (world: World, slot: Slot): boolean =>
  world.messages.some((message) =>
    message.kind === "ask" || message.kind === "join" ?
      message.from === slot :
      (message.kind === "answer" || message.kind === "welcome") && message.to === slot
  )

/** Takes the steps that nobody sees, and drops what is left out. */
const settleAtOnce = (world: World): void => {
  for (let index = 0; index < world.messages.length;) {
    const message = world.messages[index]!
    if (isUnseen(message)) {
      world.deliver(message)
      index = 0
    } else index++
  }
  const keys = new Set<string>()
  world.messages = world.messages.filter((message) => {
    const key = keyOf(message)
    const isKept = message.kind !== "hint" && !(message.kind === "notify" && keys.has(key))
    keys.add(key)
    return isKept
  })
}

const isUnseen = (message: Message): boolean =>
  message.kind === "join" || (message.kind === "ask" && message.ask.reason !== "Candidate") ||
  (message.kind === "answer" && (message.ask.reason === "Predecessor" || message.ask.reason === "Doubt"))

/** A state as a text: equal texts, equal futures. Padding is all alike, since nobody ever lives there. */
const encode = ({ gone, world }: Visit): string => {
  const { stage } = world
  const letter = (slot: Slot): string => String.fromCharCode(98 + slot)
  const listOf = (list: Membership["successors"]): string => list.map((entry) => letter(stage.slotOf(entry))).join("")
  const before = (contact: Membership["predecessor"]): string =>
    contact === undefined ? "" : letter(stage.slotOf(contact))
  const states = world.states.map((state, slot) =>
    state === undefined ? gone.has(slot) ? "!" : "" : `${before(state.predecessor)}<${listOf(state.successors)}`
  )
  const messages = world.messages.map((message) => {
    const list = message.kind === "answer" || message.kind === "welcome"
      ? `${before(message.answer.predecessor)}<${listOf(message.answer.successors)}`
      : ""
    return `${message.kind[0]}${letter(message.from)}${letter(message.to)}${
      message.kind === "ask" || message.kind === "answer" ? message.ask.reason[0] : ""
    }${list}`
  })
  return `${states.join(",")};${messages.toSorted().join(",")}`
}
