/**
 * Takes the steps of `Membership`: puts its questions to others, and the answers back. (Zave's
 * operations; what they mean stands there.)
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { type CallError, CallRefused } from "../CallError.ts"
import { type Contact, isPadding, isSame } from "../Contact.ts"
import * as Membership from "../Membership.ts"
import * as Ring from "../Ring.ts"
import { writeContact } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import { answerTaken } from "./Hearsay.ts"
import { lastBefore } from "./Lookup.ts"
import type { Member } from "./Member.ts"
import { patiently } from "./Patience.ts"
import { isDead, isSilence, unreadable } from "./Refusal.ts"
import { suspect } from "./Suspicion.ts"

/** Questions that one step may lead to; what is left over waits for the next round. */
const maxQuestions = 64

/** One round of a member: whatever its first successor's answer leads to. */
export const round = (node: ChordNode, member: Member): Effect.Effect<void> =>
  Effect.suspend(() => {
    node.counters.rounds++
    adaptLength(node, member)
    member.beginRound()
    return act(node, member, Membership.stabilize(member.membership))
  })

/** Carries out actions, and those that follow from their answers. */
export const act = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  first: ReadonlyArray<Membership.Action>
): Effect.fn.Return<void> {
  const actions = [...first]
  for (let count = 0; count < actions.length && count < maxQuestions; count++) {
    const action = actions[count]!
    switch (action._tag) {
      case "Ask":
        actions.push(...yield* put(node, member, action))
        break
      case "Notify":
        yield* node.tell(action.contact, "notify", [writeContact(member.self)])
        break
      case "Hint":
        yield* node.tell(action.contact, "hint", [writeContact(action.candidate)])
        break
      case "Farewell":
        yield* node.tell(action.contact, "farewell", [writeContact(member.self), writeContact(action.predecessor)])
        break
    }
  }
})

/** The new state of a member, at once, and told; `isFound` when others named its predecessor. Gives what is to be done next. */
const take = (
  node: ChordNode,
  member: Member,
  step: Membership.Step,
  isFound = false
): ReadonlyArray<Membership.Action> => {
  const before = member.membership
  if (step.state === before) return step.actions
  const { sureStart } = member
  const { predecessor } = step.state
  // One that was alone answered for all of the ring.
  const isClaim = predecessor !== undefined && !isFound && !Membership.isAlone(before) &&
    member.isWider(predecessor.position)
  member.membership = step.state
  if (before.predecessor?.position !== predecessor?.position) {
    node.settledMillis = node.uptimeMillis()
    if (isClaim) {
      member.claim(sureStart)
      judgeClaim(node, member)
    } else if (predecessor !== undefined) member.confirm()
    noteLostArc(node, before, step.state)
  }
  noteHeir(node, member, before)
  noteLoss(node, member, before)
  if (Membership.isAlone(before)) member.isBehind = true
  const { came, went } = Membership.changes(before, step.state)
  for (const contact of came) {
    node.remember(contact)
    if (node.isOwn(contact)) continue
    node.changedMillis = node.uptimeMillis()
    node.emit({ _tag: "NeighborCame", contact })
  }
  for (const contact of went) {
    if (node.isOwn(contact)) continue
    if (before.successors.includes(contact) && isOutranked(step.state, contact)) member.fingers.hint(contact)
    node.emit({ _tag: "NeighborWent", contact })
  }
  if (went.length > 0) node.hurryAudit()
  if (step.state.successors.length > 0) member.wasWhole = Membership.isWhole(step.state)
  if (went.some((contact) => !node.isOwn(contact)) && node.isAlone) {
    node.lost.openUnsafe()
    node.emit({ _tag: "Alone", isLast: node.members.every((one) => one.wasWhole) })
  }
  return step.actions
}

const isOther = (node: ChordNode, contact: Contact): boolean => !isPadding(contact) && !node.isOwn(contact)

/** Whether a successor left the list because others have come between: where one is dead, padding stands for those to come. */
const isOutranked = (now: Membership.Membership, contact: Contact): boolean => {
  const last = now.successors.at(-1)
  return last !== undefined && !isPadding(last) && !Membership.isWhole(now) &&
    Ring.isClockwise(now.self.position, last.position, contact.position)
}

