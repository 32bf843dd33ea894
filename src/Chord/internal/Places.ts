/** How a node takes its places in a ring, and gives them up. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Base58 from "../../Protocol/Base58.ts"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { CallError } from "../CallError.ts"
import { JoinError } from "../ChordError.ts"
import { Contact } from "../Contact.ts"
import * as Membership from "../Membership.ts"
import * as Ring from "../Ring.ts"
import { readAnswer, writeContact } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import { answerTaken } from "./Hearsay.ts"
import { locateFrom, who } from "./Lookup.ts"
import { Member } from "./Member.ts"
import { isDead, notTaken } from "./Refusal.ts"
import * as Stabilizer from "./Stabilizer.ts"
import { takeOver } from "./TakeOver.ts"
import * as Upkeep from "./Upkeep.ts"

/** Other positions that a member tries when its own is taken. */
const maxPositions = 16
/** How often the way to a place is looked up again, when the ring changes meanwhile. */
const maxTries = 5

const encoder = new TextEncoder()

/** The member with that number: its position follows from the id of the node, and from a count when it is taken. */
const memberOf = (node: ChordNode, number: number, attempt: number): Member => {
  const self = new Contact(positionOf(node, number, attempt), node.address, node.id)
  return new Member(Membership.make(node.bits, self, node.options.minSuccessors), node.uptimeMillis())
}

const positionOf = (node: ChordNode, number: number, attempt: number): bigint => {
  // An odd step visits every position of the ring; this one spreads the first tries over all of it.
  const step = (Ring.size(node.bits) * 79n / 128n) | 1n
  return Ring.position(node.bits, homeOf(node, number) + step * BigInt(attempt))
}

const homeOf = (node: ChordNode, number: number): bigint => {
  const own = number === 0 ? Base58.toInteger(node.id) : undefined
  if (own !== undefined) return BigInt(own)
  return Base58.toBigInt(node.services.placement.hashing.digest("sha512", encoder.encode(`${node.id} ${number}`)))
}

/** A ring of this node's own members. */
export const found = Effect.fnUntraced(function*(node: ChordNode): Effect.fn.Return<void> {
  const first = memberOf(node, 0, 0)
  node.members = [first]
  node.settledMillis = node.uptimeMillis()
  for (let number = 1; number < node.options.virtualNodes; number++) {
    yield* Effect.ignore(addMember(node, number, first.self))
  }
})

/**
 * Joins the ring of the node at an address; a node that has neighbors joins its ring with that one, and takes the
 * positions there that it lacks.
 */
export const join = (node: ChordNode, address: PeerAddress): Effect.Effect<void, JoinError> =>
  node.places.withPermit(joinAt(node, address))

const joinAt = Effect.fnUntraced(function*(
  node: ChordNode,
  address: PeerAddress
): Effect.fn.Return<void, JoinError> {
  const met = yield* Effect.result(who(node, address))
  if (node.hasLeft && isItself(node, met)) return yield* begin(node)
  if (Result.isFailure(met)) return yield* new JoinError({ address, reason: met.failure })
  const entry = met.success
  if (node.isOwn(entry)) return yield* noPlace(address, itself)
  node.remember(entry)
  const toError = (detail: string) => new JoinError({ address, reason: { _tag: "NoPlace", detail } })
  const count = Math.max(1, node.options.virtualNodes)
  if (node.members.some((member) => member.successors.some((contact) => !node.isOwn(contact)))) {
    yield* Effect.forEach(node.members, (member) => Upkeep.probeFor(node, member, entry), { discard: true })
    // A join that failed on its way has left some out. Where there is no room for them nothing is to be done.
    for (let number = node.members.length; number < count; number++) {
      const added = yield* Effect.result(addMember(node, number, entry))
      if (Result.isFailure(added)) return added.failure === allTaken ? undefined : yield* toError(added.failure)
    }
    return
  }
  const before = node.members
  node.members = []
  for (let number = 0; number < count; number++) {
    yield* addMember(node, number, entry).pipe(
      Effect.mapError(toError),
      Effect.onError(() => Effect.sync(() => node.members = node.members.length === 0 ? before : node.members))
    )
  }
  node.settledMillis = node.uptimeMillis()
})

const itself = "that address is this node itself"

const isItself = (node: ChordNode, met: Result.Result<Contact, CallError>): boolean => {
  if (Result.isSuccess(met)) return node.isOwn(met.success)
  const { reason } = met.failure
  return reason._tag === "Unreachable" && reason.cause._tag === "SelfConnection"
}

