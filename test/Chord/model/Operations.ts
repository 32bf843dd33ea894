/** The steps of a member as a record, so that a test can put a broken one in the place of a right one. */
import * as Membership from "../../../src/Chord/Membership.ts"

export interface Operations {
  readonly join: typeof Membership.join
  readonly stabilize: typeof Membership.stabilize
  readonly answer: typeof Membership.answer
  readonly onAnswer: typeof Membership.onAnswer
  readonly onDead: typeof Membership.onDead
  readonly rectify: typeof Membership.rectify
  readonly offer: typeof Membership.offer
  readonly leave: typeof Membership.leave
  readonly onFarewell: typeof Membership.onFarewell
}

/** The steps as they are. */
export const real: Operations = Membership