/** A closer predecessor: new in its place, or one that was taken for dead, and lacks what came meanwhile. */
const noteLostArc = (node: ChordNode, before: Membership.Membership, now: Membership.Membership): void => {
  const [old, owner] = [before.predecessor, now.predecessor]
  if (old === undefined || owner === undefined || node.isOwn(owner)) return
  if (!Ring.isClockwise(old.position, owner.position, now.self.position)) return
  Queue.offerUnsafe(node.services.comparisons, { from: old.position, to: owner.position, contact: owner })
}

/** Of several others none is left, and none has answered since there were several: see `isPlaceHeld`. */
const noteLoss = (node: ChordNode, member: Member, before: Membership.Membership): void => {
  const now = node.uptimeMillis()
  if (before.successors.filter((contact) => isOther(node, contact)).length > 1) member.crowdMillis = now
  const isAlone = member.membership.successors.length === 0
  if (isAlone && member.crowdMillis >= member.heardMillis) member.cutOffMillis = now
}

/** Another one answers for this member when it does not: it must have what the one before it had. */
const noteHeir = (node: ChordNode, { arcStart, self, successors }: Member, before: Membership.Membership): void => {
  const [heir, old] = [successors, before.successors].map((list) => list.find((contact) => isOther(node, contact)))
  if (arcStart === undefined || heir === undefined || (old !== undefined && isSame(heir, old))) return
  Queue.offerUnsafe(node.services.comparisons, { from: arcStart, to: self.position, contact: heir })
}

/** Puts a question, and takes what comes of it at once; gives what is to be done next. */
const put = (
  node: ChordNode,
  member: Member,
  ask: Membership.Ask
): Effect.Effect<ReadonlyArray<Membership.Action>> =>
  Effect.suspend(() => {
    const askedMillis = node.uptimeMillis()
    return Effect.match(askPatiently(node, ask.contact), {
      onSuccess: (answer) => {
        const actions = take(node, member, Membership.onAnswer(member.membership, ask, answer))
        noteWord(node, member, ask.contact, answer, askedMillis)
        return actions
      },
      onFailure: (error) => {
        if (!isDead(error)) return []
        suspect(node, member, ask.contact)
        noteRefusal(member, error)
        return take(node, member, onDead(member.membership, ask))
      }
    })
  })

/** Who says that it is no member any more has left: that is no silence. */
const noteRefusal = (member: Member, { reason }: CallError): void => {
  if (reason._tag === "Refused") member.crowdMillis = Number.NEGATIVE_INFINITY
}

/**
 * The word of the one that is the first successor now: it leaves this member its arc, or answers for it, too, since it took
 * the member for dead, or has not heard of it. Where there is somebody between them, that one may do so, and has the word.
 */
const noteWord = (
  node: ChordNode,
  member: Member,
  from: Contact,
  { predecessor }: Membership.Answer,
  askedMillis: number
): void => {
  const { self, successors: [first] } = member
  if (first === undefined || !isSame(first, from)) return
  if (predecessor !== undefined && Ring.isClockwise(self.position, predecessor.position, from.position)) return
  member.heard(askedMillis, node.maxSilentMillis)
  if (predecessor !== undefined && !isSame(predecessor, self)) member.isBehind = true
}

/** Behind a dead first successor the next one may be as dead: it is asked now, not a round later. */
const onDead = (state: Membership.Membership, ask: Membership.Ask): Membership.Step => {
  const step = Membership.onDead(state, ask)
  return ask.reason === "Successor" ? { ...step, actions: Membership.stabilize(step.state) } : step
}

/** How often a member is asked before it counts as dead. */
const maxAsks = 3

/**
 * What a member knows. One that does not answer is asked again before it counts as dead: that somebody lives must not
 * hang on a lost connection and a late answer.
 */
const askPatiently = (
  node: ChordNode,
  contact: Contact,
  asksLeft = maxAsks
): Effect.Effect<Membership.Answer, CallError> =>
  Effect.catch(
    askOnce(node, contact),
    (error) => asksLeft > 1 && isSilence(error) ? askPatiently(node, contact, asksLeft - 1) : Effect.fail(error)
  )

const askOnce = (node: ChordNode, contact: Contact): Effect.Effect<Membership.Answer, CallError> =>
  Effect.suspend(() => {
    const known = node.answers.of(contact)
    const question = known === undefined ? [] : [known.digest]
    return Effect.flatMap(patiently(node, node.call(contact, "state", question)), (packets) => {
      const answer = node.answers.read(node.bits, node.services.placement.hashing, contact, packets, known)
      return answer === undefined
        ? Effect.fail(unreadable(contact, "state"))
        : Effect.succeed(answerTaken(node, contact, answer))
    })
  })

