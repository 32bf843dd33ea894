/**
 * What one member knows of its ring, and the steps by which it keeps that right: the corrected
 * operations of Chord (Zave, "Reasoning about identifier spaces: how to make Chord correct", IEEE TSE
 * 43(12), 2017), as plain functions from a state and what was heard to a new state and what to do
 * next. A step asks at most one other member; it is split there, so that a node that asks over the
 * network and a model checker that permutes every message run the very same code.
 *
 * **The proven part.** A principal is a member that no successor list skips. While there are at least
 * `successorCount + 1` of them and every list holds a live member, there is one ordered ring that every
 * member reaches, and once nothing joins or fails any more the members come to know it exactly. Any
 * `successorCount - 1` failures between two such states keep that so, if enough members stay. Steps may be taken at any
 * time, also while other questions are open: an answer is used only if the one that gave it is still
 * the first successor or closer, and then the pair of the two skips nobody, nor does the list behind it.
 * The proof takes it that a member is called dead only if it is. After a false alarm the one that it hit
 * comes back as new members do, since others still know it; `merge` is for when nobody does.
 *
 * **The small ring.** A ring starts with one member, where that proof does not reach. There each
 * member keeps a list of all others that it knows of, and says so: a list of fewer than
 * `successorCount` entries is a claim to know the whole ring. A larger ring is cut at that length, and
 * where a list of it lost members, padding stands for those to come. In a small ring members are added
 * to lists, not replaced, and dropped only once they do not answer. So, as long as those that live are
 * connected by what they know of each other, they come to know each other all, and the last one comes
 * to know that it is alone; where everybody knew everybody, any failures will do. (Members that died
 * count until they are forgotten: they take up room in lists of fewer than `successorCount`.)
 *
 * Not guaranteed of a small ring: that it is one ordered ring at every moment. Not proven, though no
 * test found an exception: that a ring which grows past `successorCount` members survives failures
 * while its members do not yet know each other, if every list holds a live member.
 */
import { type Contact, isPadding, isSame } from "./Contact.ts"
import { absorb } from "./internal/MembershipAbsorb.ts"
import * as Lists from "./internal/MembershipLists.ts"
import { type Action, type Answer, type Ask, isWhole, type Membership, type Step } from "./internal/MembershipState.ts"
import * as Ring from "./Ring.ts"

export { type Action, type Answer, type Ask, isWhole, type Membership, type Step } from "./internal/MembershipState.ts"

const nothing: ReadonlyArray<Action> = []

/**
 * The first member of a ring: alone, and it knows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (bits: number, self: Contact, successorCount: number): Membership => ({
  bits,
  self,
  predecessor: undefined,
  successors: [],
  successorCount: checkCount(successorCount)
})

/**
 * The state of a new member that asked `from`, or `undefined` when that is not the place to join: the
 * position of `self` must lie between `from` and its first successor (look it up again), and be free.
 * It takes over the whole list, so that it is as safe from failures as `from` is, and for that it keeps
 * as many successors as `from` does, if that is more than `successorCount`.
 *
 * Until then the process must refuse what members are asked, and that counts as dead: others may hold
 * its contact from a life before this one, and would take it for a member with nothing to tell.
 *
 * @category constructors
 * @since 0.1.0
 */
export const join = (
  bits: number,
  self: Contact,
  successorCount: number,
  from: Contact,
  answer: Answer
): Step | undefined => {
  const first = answer.successors[0]
  if (first !== undefined && !Ring.isClockwise(from.position, self.position, first.position)) return undefined
  if (from.position === self.position) return undefined
  const count = Math.max(successorCount, answer.successors.length)
  const known = first === undefined ? [] : Lists.view(from, first, answer.successors.slice(1), count).entries
  const successors = answer.isWhole
    ? [...known, from].slice(0, count)
    : Lists.pad(bits, self, known, count)
  const state = { ...make(bits, self, count), predecessor: from, successors }
  return { state, actions: [...stabilize(state), { _tag: "Hint", contact: from, candidate: self }] }
}

/**
 * Whether this member knows nobody else. If its list was whole before, it is the last one of its ring;
 * if not, more failed at once than `successorCount` covers, and it has to join again.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAlone = (state: Membership): boolean => state.successors.length === 0 && state.predecessor === undefined

/**
 * Whether a new member with this position can join here: it lies between this member and the first
 * successor.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPlaceFor = (state: Membership, position: bigint): boolean =>
  Ring.isClockwise(state.self.position, position, (state.successors[0] ?? state.self).position)

/**
 * What this member tells one who asks it now.
 *
 * @category conversions
 * @since 0.1.0
 */
export const answer = (state: Membership): Answer => ({
  predecessor: state.predecessor,
  successors: state.successors,
  isWhole: isWhole(state)
})

/**
 * What to do in each round: ask the first successor; with an exhausted list, ask the predecessor;
 * alone, nothing. (StabilizeFromSuccessor, up to its question.)
 *
 * @category operations
 * @since 0.1.0
 */