/** Of a node that has left: where all have, none has a place that another one could join at, and one has to be the first. */
const begin = Effect.fnUntraced(function*(node: ChordNode): Effect.fn.Return<void> {
  node.isLeaving = false
  yield* found(node)
  for (const { self } of node.members) node.emit({ _tag: "Joined", position: self.position, successor: undefined })
})

const noPlace = (address: PeerAddress, detail: string) =>
  Effect.fail(new JoinError({ address, reason: { _tag: "NoPlace", detail } }))

/** Adds a member, at its own position or at another one if that is taken; fails with what is in the way. */
const addMember = Effect.fnUntraced(function*(
  node: ChordNode,
  number: number,
  entry: Contact
): Effect.fn.Return<void, string> {
  for (let attempt = 0; attempt < maxPositions; attempt++) {
    const member = memberOf(node, number, attempt)
    const taken = yield* takePlace(node, member, entry)
    if (taken === undefined) continue
    // Whoever waits for the join may give up: a member that is in its place gets its records all the same.
    yield* Fiber.await(node.services.run(moveIn(node, member, taken)))
    return
  }
  return yield* Effect.fail(allTaken)
})

const allTaken = `all ${maxPositions} positions that this node tried are taken: use more bits`

/** A place that a member may take, and who had it before. */
interface Taken {
  readonly step: Membership.Step
  readonly source: Contact
}

/** The member is there from now on: its neighbors hear of it, and it begins to get its records. */
const moveIn = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  { source, step }: Taken
): Effect.fn.Return<void> {
  // Of a node that has left, and joins again: until here it answers for nothing.
  node.isLeaving = false
  member.membership = step.state
  member.source = source
  const before = step.state.predecessor ?? source
  node.members = [...node.members, member]
  for (const contact of Membership.neighbors(step.state)) node.remember(contact)
  // Nobody knows of this member yet. It has joined when its successor does: that one may leave at once.
  const [first] = member.successors
  if (first !== undefined) {
    yield* Effect.catch(
      node.call(first, "notify", [writeContact(member.self)]),
      ({ reason }) => reason._tag === "Refused" && reason.tag === notTaken ? warnNotTaken(node, first) : Effect.void
    )
  }
  node.emit({ _tag: "Joined", position: member.self.position, successor: first })
  yield* Stabilizer.act(node, member, step.actions)
  node.services.run(takeOver(node, member, source, before))
  if (first !== undefined) node.services.run(Upkeep.learnFingers(node, member, first))
})

/** The ring goes on as if this node were not there. */
const warnNotTaken = ({ address }: ChordNode, { address: other }: Contact): Effect.Effect<void> =>
  Effect.logWarning(
    `${other} does not call this node at ${address}, where it says that it is: announce an address that others can ` +
      "dial, or have the nodes of the ring dial names (dialNames) if that is one"
  )

/** The state of a member in its new place, and who had it before; undefined when another one holds that position. */
const takePlace = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  entry: Contact
): Effect.fn.Return<Taken | undefined, string> {
  const { position } = member.self
  for (let tries = 0; tries < maxTries; tries++) {
    const located = yield* Effect.mapError(locateFrom(node, position, entry), (error) => error.message)
    if (located.owner.position === position) return undefined
    // The owner names none where those before it are dead: the last one before the place that answered is it then.
    const from = located.predecessor ?? located.before ?? located.owner
    const packets = yield* Effect.result(node.call(from, "state", []))
    const told = Result.isSuccess(packets) ? readAnswer(node.bits, packets.success) : undefined
    const answer = told && answerTaken(node, from, told)
    // The owner has not noticed yet that the one before it is dead. The one before that one will, and tell it.
    if (Result.isFailure(packets) && isDead(packets.failure) && located.before !== undefined) {
      yield* node.tell(located.before, "suspect", [writeContact(from)])
    }
    const step = answer === undefined
      ? undefined
      : Membership.join(node.bits, member.self, node.options.minSuccessors, from, answer)
    if (step !== undefined) return { step, source: located.owner }
    yield* Effect.sleep(Math.min(1000, 50 * 2 ** tries) * (0.5 + node.chance()))
  }
  return yield* Effect.fail("the ring kept changing at this node's place")
})

/**
 * Hands over what this node holds, says goodbye to its neighbors, and holds no place any more. Interrupted before its
 * first goodbye, it stays.
 */
export const leave = (node: ChordNode): Effect.Effect<void> =>
  node.places.withPermit(Effect.onInterrupt(
    goAway(node),
    () => Effect.sync(() => node.isLeaving = node.members.length === 0)
  ))

/** The same for a node that ends: its neighbors are told in any case, though it may not have handed over all. */
export const leaveWithin = (node: ChordNode, timeout: Duration.Input): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.timeoutOption(leave(node), timeout),
    (left) => left._tag === "Some" ? Effect.void : Effect.sync(() => void sayFarewell(node))
  )