/** As many successors as the ring's size asks for. */
const adaptLength = (node: ChordNode, member: Member): void => {
  const { membership } = member
  const count = Math.max(
    node.options.minSuccessors,
    Membership.successorCount(Membership.estimateSize(membership), membership.successorCount)
  )
  member.membership = Membership.resize(membership, count)
}

/** Carries out what a notifier has led to; one at a time, for many may notify at once. */
const follow = (node: ChordNode, member: Member, actions: ReadonlyArray<Membership.Action>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (actions.length === 0 || member.isRectifying) return Effect.void
    member.isRectifying = true
    return Effect.ensuring(act(node, member, actions), Effect.sync(() => member.isRectifying = false))
  })

/**
 * Somebody says that it may be this member's predecessor. It is taken once it has answered where it says that it is, as
 * everybody is: whoever named a place before a node, and was not there, would keep all others from what that node holds.
 * What is given ends when the member knows it, if that takes time; what is to be done then goes on in a fiber of the node.
 */
export const onNotify = (node: ChordNode, member: Member, notifier: Contact): Effect.Effect<void> | undefined => {
  const { notifiers } = node
  const { predecessor } = member.membership
  if (predecessor !== undefined && isSame(predecessor, notifier)) {
    if (member.isClaimed) judgeClaim(node, member)
    else member.confirm()
    return undefined
  }
  const key = `${notifier.nodeId} ${member.self.position}`
  if (node.isOwn(notifier)) rectify(node, member, notifier)
  if (node.isOwn(notifier) || notifiers.has(key)) return undefined
  if (notifiers.size >= maxNotifiers) {
    if (!member.search.isRunning) node.services.run(seekCloser(node, member))
    return undefined
  }
  notifiers.add(key)
  const taken = Effect.match(askOnce(node, notifier), {
    onSuccess: () => rectify(node, member, notifier),
    onFailure: () => undefined
  })
  // It is always run: a handler that is not even begun would leave the key behind.
  const asked = node.services.run(Effect.ensuring(taken, Effect.sync(() => notifiers.delete(key))))
  return Effect.asVoid(Fiber.await(asked))
}

/** Who notifies beside so many that are being asked, and may all be silent, is not asked: others are, who is before the member. */
const maxNotifiers = 64

const rectify = (node: ChordNode, member: Member, notifier: Contact): void => {
  const actions = take(node, member, Membership.rectify(member.membership, notifier))
  if (actions.length > 0) node.services.run(follow(node, member, actions))
}

/**
 * Somebody may be a neighbor of this member: asked, if so. One hint of each teller at a time and some in all, or whoever
 * gives many could have this node dial addresses without end.
 */
export const onHint = (node: ChordNode, member: Member, candidate: Contact, teller: string): void => {
  const { hints } = node
  const key = `${teller} ${member.self.position}`
  if (hints.has(key) || hints.size >= maxHints) return
  const actions = Membership.offer(member.membership, candidate)
  if (actions.length === 0) return
  hints.add(key)
  node.services.run(Effect.ensuring(act(node, member, actions), Effect.sync(() => hints.delete(key))))
}

/** Further hints are dropped: the rounds find whom they tell of, too. */
const maxHints = 16

/** Somebody leaves, and names who is before it: whoever is left alone so is not cut off. */
export const onFarewell = (node: ChordNode, member: Member, leaver: Contact, before: Contact | undefined): void => {
  const actions = take(node, member, Membership.onFarewell(member.membership, leaver, before))
  member.fingers.evict(leaver)
  member.crowdMillis = member.cutOffMillis = Number.NEGATIVE_INFINITY
  node.services.run(act(node, member, actions))
}

/**
 * Asks whether the predecessor lives, for somebody who says that it does not, and forgets it if so. One look at a time, or
 * whoever asks a node for what is not its own could have it flood the one before it.
 */
export const checkPredecessor = (node: ChordNode, member: Member): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { predecessor } = member.membership
    if (predecessor === undefined) return Effect.void
    return member.check.run(node.services.run, Effect.asVoid(forgetIfGone(node, member, predecessor)))
  })

