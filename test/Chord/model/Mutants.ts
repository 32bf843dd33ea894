/**
 * Broken members: each leaves out one thing that the operations do. A check that does not find them
 * would not find such a mistake in the real ones either.
 */
import { type Contact, isPadding, isSame } from "../../../src/Chord/Contact.ts"
import * as Membership from "../../../src/Chord/Membership.ts"
import { type Operations, real } from "./Operations.ts"
import type { Failures } from "./Schedule.ts"

export interface Mutant {
  readonly name: string
  readonly operations: Operations
  /** Under which failures it is to be found. */
  readonly failures: ReadonlyArray<Failures>
  /** The first of the seeds to try; 0 unless the circumstances are rare. */
  readonly firstSeed?: number
}

type State = Membership.Membership

const withFirst = (state: State, first: Contact): State => ({
  ...state,
  successors: [first, ...state.successors].slice(0, state.successorCount)
})

/** A candidate that turned out to be dead becomes the first successor all the same. */
const adoptDead: Operations["onDead"] = (state, ask) =>
  ask.reason === "Candidate" && Membership.isPlaceFor(state, ask.contact.position)
    ? { state: withFirst(state, ask.contact), actions: [{ _tag: "Notify", contact: ask.contact }] }
    : Membership.onDead(state, ask)

/** The closer successor that the first one knows of takes its place without being asked. */
const promote: Operations["onAnswer"] = (state, ask, answer) => {
  const step = Membership.onAnswer(state, ask, answer)
  const candidate = step.actions.find((action) => action._tag === "Ask" && action.reason === "Candidate")?.contact
  if (candidate === undefined) return step
  return { state: withFirst(step.state, candidate), actions: [{ _tag: "Notify", contact: candidate }] }
}

/** A new member takes over the first successor alone; the rest of its list is padding. */
const joinWithOne: Operations["join"] = (bits, self, successorCount, from, answer) => {
  const step = Membership.join(bits, self, successorCount, from, answer)
  if (step === undefined) return undefined
  const one = { ...step.state, successors: step.state.successors.slice(0, 1), successorCount: 1 }
  return { ...step, state: Membership.resize(one, successorCount) }
}

/** Dead members leave a shorter list behind. */
const withoutPad: Operations["onDead"] = (state, ask) => {
  const step = Membership.onDead(state, ask)
  return { ...step, state: { ...step.state, successors: step.state.successors.filter((entry) => !isPadding(entry)) } }
}

/** A dead predecessor stays. */
const keepPredecessor: Operations["onDead"] = (state, ask) => {
  if (ask.reason === "Predecessor") return { state, actions: [] }
  const step = Membership.onDead(state, ask)
  return { ...step, state: { ...step.state, predecessor: state.predecessor } }
}

/** The list of the first successor is taken over as it is, however small the ring. */
const goRound: Operations["onAnswer"] = (state, ask, answer) => {
  const step = Membership.onAnswer(state, ask, answer)
  const first = step.state.successors[0]
  if (ask.reason === "Predecessor" || first === undefined || !isSame(first, ask.contact)) return step
  const successors = [first, ...answer.successors].slice(0, state.successorCount)
  return { ...step, state: { ...step.state, successors } }
}

/** In a small ring, too, the list of the first successor takes the place of ours. */
const replaceSmall: Operations["onAnswer"] = (state, ask, answer) => {
  const empty = { ...state, successors: state.successors.slice(0, 1) }
  return Membership.isWhole(state) && ask.reason === "Successor"
    ? Membership.onAnswer(empty, ask, answer)
    : Membership.onAnswer(state, ask, answer)
}

/** What the first successor does not have is dropped without being asked. */
const dropDoubts: Operations["onAnswer"] = (state, ask, answer) => {
  const step = Membership.onAnswer(state, ask, answer)
  const doubts = step.actions.filter((action) => action._tag === "Ask" && action.reason === "Doubt")
  return {
    state: doubts.reduce((kept, doubt) => Membership.forget(kept, doubt.contact), step.state),
    actions: step.actions.filter((action) => !doubts.includes(action))
  }
}

/** What the first successor does not have stays without being asked. */
const ignoreDoubts: Operations["onAnswer"] = (state, ask, answer) => {
  const step = Membership.onAnswer(state, ask, answer)
  return { ...step, actions: step.actions.filter((action) => action._tag !== "Ask" || action.reason !== "Doubt") }
}

const proven: ReadonlyArray<Failures> = ["fail", "budget"]

export const mutants: ReadonlyArray<Mutant> = [
  { name: "no liveness check before adoption", failures: proven, operations: { ...real, onDead: adoptDead } },
  { name: "promote without query", failures: proven, operations: { ...real, onAnswer: promote } },
  { name: "join copies one successor", failures: proven, operations: { ...real, join: joinWithOne } },
  { name: "drop the pad", failures: proven, operations: { ...real, onDead: withoutPad } },
  { name: "rectify ignores a dead predecessor", failures: proven, operations: { ...real, onDead: keepPredecessor } },
  { name: "skip the r+1 base", failures: ["growing"], operations: { ...real, onAnswer: goRound } },
  {
    name: "replace lists in a small ring",
    failures: ["connected"],
    firstSeed: 4000,
    operations: { ...real, onAnswer: replaceSmall }
  },
  {
    name: "drop doubts unasked",
    failures: ["connected"],
    firstSeed: 1500,
    operations: { ...real, onAnswer: dropDoubts }
  },
  { name: "keep doubts unasked", failures: ["connected"], operations: { ...real, onAnswer: ignoreDoubts } }
]