export const stabilize = (state: Membership): ReadonlyArray<Action> => {
  const first = state.successors[0]
  if (first !== undefined) return [{ _tag: "Ask", reason: "Successor", contact: first }]
  if (state.predecessor === undefined) return nothing
  return [{ _tag: "Ask", reason: "Candidate", contact: state.predecessor }]
}

/**
 * What was asked came back.
 *
 * From the first successor: take over its list behind it, then ask the closer successor that it knows
 * of, if there is one, or else notify it (StabilizeFromSuccessor). From a candidate that is still
 * closer: the same, and notify it (StabilizeFromPredecessor). From one in doubt, or from the
 * predecessor: it lives, all stays as it is (Rectify). An answer that came too late, from one that is
 * neither first nor closer any more, changes nothing.
 *
 * @category operations
 * @since 0.1.0
 */
export const onAnswer = (state: Membership, ask: Ask, answer: Answer): Step => {
  const from = ask.contact
  const first = state.successors[0]
  if (ask.reason === "Doubt") return { state, actions: nothing }
  if (ask.reason === "Predecessor") return rectifyKnownLive(state, ask.notifier)
  if (ask.reason === "Successor" && (first === undefined || !isSame(first, from))) return { state, actions: nothing }
  if (ask.reason === "Candidate" && !isCloser(state, from) && (first === undefined || !isSame(first, from))) {
    return { state, actions: nothing }
  }
  const absorbed = absorb(state, from, answer)
  const closer = ask.reason === "Successor" ? absorbed.closer : undefined
  const next: Action = closer === undefined
    ? { _tag: "Notify", contact: from }
    : { _tag: "Ask", reason: "Candidate", contact: closer }
  const doubts = absorbed.doubts.map((contact): Action => ({ _tag: "Ask", reason: "Doubt", contact }))
  return { state: absorbed.state, actions: [next, ...doubts] }
}

/**
 * What was asked is dead: it is forgotten. Then the first successor is notified, as the new one or
 * because the candidate for its place does not live; a notifier takes the place of a dead predecessor.
 *
 * @category operations
 * @since 0.1.0
 */
export const onDead = (state: Membership, ask: Ask): Step => {
  const without = forget(state, ask.contact)
  if (ask.reason === "Doubt") return { state: without, actions: nothing }
  if (ask.reason === "Predecessor") return rectify(without, ask.notifier)
  const first = without.successors[0]
  if (first !== undefined) return { state: without, actions: [{ _tag: "Notify", contact: first }] }
  return { state: without, actions: stabilize(without) }
}

/**
 * `notifier` says that it may be our predecessor. It becomes that at once if it is closer, or if
 * there is none; otherwise the present one is asked whether it lives (Rectify). The one that had the
 * place is told of the closer one, which may now be its successor. In a small ring the list gets
 * the notifier too.
 *
 * @category operations
 * @since 0.1.0
 */
export const rectify = (state: Membership, notifier: Contact): Step => {
  if (notifier.position === state.self.position || isPadding(notifier)) return { state, actions: nothing }
  const met = isWhole(state) ? withSuccessors(state, Lists.insert(state.self, state.successors, notifier)) : state
  const old = met.predecessor
  if (old === undefined || old.position === notifier.position) {
    return { state: withPredecessor(met, notifier), actions: nothing }
  }
  if (Ring.isClockwise(old.position, notifier.position, met.self.position)) {
    const hint: Action = { _tag: "Hint", contact: old, candidate: notifier }
    return { state: withPredecessor(met, notifier), actions: [hint] }
  }
  return { state: met, actions: [{ _tag: "Ask", reason: "Predecessor", contact: old, notifier }] }
}

/**
 * The predecessor lives, so `notifier` takes its place only if the place has changed hands since.
 * Otherwise the predecessor is a closer successor for it: told so at once, it need not find that out in
 * its next round, and many that joined together are sorted within one.
 */
const rectifyKnownLive = (state: Membership, notifier: Contact): Step => {
  const old = state.predecessor
  if (old === undefined || Ring.isClockwise(old.position, notifier.position, state.self.position)) {
    return rectify(state, notifier)
  }
  return { state, actions: [{ _tag: "Hint", contact: notifier, candidate: old }] }
}

/**
 * Somebody says that `candidate` may be our successor: it is asked if it would be a closer one.
 *
 * @category operations
 * @since 0.1.0
 */
export const offer = (state: Membership, candidate: Contact): ReadonlyArray<Action> =>
  !isPadding(candidate) && isCloser(state, candidate)
    ? [{ _tag: "Ask", reason: "Candidate", contact: candidate }]
    : nothing

/**
 * Another ring was found, or this one anew after everybody here took everybody there for dead (a
 * partition, false alarms): looked up there, the position of this member lies between `before` and
 * `after`. What they are told now is enough to draw all of both rings into one, neighbor by neighbor.
 * Not covered by the proof, since that starts from one ring.
 *
 * @category operations
 * @since 0.1.0
 */
export const merge = (state: Membership, before: Contact, after: Contact): ReadonlyArray<Action> => {
  const isOther = (contact: Contact): boolean => contact.position !== state.self.position && !isPadding(contact)
  if (!isOther(before) || !isOther(after)) return nothing
  return [
    ...offer(state, after),
    { _tag: "Notify", contact: after },
    { _tag: "Hint", contact: before, candidate: state.self }
  ]
}