/**
 * Looks for a predecessor where there is none, from `entry` on or by this node's own tables: who is last before this
 * member. It does not take anybody's word for that, who may have missed those in between, and so does not take over what
 * is still theirs. One search at a time; the others wait for it.
 */
export const seekPredecessor = (node: ChordNode, member: Member, entry?: Contact): Effect.Effect<void> =>
  seek(node, member, entry, () => member.membership.predecessor === undefined)

/** The same where there may be one: others may name one that is closer. */
const seekCloser = (node: ChordNode, member: Member): Effect.Effect<void> =>
  seek(node, member, undefined, ({ position }) => {
    const { predecessor, self } = member.membership
    return predecessor === undefined || Ring.isClockwise(predecessor.position, position, self.position)
  })

/** Has others name who is last before a member, and takes it if it is still wanted then. */
const seek = (
  node: ChordNode,
  member: Member,
  entry: Contact | undefined,
  isWanted: (found: Contact) => boolean
): Effect.Effect<void> =>
  member.search.run(
    node.services.run,
    Effect.match(lastBefore(node, member.self.position, entry), {
      onSuccess: (contact) => {
        if (isWanted(contact)) takeFound(node, member, contact)
      },
      onFailure: () => undefined
    })
  )

/** The predecessor is whom others named. What was presumed before, and not confirmed, is no more certain for this one. */
const takeFound = (node: ChordNode, member: Member, contact: Contact): void => {
  const { sureStart } = member
  take(node, member, Membership.rectify(member.membership, contact), true)
  member.presume(sureStart)
}

/**
 * Asks the predecessor that was found so whether it knows nobody between, unless it has said so since. Whom a member
 * cannot reach may be alive for all others: who is cut off from most of a ring would take that for its own. And who says
 * itself that it is the predecessor may lie: others are asked before it.
 */
export const confirmPredecessor = (node: ChordNode, member: Member): Effect.Effect<void> =>
  member.confirmation.run(
    node.services.run,
    Effect.suspend(() =>
      Effect.andThen(
        member.isClaimed ? doubtClaim(node, member) : Effect.void,
        Effect.suspend(() => member.isClaimed ? Effect.void : askPredecessor(node, member))
      )
    )
  )

/** One look at a time, and nobody waits for it: claims may come as fast as messages do. */
const judgeClaim = (node: ChordNode, member: Member): void => {
  if (!member.confirmation.isRunning) node.services.run(confirmPredecessor(node, member))
}

const askPredecessor = (node: ChordNode, member: Member): Effect.Effect<void> => {
  const { predecessor } = member.membership
  if (predecessor === undefined) return Effect.void
  return Effect.match(askOnce(node, predecessor), {
    onSuccess: ({ successors: [first] }) => {
      if (first !== undefined && isSame(first, member.self) && !member.isClaimed) member.confirm()
    },
    onFailure: () => undefined
  })
}

/** Who is last before this member by the word of others: it takes the place of one that claims to be, and lies further off. */
const doubtClaim = (node: ChordNode, member: Member): Effect.Effect<void> => {
  const { predecessor, self } = member.membership
  return Effect.match(lastBefore(node, self.position), {
    onSuccess: (contact) => {
      // Somebody else has claimed it meanwhile.
      if (predecessor === undefined || member.membership.predecessor !== predecessor) return
      if (Ring.isClockwise(predecessor.position, contact.position, self.position)) takeFound(node, member, contact)
      else member.presume(member.sureStart)
    },
    onFailure: () => undefined
  })
}

/** Asks a successor that did not answer again, and forgets it if that fails, too; the next round does the rest. */
export const checkSuccessor = Effect.fnUntraced(function*(node: ChordNode, member: Member, successor: Contact) {
  if (yield* forgetIfGone(node, member, successor, maxAsks - 1)) node.wake.openUnsafe()
})

/** Gives whether it was forgotten. */
const forgetIfGone = (
  node: ChordNode,
  member: Member,
  contact: Contact,
  asks = maxAsks
): Effect.Effect<boolean> =>
  Effect.match(askPatiently(node, contact, asks), {
    onSuccess: () => false,
    onFailure: (error) => {
      if (!isDead(error)) return false
      noteRefusal(member, error)
      take(node, member, { state: Membership.forget(member.membership, contact), actions: [] })
      return true
    }
  })

/** A refusal of a handler. */
export const refuse = (tag: string, detail: string): CallRefused => new CallRefused(tag, detail)
