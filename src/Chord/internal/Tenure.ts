/**
 * For how long a member answers for its arc without the word of a successor. One that stood still, or whom
 * nobody could reach, counts as dead: others have taken its place meanwhile, and it does not know what they stored. So it
 * asks before it answers, as does one that was alone. It costs nothing while rounds go on.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"
import * as Stabilizer from "./Stabilizer.ts"
import { exchange } from "./Sync.ts"

/** Whether a member that has successors heard from the first of them lately, and has what they have. */
export const isPlaceHeld = (node: ChordNode, member: Member): boolean => {
  if (member.successors.length === 0) return true
  if (member.isBehind || member.assurance.isRunning) return false
  return node.uptimeMillis() - member.heardMillis <= node.maxSilentMillis
}

/** Waits, where that was long ago, until the member has asked, and has what its successor stored in its place. */
export const holdPlace = (node: ChordNode, member: Member): Effect.Effect<void> =>
  Effect.suspend(() => isPlaceHeld(node, member) ? Effect.void : member.assurance.run(takeUp(node, member)))

/** How often it is tried to get the records; after that it answers, and tries again for the next one who asks. */
const maxTries = 3

const takeUp = Effect.fnUntraced(function*(node: ChordNode, member: Member) {
  yield* Stabilizer.round(node, member)
  for (let tries = 0; tries < maxTries; tries++) {
    const heir = member.successors.find((contact) => !node.isOwn(contact))
    const { arcStart, self } = member
    // Without a predecessor it answers for nothing yet.
    if (arcStart === undefined) return
    const hasAll = heir === undefined ||
      Option.isSome(yield* Effect.option(exchange(node, heir, arcStart, self.position)))
    if (hasAll) {
      member.isBehind = false
      return
    }
  }
})
