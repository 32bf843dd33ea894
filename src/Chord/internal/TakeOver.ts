/** How a member that is new in its place gets the records of its arc. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { CallError } from "../CallError.ts"
import type { StorageError } from "../ChordStorage.ts"
import type { Contact } from "../Contact.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"
import { isBusy } from "./Patience.ts"
import { isDead, syncing } from "./Refusal.ts"
import { replicas } from "./Share.ts"
import { exchange } from "./Sync.ts"
import { jittered } from "./Upkeep.ts"

/**
 * Gets the records of the arc that a new member answers for from `source`, who had it before, or from
 * those that kept copies for it. Until then it asks there for what it lacks. The arc is the one it
 * joined with: it may have become shorter, but others who join after it rely on all of it.
 */
export const takeOver = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  source: Contact,
  before: Contact
): Effect.fn.Return<void> {
  if (node.isOwn(source)) yield* waitForOwn(node, source)
  else {
    const error = yield* takeOverFrom(node, member, source, before)
    if (error !== undefined) {
      node.emit({ _tag: "TakeOverFailed", position: member.self.position, source, error })
      yield* makeUp(node, member, before)
    }
  }
  member.source = undefined
})

/** One share has the records of both: as soon as the other member has its own, and no sooner. */
const waitForOwn = Effect.fnUntraced(function*(node: ChordNode, { position }: Contact): Effect.fn.Return<void> {
  for (let waits = 0; node.memberAt(position)?.isSyncing === true; waits++) {
    yield* Effect.sleep(Math.min(firstWaitMillis * 2 ** waits, jittered(node, node.options.stabilizeInterval)))
  }
})

/** Tries it so often; what the last try failed with, if all did. */
const takeOverFrom = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  source: Contact,
  before: Contact
): Effect.fn.Return<CallError | StorageError | undefined> {
  let wasGone = false
  for (let tries = 0, waits = 0;;) {
    const others = member.successors.filter((contact) => !node.isOwn(contact))
    const from = [source, ...others][tries < sourceTries ? 0 : tries - sourceTries] ?? source
    // All members of this node at once would keep each other from being answered.
    const result = yield* Effect.result(
      node.takeOvers.take(
        from.nodeId,
        exchange(node, from, before.position, member.self.position, { isTakeOver: true })
      )
    )
    if (Result.isSuccess(result)) return undefined
    wasGone ||= result.failure._tag === "CallError" && isDead(result.failure)
    // Who was away, and is new in its place since, may wait for this member itself.
    if (isNotYet(result.failure) && !wasGone && waits < maxWaits) waits++
    else tries++
    if (tries >= maxTries) return result.failure
    yield* Effect.sleep(
      Math.min(firstWaitMillis * 2 ** (tries + waits - 1), jittered(node, node.options.stabilizeInterval))
    )
  }
})

/** How often the source is asked, before those that follow it are. */
const sourceTries = 6
const maxTries = 12
/** How often one that is busy, or new in its place itself, is waited for beside these. */
const maxWaits = 24
/** The first wait before another try. */
const firstWaitMillis = 100

/** Whether one that lives has not come to it yet: it is to be waited for, as others do. */
const isNotYet = (error: CallError | StorageError): boolean =>
  isBusy(error) || (error.reason._tag === "Refused" && error.reason.tag === syncing)

/**
 * Nobody could give it as one who has all of it: then it is what those have who keep copies, as far as they have got it
 * themselves. Until one of them has told, "not here" would be a lie; it ends where there is nobody left who could have more.
 */
const makeUp = Effect.fnUntraced(function*(node: ChordNode, member: Member, before: Contact): Effect.fn.Return<void> {
  while (node.members.includes(member)) {
    const holders = replicas(node, member)
    if (holders.length === 0) return
    for (const holder of holders) {
      const result = yield* Effect.result(exchange(node, holder, before.position, member.self.position))
      if (Result.isSuccess(result)) return
    }
    // Who had the place before may be gone: this one answers for it then.
    member.source = holders[0]
    yield* Effect.sleep(jittered(node, node.options.repairInterval))
  }
})
