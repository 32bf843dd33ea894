/**
 * Whether a ring is sound, judged from a snapshot of all its members at one moment: the inductive
 * invariant of Zave's corrected Chord, the properties that follow from it (they name what is wrong),
 * and the ideal state that a ring comes to once nothing joins or fails. For simulations and tests: no
 * node can see all this. A check of N members costs O(N successorCount log N).
 *
 * The clauses of the invariant are proven for rings of more than `successorCount` members. Which
 * clauses hold of a smaller one, or of one that is growing past that size, is said at `Regime`.
 */
import type { Contact } from "./Contact.ts"
import { isSame } from "./Contact.ts"
import { real } from "./internal/MembershipLists.ts"
import {
  bestSuccessors,
  findCycles,
  findParts,
  indexOf,
  makeOrder,
  type Order,
  SkipCounter
} from "./internal/MembershipRing.ts"
import { isWhole, type Membership } from "./Membership.ts"
import * as Ring from "./Ring.ts"

/**
 * A successor list on its way: in an answer of `from` that was not yet used. The asker will take it
 * over behind `from`.
 *
 * @category models
 * @since 0.1.0
 */
export interface InFlightList {
  readonly from: Contact
  readonly successors: ReadonlyArray<Contact>
  readonly isWhole: boolean
}

/**
 * All members that live at one moment, in any order; whoever is not among them is dead. `inFlight`
 * (default: none) are the lists in answers that live members have yet to use.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot {
  readonly members: ReadonlyArray<Membership>
  readonly inFlight?: ReadonlyArray<InFlightList>
}

/**
 * What a violation is a violation of. Of the invariant itself:
 *
 * - `OneLiveSuccessor`: every list holds a live member.
 * - `SufficientPrincipals`: at least `successorCount + 1` members are principals, that is, lie between
 *   no two entries that a list, with its owner in front, has next to each other. A list of the
 *   whole ring ends with its owner, too; lists in flight count.
 * - `LiveInFlight`: every list in flight, its sender included, holds a live member.
 * - `LossOfPrincipal`: a step makes a principal none, though it lives.
 *
 * That follow from it: `NoDuplicates`, `OrderedSuccessorLists` (entries in clockwise order from their
 * owner), `PrincipalsInRing`, `AtLeastOneRing`, `AtMostOneRing`, `OrderedRing` (nobody on the ring lies
 * between a member of it and its first live successor) and `ConnectedAppendages` (every member reaches
 * the ring). The ring: those that come back to themselves by first live successors.
 *
 * Of the small ring: `ConnectedKnowledge`: by the lists and predecessors of all, taken as links in both
 * directions, every member is connected to every other.
 *
 * @category models
 * @since 0.1.0
 */
export type Clause =
  | "OneLiveSuccessor"
  | "SufficientPrincipals"
  | "LiveInFlight"
  | "LossOfPrincipal"
  | "NoDuplicates"
  | "OrderedSuccessorLists"
  | "PrincipalsInRing"
  | "AtLeastOneRing"
  | "AtMostOneRing"
  | "OrderedRing"
  | "ConnectedAppendages"
  | "ConnectedKnowledge"

/**
 * One breach, and the members that it concerns: those whose lists or places are wrong.
 *
 * @category models
 * @since 0.1.0
 */
export interface Violation {
  readonly clause: Clause
  readonly members: ReadonlyArray<Contact>
}

/**
 * Which clauses hold. `proven`: more than `successorCount` members that were once ideal, and crashes
 * within the contract (each list keeps a live member, and `successorCount + 1` principals stay): all
 * clauses. `small`: rings that are smaller, or were not ideal since they were: only `NoDuplicates`,
 * `OrderedSuccessorLists` and `ConnectedKnowledge` hold at every moment (as long as crashes do not cut
 * the knowledge in two), the others when it is ideal.
 *
 * @category models
 * @since 0.1.0
 */
export type Regime = "proven" | "small"

/**
 * The regime that a snapshot alone suggests: `small` when there are no more members than the largest
 * `successorCount`, or when one of them takes its list for the whole ring. State `proven` where it is
 * known: else a member that wrongly takes its list for the whole ring hides what it breaks.
 *
 * @category conversions
 * @since 0.1.0
 */
export const regimeOf = (snapshot: Snapshot): Regime =>
  snapshot.members.length <= longest(snapshot.members) || snapshot.members.some(isWhole) ? "small" : "proven"

/**
 * The members that no list skips, in the order of their positions.
 *
 * @category operations
 * @since 0.1.0
 */
export const principals = (snapshot: Snapshot): ReadonlyArray<Contact> =>
  selectPrincipals(makeOrder(snapshot.members), snapshot)

/**
 * What is wrong with this snapshot; empty when all is sound. `regime` is by default what `regimeOf`
 * says.
 *
 * @category operations
 * @since 0.1.0
 */
export const violations = (snapshot: Snapshot, regime: Regime = regimeOf(snapshot)): ReadonlyArray<Violation> => {
  const order = makeOrder(snapshot.members)
  const found = listViolations(order)
  if (order.members.length <= 1) return found
  if (regime === "small") return [...found, ...knowledgeViolations(order)]
  const isPrincipal = markPrincipals(order, snapshot)
  return [...found, ...principalViolations(order, snapshot, isPrincipal), ...ringViolations(order, isPrincipal)]
}

/**
 * The principals that a step from one snapshot to the next has lost, though they live.
 *
 * @category operations
 * @since 0.1.0
 */
export const lossOfPrincipals = (before: Snapshot, after: Snapshot): ReadonlyArray<Violation> => {
  const order = makeOrder(after.members)
  const kept = new Set(selectPrincipals(order, after).map((contact) => contact.position))
  const lost = principals(before).filter((contact) => indexOf(order, contact) >= 0 && !kept.has(contact.position))
  return violationOf("LossOfPrincipal", lost)
}