/**
 * Whom to tell before leaving: the first successor and the predecessor. A member that leaves without
 * a word is one that fails. Either is safe if every other member keeps a live successor and
 * `successorCount + 1` principals stay, or the ring is small. A process must not join again with the
 * same contact before its farewells have arrived or are lost.
 *
 * @category operations
 * @since 0.1.0
 */
export const leave = (state: Membership): ReadonlyArray<Action> => {
  const { predecessor } = state
  const actions: Array<Action> = []
  const first = state.successors[0]
  if (first !== undefined) actions.push({ _tag: "Farewell", contact: first, predecessor })
  if (predecessor !== undefined && (first === undefined || !isSame(first, predecessor))) {
    actions.push({ _tag: "Farewell", contact: predecessor, predecessor })
  }
  return actions
}

/**
 * `leaver` says itself that it leaves, and who was before it: it is forgotten, and its predecessor
 * becomes ours if it was ours.
 *
 * @category operations
 * @since 0.1.0
 */
export const onFarewell = (state: Membership, leaver: Contact, predecessor: Contact | undefined): Step => {
  const wasFirst = state.successors[0] !== undefined && isSame(state.successors[0], leaver)
  const wasPredecessor = state.predecessor !== undefined && isSame(state.predecessor, leaver)
  const without = forget(state, leaver)
  const heir = predecessor === undefined || predecessor.position === state.self.position || isPadding(predecessor) ||
      isSame(predecessor, leaver)
    ? undefined
    : predecessor
  const next = wasPredecessor && heir !== undefined ? withPredecessor(without, heir) : without
  const first = next.successors[0]
  return { state: next, actions: wasFirst && first !== undefined ? [{ _tag: "Notify", contact: first }] : nothing }
}

/**
 * Drops a member that is known to be dead, wherever it stands. A list that is not the whole ring
 * keeps its length by padding: shorter, it would claim that the ring ends there.
 *
 * @category operations
 * @since 0.1.0
 */
export const forget = (state: Membership, dead: Contact): Membership => {
  const { predecessor } = state
  const kept = predecessor !== undefined && isSame(predecessor, dead) ? { ...state, predecessor: undefined } : state
  const successors = Lists.remove(state.successors, dead)
  if (successors === state.successors) return kept
  if (successors.length === 0 || isPadding(successors[0]!)) return { ...kept, successors: [] }
  return {
    ...kept,
    successors: isWhole(state) ? successors : Lists.pad(state.bits, state.self, successors, state.successorCount)
  }
}

/**
 * The same member with another `successorCount`. A longer list is padded until the successors have
 * told more; a shorter one loses those furthest away.
 *
 * @category operations
 * @since 0.1.0
 */
export const resize = (state: Membership, successorCount: number): Membership => {
  checkCount(successorCount)
  if (successorCount === state.successorCount) return state
  const successors = isWhole(state) || successorCount < state.successorCount
    ? state.successors.slice(0, successorCount)
    : Lists.pad(state.bits, state.self, state.successors, successorCount)
  return { ...state, successorCount, successors }
}

export { estimateSize, minSuccessorCount, successorCount } from "./internal/MembershipSize.ts"

/**
 * Who came and who went between two states of one member, among its successors and its predecessor;
 * padding never does. Costs nothing if the states are the same object.
 *
 * @category conversions
 * @since 0.1.0
 */
export const changes = (
  before: Membership,
  after: Membership
): { readonly came: ReadonlyArray<Contact>; readonly went: ReadonlyArray<Contact> } => {
  if (before === after) return { came: [], went: [] }
  const [old, now] = [neighbors(before), neighbors(after)]
  return { came: without(now, old), went: without(old, now) }
}

/**
 * The others that a member knows: its successors in clockwise order, then its predecessor unless it
 * is one of them.
 *
 * @category conversions
 * @since 0.1.0
 */
export const neighbors = (state: Membership): ReadonlyArray<Contact> => {
  const known = Lists.real(state.successors)
  const { predecessor } = state
  return predecessor === undefined || known.some((entry) => isSame(entry, predecessor))
    ? known
    : [...known, predecessor]
}

const without = (list: ReadonlyArray<Contact>, others: ReadonlyArray<Contact>): ReadonlyArray<Contact> =>
  list.filter((contact) => !others.some((other) => isSame(other, contact)))

const checkCount = (count: number): number => {
  if (Number.isInteger(count) && count >= 1) return count
  throw new RangeError(`a member keeps at least 1 successor, not ${count}`)
}

const isCloser = (state: Membership, candidate: Contact): boolean =>
  candidate.position !== state.self.position && isPlaceFor(state, candidate.position)

const withPredecessor = (state: Membership, predecessor: Contact): Membership =>
  state.predecessor !== undefined && isSame(state.predecessor, predecessor) ? state : { ...state, predecessor }

const withSuccessors = (state: Membership, successors: ReadonlyArray<Contact>): Membership =>
  Lists.isEqual(state.successors, successors) ? state : { ...state, successors }
