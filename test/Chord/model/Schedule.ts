/**
 * Runs of a world as lists of named steps: drawn from a seed, replayed, and shortened when they fail.
 * A step that cannot be taken any more when it comes (its message does not exist, its member is dead,
 * the contract forbids the failure) is left out, so that every part of a schedule is a schedule.
 */
import * as Invariant from "../../../src/Chord/Invariant.ts"
import { type Contract, isAllowed } from "./Contract.ts"
import type { Draws } from "./Draws.ts"
import type { Operations } from "./Operations.ts"
import { settle } from "./Settle.ts"
import { carriesList, keyOf, type Slot, Stage, World } from "./World.ts"

/**
 * Which failures happen: those that the contract allows when they come. Or `budget`: any, but fewer
 * than `successorCount` from one ideal state to the next, and none that leaves fewer than
 * `successorCount + 1` of the members of the first. That must come to the same as `fail`.
 */
export type Failures = Contract | "budget"

export interface Scenario {
  readonly bits: number
  readonly positions: ReadonlyArray<bigint>
  readonly successorCount: number
  /** Who lives at first, in an ideal ring; ascending. */
  readonly initial: ReadonlyArray<Slot>
  readonly failures: Failures
}

export type Move =
  | { readonly do: "stabilize" | "crash" | "leave"; readonly who: Slot }
  | { readonly do: "join"; readonly who: Slot; readonly via: Slot }
  | { readonly do: "resize"; readonly who: Slot; readonly to: number }
  | { readonly do: "deliver" | "lose"; readonly key: string }
  | { readonly do: "settle" }

/** What a run came to. */
export interface Outcome {
  /** The moves that were taken. */
  readonly taken: ReadonlyArray<Move>
  readonly failure: Failure | undefined
  /** Rounds that the last settling took until the ring was ideal. */
  readonly rounds: number
  readonly world: World
}

export interface Failure {
  readonly clause: Invariant.Clause | "NotIdeal" | "NotStable"
  readonly members: ReadonlyArray<string>
}

/** More messages than this and only deliveries are drawn. */
const maxMessages = 40

/** One run: takes moves one at a time and checks the world after each. */
class Run {
  readonly scenario: Scenario
  readonly world: World
  readonly taken: Array<Move> = []
  failure: Failure | undefined
  rounds = 0
  #budget: number
  #last: Invariant.Snapshot

  constructor(scenario: Scenario, operations: Operations) {
    const { bits, initial, positions, successorCount } = scenario
    this.scenario = scenario
    this.world = World.ideal(new Stage(bits, positions, successorCount, operations), initial)
    this.#last = this.world.snapshot()
    this.#budget = this.#makeBudget()
  }

  /** Takes the move if it can be taken; then checks. */
  take(move: Move): void {
    if (this.failure !== undefined || !this.#apply(move)) return
    this.taken.push(move)
    this.#check()
  }

  outcome(): Outcome {
    return { taken: this.taken, failure: this.failure, rounds: this.rounds, world: this.world }
  }

  mayFail(who: Slot): boolean {
    const { failures } = this.scenario
    return failures === "budget" ? this.#budget > 0 : isAllowed(failures, this.world, who)
  }

  /** In an ideal ring all members are principals; `successorCount + 1` of them must stay. */
  #makeBudget(): number {
    const { live, successorCount } = this.world
    return Math.min(successorCount - 1, live.length - successorCount - 1)
  }

  #apply(move: Move): boolean {
    const { world } = this
    switch (move.do) {
      case "stabilize":
        if (!world.isLive(move.who)) return false
        world.stabilize(move.who)
        return true
      case "join":
        if (world.isLive(move.who) || !world.isLive(move.via) || isJoining(world, move.who)) return false
        world.askToJoin(move.who, move.via)
        return true
      case "resize":
        if (!this.#mayResize(move.who, move.to)) return false
        world.resize(move.who, move.to)
        return true
      case "crash":
      case "leave":
        if (!world.isLive(move.who) || !this.mayFail(move.who)) return false
        this.#budget--
        if (move.do === "crash") world.crash(move.who)
        else world.leave(move.who)
        return true
      case "deliver":
      case "lose": {
        const message = world.messages.find((message) => keyOf(message) === move.key)
        if (message === undefined) return false
        if (move.do === "deliver") world.deliver(message)
        else world.lose(message)
        return true
      }
      case "settle":
        this.#settle()
        return true
    }
  }

  #settle(): void {
    const { members, problem, rounds } = settle(this.world, () => {
      this.#check()
      return this.failure !== undefined
    })
    this.rounds = rounds
    if (problem !== undefined) this.#fail(problem, members)
    this.#budget = this.#makeBudget()
  }

  /** Anything may grow where there are members enough; shrinking must leave a live successor. */
  #mayResize(who: Slot, to: number): boolean {
    const { world } = this
    const state = world.states[who]
    if (state === undefined || this.scenario.failures !== "fail") return false
    if (to > state.successorCount) return Invariant.principals(world.snapshot()).length > to
    const isFlying = world.messages.some((message) => carriesList(message) && message.to === who)
    return !isFlying && state.successors.slice(0, to).some((entry) => world.isLive(world.stage.slotOf(entry)))
  }

  #fail(clause: Failure["clause"], members: ReadonlyArray<string>): void {
    if (this.failure === undefined) this.failure = { clause, members }
  }

  #check(): void {
    const { failures } = this.scenario
    const regime = failures === "fail" || failures === "budget" ? "proven" : "small"
    const snapshot = this.world.snapshot()
    const found = Invariant.violations(snapshot, regime)
    const lost = regime === "proven" ? Invariant.lossOfPrincipals(this.#last, snapshot) : []
    for (const { clause, members } of [...found, ...lost]) this.#fail(clause, members.map((member) => member.nodeId))
    this.#last = snapshot
  }
}

