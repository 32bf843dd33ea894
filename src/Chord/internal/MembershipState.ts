/** The values that the steps of a member take and give: `Membership.ts` exports them. */
import type { Contact } from "../Contact.ts"

/**
 * What one member knows: a value that never changes; a step that changes nothing returns the very
 * same object.
 *
 * @category models
 * @since 0.1.0
 */
export interface Membership {
  /** The width of the ring, 1 to 512. */
  readonly bits: number
  readonly self: Contact
  /** Who is before this member, as far as it knows; it may be dead. Never itself. */
  readonly predecessor: Contact | undefined
  /**
   * Those after this member in clockwise order, each once and never itself. Fewer than
   * `successorCount`: all others that it knows of. Otherwise exactly that many, the last of which may
   * be padding.
   */
  readonly successors: ReadonlyArray<Contact>
  /** How many successors it keeps: `r` in the papers, at least 1. */
  readonly successorCount: number
}

/**
 * What a member tells one who asks it. `isWhole` says that `successors` are all the others that it
 * knows of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly predecessor: Contact | undefined
  readonly successors: ReadonlyArray<Contact>
  readonly isWhole: boolean
}

/**
 * A question to put: ask `contact` for its `Answer` and hand that to `onAnswer`, or tell `onDead` if
 * it does not answer. The question itself says why it is put:
 *
 * - `Successor`: it is the first of the list, whose list becomes ours.
 * - `Candidate`: it may be a closer successor, or the way back when the list is exhausted.
 * - `Doubt`: it is in our list of the whole ring, and not in that of our successor.
 * - `Predecessor`: `notifier` wants to be our predecessor instead.
 *
 * @category models
 * @since 0.1.0
 */
export type Ask =
  | { readonly _tag: "Ask"; readonly reason: "Successor" | "Candidate" | "Doubt"; readonly contact: Contact }
  | { readonly _tag: "Ask"; readonly reason: "Predecessor"; readonly contact: Contact; readonly notifier: Contact }

/**
 * What to do next. `Notify`: tell `contact` that this member may be its predecessor (its `rectify`).
 * `Hint`: tell `contact` that `candidate` may be its successor (its `offer`). `Farewell`: tell
 * `contact` that this member leaves (its `onFarewell`). Losing a `Notify`, `Hint` or `Farewell` does
 * no harm.
 *
 * @category models
 * @since 0.1.0
 */
export type Action =
  | Ask
  | { readonly _tag: "Notify"; readonly contact: Contact }
  | { readonly _tag: "Hint"; readonly contact: Contact; readonly candidate: Contact }
  | { readonly _tag: "Farewell"; readonly contact: Contact; readonly predecessor: Contact | undefined }

/**
 * The outcome of a step: the new state, which holds at once, and what to do next, in that order or
 * any other.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  readonly state: Membership
  readonly actions: ReadonlyArray<Action>
}

/**
 * Whether the list is a claim to know the whole ring (see the head of `Membership.ts`).
 *
 * @category predicates
 * @since 0.1.0
 */
export const isWhole = (state: Membership): boolean => state.successors.length < state.successorCount
