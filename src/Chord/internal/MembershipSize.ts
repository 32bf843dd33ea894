/** How large the ring is, and how many successors that calls for: `Membership.ts` exports these. */
import * as Ring from "../Ring.ts"
import * as Lists from "./MembershipLists.ts"
import { isWhole, type Membership } from "./MembershipState.ts"

/**
 * How many members the ring has, from how densely those that this member knows are placed: exact for
 * a whole list, otherwise off by a factor of about `1 ± 1 / sqrt(successorCount)`. At least 1.
 *
 * @category math
 * @since 0.1.0
 */
export const estimateSize = (state: Membership): number => {
  const known = Lists.real(state.successors)
  const last = known[known.length - 1]
  if (last === undefined) return state.predecessor === undefined ? 1 : 2
  if (isWhole(state)) return known.length + 1
  const from = (state.predecessor ?? state.self).position
  const gapCount = known.length + (state.predecessor === undefined ? 0 : 1)
  // The last of k members lies at a Beta(k, N - k) part of the ring, whose inverse is (N - 1) / (k - 1) on average.
  const part = Number(Ring.distance(state.bits, from, last.position)) / Number(Ring.size(state.bits))
  return part === 0 ? known.length + 1 : Math.max(known.length + 1, 1 + (gapCount - 1) / part)
}

/**
 * The fewest successors that a member keeps by default: enough that a small ring, and the errors of
 * an estimate, cost nothing.
 *
 * @category options
 * @since 0.1.0
 */
export const minSuccessorCount = 8

/**
 * How many successors to keep in a ring of about `size` members: `2 log2(size)`, rounded up to an even
 * number, at least `minSuccessorCount`. Then even half of all members failing at once leaves nobody
 * without a live successor, but for a chance of about 1 in `size`. (Stoica et al., IEEE/ACM ToN 11(1),
 * 2003, theorem IV.5.) With `current` it shrinks only by 4 or more, so that an estimate that wavers
 * does not change it back and forth.
 *
 * @category math
 * @since 0.1.0
 */
export const successorCount = (size: number, current = 0): number => {
  const wanted = Math.max(minSuccessorCount, 2 * Math.ceil(Math.log2(Math.max(1, size))))
  return wanted < current && wanted > current - 4 ? current : wanted
}
