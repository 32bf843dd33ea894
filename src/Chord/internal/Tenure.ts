/**
 * For how long a member answers for its arc without the word of a successor. One that stood still, or whom
 * nobody could reach, counts as dead: others have taken its place meanwhile, and it does not know what they stored. So it
 * asks before it answers, as does one that was alone. It costs nothing while rounds go on.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CallRefused } from "../CallError.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"
import { syncing } from "./Refusal.ts"
import * as Stabilizer from "./Stabilizer.ts"
import { exchange } from "./Sync.ts"

/**
 * Whether a member that has successors heard from the first of them lately, and has what they have. One that loses
 * all of several at once was rather cut off from them than outlived them: for `maxSilentMillis` it says nothing.
 */
export const isPlaceHeld = (node: ChordNode, member: Member): boolean => {
  if (member.successors.length === 0) return node.uptimeMillis() - member.cutOffMillis > node.maxSilentMillis
  if (member.isBehind || member.assurance.isRunning) return false
  return node.uptimeMillis() - member.heardMillis <= node.maxSilentMillis
}

/** Where that was long ago, the member asks, and gets what its successor stored in its place. */
export const holdPlace = (node: ChordNode, member: Member): Effect.Effect<void> =>
  Effect.suspend(() =>
    isPlaceHeld(node, member) ? Effect.void : member.assurance.run(node.services.run, takeUp(node, member))
  )

/** The same; fails with `Syncing` when it came to nothing: what the member has may be old. */
export const mustHoldPlace = (node: ChordNode, member: Member): Effect.Effect<void, CallRefused> =>
  Effect.andThen(
    holdPlace(node, member),
    Effect.suspend(() => isPlaceHeld(node, member) ? Effect.void : Effect.fail(new CallRefused(syncing, stale)))
  )

const stale = "this member was away, and has not got what others stored in its place yet"

/** How often it is tried to get the records for those who wait; each time from whoever is the successor then. */
const maxTries = 3

const takeUp = Effect.fnUntraced(function*(node: ChordNode, member: Member) {
  for (let tries = 0; tries < maxTries; tries++) {
    yield* Stabilizer.round(node, member)
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