/**
 * The members whose knowledge is not what it is in an ideal ring, in order. There the predecessor is
 * the member before, and the list names the members behind without a gap: all of them in a small
 * ring, else `successorCount`, or one more than the first successor names if that one keeps fewer.
 *
 * @category operations
 * @since 0.1.0
 */
export const astray = (snapshot: Snapshot): ReadonlyArray<Contact> => {
  const { members } = makeOrder(snapshot.members)
  const count = members.length
  const realCounts = members.map((member) => real(member.successors).length)
  return members.flatMap((member, index) => {
    const at = (offset: number): Contact => members[(index + offset + count) % count]!.self
    const wanted = Math.min(count - 1, member.successorCount, 1 + realCounts[(index + 1) % count]!)
    const isRight = realCounts[index] === wanted &&
      isPredecessor(member.predecessor, count === 1 ? undefined : at(-1)) &&
      member.successors.slice(0, wanted).every((entry, offset) => isSame(entry, at(offset + 1))) &&
      (count > member.successorCount || member.successors.length === wanted)
    return isRight ? [] : [member.self]
  })
}

/**
 * Whether every member knows exactly what it should: the state that a ring comes to, and stays in,
 * when nothing joins, leaves or fails. True of no members at all.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isIdeal = (snapshot: Snapshot): boolean => astray(snapshot).length === 0

const isPredecessor = (known: Contact | undefined, wanted: Contact | undefined): boolean =>
  known === undefined || wanted === undefined ? known === wanted : isSame(known, wanted)

const longest = (members: ReadonlyArray<Membership>): number =>
  members.reduce((most, member) => Math.max(most, member.successorCount), 0)

const violationOf = (clause: Clause, members: ReadonlyArray<Contact>): ReadonlyArray<Violation> =>
  members.length === 0 ? [] : [{ clause, members }]

/** For each member, in order, whether it is a principal. */
const markPrincipals = (order: Order, snapshot: Snapshot): ReadonlyArray<boolean> => {
  const counter = new SkipCounter(order)
  for (const member of order.members) counter.addList(member.self, member.successors, isWhole(member))
  for (const list of snapshot.inFlight ?? []) counter.addList(list.from, list.successors, list.isWhole)
  return counter.unskipped()
}

const selectPrincipals = (order: Order, snapshot: Snapshot): ReadonlyArray<Contact> => {
  const isPrincipal = markPrincipals(order, snapshot)
  return selfWhere(order, (index) => isPrincipal[index]!)
}

const selfWhere = (order: Order, isMeant: (index: number) => boolean): ReadonlyArray<Contact> =>
  order.members.flatMap((member, index) => isMeant(index) ? [member.self] : [])

/** The clauses that hold of every single list, always. */
const listViolations = (order: Order): ReadonlyArray<Violation> => {
  const repeated: Array<Contact> = []
  const unordered: Array<Contact> = []
  for (const { self, successors } of order.members) {
    let last = self.position
    const isOrdered = successors.every((entry) => {
      const isNext = Ring.isClockwise(last, entry.position, self.position)
      last = entry.position
      return isNext
    })
    if (isOrdered) continue
    unordered.push(self)
    const positions = new Set([self.position, ...successors.map((entry) => entry.position)])
    if (positions.size <= successors.length) repeated.push(self)
  }
  return [...violationOf("NoDuplicates", repeated), ...violationOf("OrderedSuccessorLists", unordered)]
}

const knowledgeViolations = (order: Order): ReadonlyArray<Violation> => {
  const { count, parts } = findParts(order)
  if (count <= 1) return []
  const apart = order.members.filter((_, index) => parts[index] !== parts[0])
  return violationOf("ConnectedKnowledge", apart.map((member) => member.self))
}

const principalViolations = (
  order: Order,
  snapshot: Snapshot,
  isPrincipal: ReadonlyArray<boolean>
): ReadonlyArray<Violation> => {
  const lists = (snapshot.inFlight ?? []).filter((list) =>
    indexOf(order, list.from) < 0 && list.successors.every((entry) => indexOf(order, entry) < 0)
  )
  const inFlight = violationOf("LiveInFlight", lists.map((list) => list.from))
  const found = selfWhere(order, (index) => isPrincipal[index]!)
  return found.length > longest(snapshot.members)
    ? inFlight
    : [{ clause: "SufficientPrincipals", members: found }, ...inFlight]
}

/** The clauses that speak of the ring: those that come back to themselves by first live successors. */
const ringViolations = (order: Order, isPrincipal: ReadonlyArray<boolean>): ReadonlyArray<Violation> => {
  const best = bestSuccessors(order)
  const { reached, rings } = findCycles(best)
  const onRing = new Set(rings.flat())
  const ordered = [...onRing].toSorted((a, b) => a - b)
  const outOfOrder = new Set(ordered.filter((index, at) => best[index] !== ordered[(at + 1) % ordered.length]))
  const violationWhere = (clause: Clause, isWrong: (index: number) => boolean): ReadonlyArray<Violation> =>
    violationOf(clause, selfWhere(order, isWrong))
  return [
    ...violationWhere("OneLiveSuccessor", (index) => best[index]! < 0),
    ...violationWhere("PrincipalsInRing", (index) => isPrincipal[index]! && !onRing.has(index)),
    ...violationWhere("AtLeastOneRing", () => rings.length === 0),
    ...violationWhere("AtMostOneRing", (index) => rings.length > 1 && onRing.has(index)),
    ...violationWhere("OrderedRing", (index) => outOfOrder.has(index)),
    ...violationWhere("ConnectedAppendages", (index) => !onRing.has(index) && reached[index]! < 0)
  ]
}
