/**
 * Which of two writes of a key counts (`docs/sync.md`, "Which write counts"). Plain functions on stamps: who wrote it
 * and when, in whole seconds.
 *
 * It is the original rule but for one thing: an owner's older write does not replace its newer one. So all
 * that is left for chance is the order in which writes of one owner in one second arrive, and ours make
 * none of those. What late writes and changes of fields leave of each other is for `SyncState` to say.
 */

/**
 * Who wrote a value, and when: by the author's clock, in whole seconds since 1970 UTC.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stamp {
  readonly owner: string
  readonly time: number
}

/**
 * How long a lease lasts after the last write of its owner, in seconds.
 *
 * @category models
 * @since 0.1.0
 */
export const leaseSeconds = 3600

/**
 * What the rule is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  /** Whether a key belongs to who wrote it, until the lease ends. */
  readonly leasing: boolean
  /** Whether only some entries of a map are written. */
  readonly isDelta: boolean
  readonly held: Stamp | undefined
  readonly incoming: Stamp
  readonly nowSeconds: number
}

/**
 * Whether a write may change what is held.
 *
 * @category predicates
 * @since 0.1.0
 */
export const mayWrite = ({ held, incoming, isDelta, leasing, nowSeconds }: Question): boolean => {
  if (held === undefined) return true
  if (incoming.owner === held.owner) return incoming.time >= held.time
  if (held.time < nowSeconds - leaseSeconds) return true
  if (isDelta && !leasing) return true
  return incoming.time === held.time ? incoming.owner < held.owner : !leasing && incoming.time > held.time
}

/**
 * The order of writes by which nodes agree when each holds another: the later one counts, of one second
 * the one with the smaller owner. Total, so that it does not matter who meets whom first.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isNewer = (one: Stamp, other: Stamp): boolean =>
  one.time > other.time || (one.time === other.time && one.owner < other.owner)