const goAway = (node: ChordNode): Effect.Effect<void> =>
  Effect.gen(function*() {
    node.isLeaving = true
    for (const member of node.members) yield* Upkeep.handOverAll(node, member)
    const farewells = yield* Effect.sync(() => sayFarewell(node))
    yield* Effect.forEach(farewells, Fiber.await, { discard: true })
  })

/**
 * From here on it has left, whether somebody waits for the goodbyes or not. Each is said by itself: one that cannot be
 * reached any more does not keep the others from being told. One to a member of this node has come as soon as it is said, so that
 * the next one names who will be there.
 */
const sayFarewell = (node: ChordNode): ReadonlyArray<Fiber.Fiber<void>> => {
  const farewells = node.members.flatMap((member) =>
    Membership.leave(member.membership).map((farewell) => node.services.run(Stabilizer.act(node, member, [farewell])))
  )
  node.members = []
  node.lost.openUnsafe()
  return farewells
}

/**
 * Joins the bootstrap nodes, and again whenever all members have lost whom they knew; until
 * interrupted. When none can be joined this node has a ring of its own, and goes on trying: the rings
 * become one then.
 */
export const keepJoined = (node: ChordNode): Effect.Effect<never> =>
  Effect.gen(function*() {
    let waitMillis = firstWaitMillis
    let isJoined = node.options.bootstrap.length === 0
    let failureCount = 0
    while (true) {
      const isApart = isJoined && node.isAlone
      // By a probe, or because others came, before any join was done.
      const hasFound = !isJoined && node.members.some((member) => member.successors.length > 0)
      let failed: ReadonlyArray<PeerAddress> = []
      if (!node.isLeaving && (isApart || !isJoined)) {
        const named = isJoined ? entries(node) : node.options.bootstrap
        const tried = [...named, ...node.learned.next(learnedTries)]
        const { hasMet, isIn } = yield* joinAny(node, tried)
        failed = isIn ? [] : tried.filter((address) => !node.isSelf(address))
        failureCount = isIn ? 0 : failureCount + 1
        isJoined = isJoined || isIn
        if (isIn) waitMillis = firstWaitMillis
        // A ring of its own beside one that is there would only have to grow together with it.
        else if (node.members.length === 0 && !node.isLeaving && !hasMet) yield* found(node)
      }
      const hasNeighbors = node.members.some((member) => member.successors.length > 0)
      if (hasFound && !node.joined.isOpen()) tellJoined(node)
      if (isJoined || hasNeighbors) node.joined.openUnsafe()
      if (isJoined && !node.isAlone) {
        node.lost.closeUnsafe()
        yield* node.lost.await
        waitMillis = firstWaitMillis
      }
      const millis = waitMillis * (0.5 + node.chance())
      node.retry = { addresses: failed, count: failureCount, atMillis: node.uptimeMillis() + millis }
      yield* Effect.sleep(millis)
      waitMillis = isApart || !isJoined ? Math.min(maxWaitMillis, waitMillis * 2) : firstWaitMillis
    }
  })

/** Two rings have become one, and this node is where it was meant to be. */
const tellJoined = (node: ChordNode): void => {
  for (const { self, successors } of node.members) {
    node.emit({ _tag: "Joined", position: self.position, successor: successors[0] })
  }
}

/**
 * Joins at one of these addresses, or gives whether at least somebody was there. The address of this node itself is in
 * many a list that all nodes share.
 */
const joinAny = Effect.fnUntraced(function*(
  node: ChordNode,
  addresses: ReadonlyArray<PeerAddress>
): Effect.fn.Return<{ readonly isIn: boolean; readonly hasMet: boolean }> {
  let hasMet = false
  for (const address of addresses) {
    if (node.isSelf(address)) continue
    const isIn = yield* Effect.match(join(node, address), {
      onSuccess: () => true,
      onFailure: (error) => {
        hasMet ||= error.reason._tag === "NoPlace" && error.reason.detail !== itself
        if (node.isBootstrap(address)) node.emit({ _tag: "JoinFailed", address, error })
        return false
      }
    })
    if (isIn) return { isIn, hasMet: true }
  }
  return { isIn: false, hasMet }
})

/** Addresses from elsewhere that are tried in one round: many of them may be long gone. */
const learnedTries = 8

const firstWaitMillis = 500
const maxWaitMillis = 8000

/** Where to join: the nodes that the user named, then those that were met. */
const entries = (node: ChordNode): ReadonlyArray<PeerAddress> => [
  ...node.options.bootstrap,
  ...[...node.remembered.values()].map((contact) => contact.address)
]
