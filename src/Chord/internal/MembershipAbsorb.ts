/** What a member makes of the list of its first successor, or of a closer one. */
import { type Contact, isPadding, isSame } from "../Contact.ts"
import * as Ring from "../Ring.ts"
import * as Lists from "./MembershipLists.ts"
import { type Answer, isWhole, type Membership } from "./MembershipState.ts"

/** The outcome. */
export interface Absorbed {
  readonly state: Membership
  /** A closer successor that `from` knows of. */
  readonly closer: Contact | undefined
  /** Members of our list of the whole ring that `from` should know of, and does not. */
  readonly doubts: ReadonlyArray<Contact>
}

/**
 * The state once `from`, which lives and is the first successor or closer, has told its list.
 *
 * Lists of principals never skip one another, so in a ring of more than `successorCount` members the
 * list of `from` replaces ours. Whoever takes the ring for whole instead joins what both know: our
 * list then holds members that `from` has dropped as dead or not yet heard of, and they are asked.
 */
export const absorb = (state: Membership, from: Contact, answer: Answer): Absorbed => {
  const { bits, self, successorCount } = state
  const seen = Lists.view(self, from, answer.successors, successorCount)
  const closer = closest(self, from, answer.predecessor, seen.passed)
  const isSmall = isWhole(state)
  const isComplete = answer.isWhole || seen.isRound || endsAtPredecessor(state, seen.entries, answer.successors)
  if (!isSmall && (seen.entries.length >= successorCount || !isComplete)) {
    return {
      state: withSuccessors(state, Lists.pad(bits, self, seen.entries, successorCount)),
      closer,
      doubts: []
    }
  }
  const both = Lists.union(self, seen.entries, Lists.real(state.successors)).slice(0, successorCount)
  const last = seen.entries[seen.entries.length - 1]!
  const doubts = both.filter((entry) =>
    !seen.entries.includes(entry) && Ring.isClockwise(from.position, entry.position, self.position) &&
    (isComplete || Ring.isClockwise(self.position, entry.position, last.position))
  )
  return { state: withSuccessors(state, both), closer, doubts }
}

/**
 * Whether a list comes round to the predecessor: with nobody left to name, it is the whole ring. So it is for a member
 * that keeps more successors than its first one does, in a ring of no more members than that.
 */
const endsAtPredecessor = ({ predecessor }: Membership, entries: Lists.Contacts, told: Lists.Contacts): boolean =>
  predecessor !== undefined && isSame(predecessor, entries[entries.length - 1]!) && !told.some(isPadding)

/** The one nearest to `self` of those that lie between it and `from`. */
const closest = (
  self: Contact,
  from: Contact,
  a: Contact | undefined,
  b: Contact | undefined
): Contact | undefined => {
  const isBetween = (one: Contact | undefined): one is Contact =>
    one !== undefined && !isPadding(one) && Ring.isClockwise(self.position, one.position, from.position)
  if (!isBetween(a)) return isBetween(b) ? b : undefined
  if (!isBetween(b)) return a
  return Ring.isClockwise(self.position, b.position, a.position) ? b : a
}

const withSuccessors = (state: Membership, successors: Lists.Contacts): Membership =>
  Lists.isEqual(state.successors, successors) ? state : { ...state, successors }
