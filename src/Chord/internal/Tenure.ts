/**
 * For how long a member answers for its arc without the word of a successor. One that stood still, or whom
 * nobody could reach, counts as dead: others have taken its place meanwhile, and it does not know what they stored. So it
 * asks before it answers, which costs nothing while its rounds go on.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"
import * as Stabilizer from "./Stabilizer.ts"
import { exchange } from "./Sync.ts"

/** Rounds, which are spread by half each way. */
const maxSilentRounds = 3

/** Whether a member that has successors heard from the first of them lately. */
export const isPlaceHeld = (node: ChordNode, member: Member): boolean => {
  if (member.assurance.isRunning) return false
  const silentMillis = node.uptimeMillis() - member.heardMillis
  return member.successors.length === 0 ||
    silentMillis <= maxSilentRounds * Duration.toMillis(node.options.stabilizeInterval)
}

/** Waits, where that was long ago, until the member has asked, and has what its successor stored in its place. */
export const holdPlace = (node: ChordNode, member: Member): Effect.Effect<void> =>
  Effect.suspend(() => isPlaceHeld(node, member) ? Effect.void : member.assurance.run(takeUp(node, member)))

const takeUp = Effect.fnUntraced(function*(node: ChordNode, member: Member): Effect.fn.Return<void> {
  yield* Stabilizer.round(node, member)
  const [first] = member.successors
  const { arcStart, self } = member
  if (first === undefined || arcStart === undefined || node.isOwn(first)) return
  yield* Effect.ignore(exchange(node, first, arcStart, self.position))
})