const isJoining = (world: World, who: Slot): boolean =>
  world.messages.some((message) =>
    (message.kind === "join" && message.from === who) || (message.kind === "welcome" && message.to === who) ||
    (message.kind === "farewell" && message.from === who)
  )

/** How often each kind of move is drawn, when it can be taken. */
export interface Weights {
  readonly stabilize: number
  readonly deliver: number
  readonly lose: number
  readonly join: number
  readonly crash: number
  readonly leave: number
  readonly settle: number
  readonly resize: number
}

const drawMove = (run: Run, draws: Draws, weights: Weights): Move => {
  const { world } = run
  const { live } = world
  const absent = world.states.flatMap((state, slot) => state === undefined ? [slot] : [])
  const hasMessage = world.messages.length > 0
  const kinds: ReadonlyArray<readonly [Move["do"], number]> = [
    ["deliver", hasMessage ? weights.deliver : 0],
    ["stabilize", world.messages.length < maxMessages ? weights.stabilize : 0],
    ["lose", hasMessage ? weights.lose : 0],
    ["join", absent.length > 0 ? weights.join : 0],
    ["crash", weights.crash],
    ["leave", weights.leave],
    ["settle", weights.settle],
    ["resize", weights.resize]
  ]
  let left = draws.chance() * kinds.reduce((sum, [, weight]) => sum + weight, 0)
  const kind = kinds.find(([, weight]) => (left -= weight) < 0)?.[0] ?? "settle"
  switch (kind) {
    case "deliver":
    case "lose":
      return { do: kind, key: keyOf(draws.pick(world.messages)) }
    case "join":
      return { do: kind, who: draws.pick(absent), via: draws.pick(live) }
    case "resize":
      return { do: kind, who: draws.pick(live), to: draws.between(2, 4) }
    case "settle":
      return { do: kind }
    default:
      return { do: kind, who: drawVictim(world, draws, kind === "stabilize") }
  }
}

/** Failures strike half the time where they hurt: who is being asked, or has just answered. */
const drawVictim = (world: World, draws: Draws, isSpared: boolean): Slot => {
  const involved = world.messages.flatMap((message) =>
    message.kind === "ask" ? [message.to] : carriesList(message) ? [message.from] : []
  ).filter((slot) => world.isLive(slot))
  return !isSpared && involved.length > 0 && draws.chance() < 0.5 ? draws.pick(involved) : draws.pick(world.live)
}

/** Draws `length` moves, then lets the ring settle. */
export const runRandom = (
  scenario: Scenario,
  operations: Operations,
  draws: Draws,
  length: number,
  weights: Weights
): Outcome => {
  const run = new Run(scenario, operations)
  for (let i = 0; i < length && run.failure === undefined; i++) run.take(drawMove(run, draws, weights))
  run.take({ do: "settle" })
  return run.outcome()
}

/** Takes these moves, as far as they can be taken, then lets the ring settle. */
const replay = (
  scenario: Scenario,
  operations: Operations,
  moves: ReadonlyArray<Move>
): Outcome => {
  const run = new Run(scenario, operations)
  for (const move of moves) run.take(move)
  run.take({ do: "settle" })
  return run.outcome()
}

/** A shortest part of a failing schedule that still fails: leaving out any one move more, it does not. */
export const shrink = (scenario: Scenario, operations: Operations, failing: Outcome): Outcome => {
  let best = failing
  for (let size = Math.ceil(best.taken.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < best.taken.length;) {
      const moves = best.taken.filter((_, index) => index < start || index >= start + size)
      const outcome = replay(scenario, operations, moves)
      if (outcome.failure !== undefined && outcome.taken.length < best.taken.length) best = outcome
      else start += size
    }
  }
  return best
}

/** A failure as a person reads it: what broke, in which ring, by which moves. */
export const describe = (scenario: Scenario, outcome: Outcome): string => {
  const moves = outcome.taken.map((move) => {
    switch (move.do) {
      case "settle":
        return "settle"
      case "resize":
        return `resize ${move.who} to ${move.to}`
      case "join":
        return `join ${move.who} via ${move.via}`
      case "deliver":
      case "lose":
        return `${move.do} ${move.key}`
      default:
        return `${move.do} ${move.who}`
    }
  })
  const states = outcome.world.states.map((state, slot) => {
    if (state === undefined) return `  ${slot}: dead`
    const list = state.successors.map((entry) => outcome.world.stage.slotOf(entry)).map((to) => to < 0 ? "-" : to)
    const before = state.predecessor === undefined ? "?" : outcome.world.stage.slotOf(state.predecessor)
    return `  ${slot}: ${before} < ${slot} < [${list.join(" ")}]`
  })
  const { failure } = outcome
  return [
    `${failure?.clause ?? "sound"} ${failure?.members.join(" ") ?? ""}`,
    `${scenario.failures}, r = ${scenario.successorCount}, ${scenario.bits} bits, at ${scenario.positions.join(" ")}`,
    `at first ${scenario.initial.join(" ")}; then`,
    ...moves.map((move) => `  ${move}`),
    ...states
  ].join("\n")
}
