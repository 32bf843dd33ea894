/**
 * What a chord node does of its own accord, each in a fiber with its own schedule: asks its successor,
 * looks after its fingers, makes up copies, and looks for a second ring.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { Contact } from "../Contact.ts"
import * as Membership from "../Membership.ts"
import type * as Record from "../Record.ts"
import * as Ring from "../Ring.ts"
import * as Version from "../Version.ts"
import { readFingers, readFound, writePosition } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import { maxFingerPatience } from "./FingerTable.ts"
import { contactsTaken } from "./Hearsay.ts"
import { keyOf } from "./Keys.ts"
import { locate, locateFrom, who } from "./Lookup.ts"
import type { Member } from "./Member.ts"
import { storeAt, versionAt } from "./Placements.ts"
import { followers, isSmallRing, replicas } from "./Share.ts"
import { digestAll } from "./ShareSets.ts"
import * as Stabilizer from "./Stabilizer.ts"
import { toEffect } from "./Start.ts"
import { exchange } from "./Sync.ts"
import { holdPlace, isPlaceHeld } from "./Tenure.ts"

/** Waits a time that is spread by half each way: nodes that start together do not work together. */
export const jittered = (node: ChordNode, interval: Duration.Input): number =>
  Duration.toMillis(interval) * (0.5 + node.chance())

/** Asks successors, each round and whenever one is found dead. */
const stabilize = (node: ChordNode): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* Effect.timeoutOption(node.wake.await, jittered(node, node.options.stabilizeInterval))
    // What is heard during a round asks for another one.
    node.wake.closeUnsafe()
    if (!node.isLeaving) {
      yield* Effect.forEach(node.members, (member) =>
        isPlaceHeld(node, member) ? Stabilizer.round(node, member) : holdPlace(node, member), { discard: true })
    }
  }))

/** Looks after one finger of each member at a time; more seldom while all of them turn out right. */
const fixFingers = (node: ChordNode): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    const patience = node.members.reduce((least, { fingers }) => Math.min(least, fingers.patience), maxFingerPatience)
    yield* Effect.sleep(patience * jittered(node, node.options.fingerInterval))
    yield* Effect.forEach(node.members, (member) => fixFinger(node, member), { discard: true })
  }))

/** Asks the finger whether the position is its own still; looks it up when it is not. */
const fixFinger = Effect.fnUntraced(function*(node: ChordNode, member: Member): Effect.fn.Return<void> {
  const index = nextFinger(member)
  if (index === undefined) return
  const start = Ring.fingerStart(node.bits, member.self.position, index)
  const known = member.fingers.byIndex.get(index)
  if (known !== undefined) {
    const isRight = yield* Effect.match(node.call(known, "find", [writePosition(start)]), {
      onSuccess: (packets) => readFound(node.bits, packets)?.isOwner === true,
      onFailure: () => false
    })
    if (isRight) return member.fingers.wasRight()
  }
  member.fingers.lose(index)
  const located = yield* Effect.option(locate(node, start))
  if (located._tag === "Some" && !node.isOwn(located.value.owner)) {
    member.fingers.byIndex.set(index, located.value.owner)
  }
})

/** Which one is looked after now, if the successors are not all of the ring. */
const nextFinger = (member: Member): number | undefined => {
  const last = member.successors.at(-1)
  if (last !== undefined && !Membership.isWhole(member.membership)) return member.fingers.next(last)
  member.fingers.byIndex.clear()
  return undefined
}

/**
 * Has a new member begin with the fingers of its neighbor, which are nearly its own: the ring would be far for it until it
 * had looked them up, one at a time. (Stoica et al., SIGCOMM 2001, section 4.4.)
 */
export const learnFingers = (node: ChordNode, member: Member, neighbor: Contact): Effect.Effect<void> =>
  Effect.match(node.call(neighbor, "fingers", []), {
    onSuccess: (packets) => {
      for (const contact of contactsTaken(node, neighbor, readFingers(node.bits, packets) ?? [])) {
        if (!node.isOwn(contact)) member.fingers.hint(contact)
      }
    },
    onFailure: () => undefined
  })

/** Makes up copies: with the successors, at the other placements, and with those who answer now. */
const repair = (node: ChordNode): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* Effect.sleep(jittered(node, node.options.repairInterval))
    if (node.isLeaving) return
    node.counters.repairs++
    yield* Effect.catch(node.services.storage.sweep, (error) =>
      Effect.sync(() => node.emit({ _tag: "StorageFailed", error })))
    yield* Effect.forEach(node.members, (member) =>
      syncWithSuccessors(node, member), { discard: true })
    yield* audit(node)
    yield* handOver(node)
  }))

/**
 * Brings what this node stored for an arc to the one that answers for it now, and its own part to a new heir, at once. Not
 * all of them join, and get it from here: one that was taken for dead and lives does not know what it lacks.
 */
const compare = (node: ChordNode): Effect.Effect<never> =>
  Effect.forever(Effect.flatMap(
    Queue.take(node.services.comparisons),
    ({ contact, from, to }) => Effect.ignore(Effect.retry(exchange(node, contact, from, to), oncePerSecond))
  ))

const oncePerSecond = { times: 2, schedule: Schedule.spaced("1 second") }

/** Has the nodes that keep copies of an arc hold the same records as its owner. */
const syncWithSuccessors = (node: ChordNode, member: Member): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    const contacts = replicas(node, member)
    return syncWith(node, member, contacts, contacts.length)
  })

/** Has so many of these nodes hold the records of a member's arc; gives those that do. */
const syncWith = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  contacts: ReadonlyArray<Contact>,
  wanted: number
): Effect.fn.Return<ReadonlyArray<Contact>> {
  const predecessor = member.membership.predecessor
  const holders: Array<Contact> = []
  if (predecessor === undefined) return holders
  let sent = 0
  let received = 0
  for (const contact of contacts) {
    if (holders.length >= wanted) break
    const result = yield* Effect.option(exchange(node, contact, predecessor.position, member.self.position))
    if (result._tag === "None") continue
    holders.push(contact)
    sent += result.value.sent
    received += result.value.received
  }
  if (sent + received > 0) node.emit({ _tag: "Repaired", sent, received })
  return holders
})

/** How often a member hands over, where its arc grows meanwhile. */
const maxHandOvers = 4

/** Gives what this node holds to its neighbors, because it leaves; again where the one before it leaves meanwhile, and gave it here. */
export const handOverAll = Effect.fnUntraced(function*(node: ChordNode, member: Member): Effect.fn.Return<void> {
  for (let count = 0; count < maxHandOvers; count++) {
    const before = member.membership.predecessor
    yield* handOverArc(node, member)
    if (before?.position === member.membership.predecessor?.position) return
  }
})

/**
 * Where somebody came lately, that is all of it: the new one may not have got yet what is its own now. Successors that do
 * not answer are forgotten before: to wait for them would take the time of those who live. Those that leave as well take
 * nothing, and those behind them are asked.
 */
const handOverArc = Effect.fnUntraced(function*(node: ChordNode, member: Member): Effect.fn.Return<void> {
  yield* forgetDeadHeirs(node, member)
  const holders = yield* syncWith(node, member, followers(node, member), replicas(node, member).length)
  const lately = 2 * Duration.toMillis(node.options.repairInterval)
  if (node.uptimeMillis() - node.changedMillis > lately) return
  const { position } = member.self
  for (const contact of [...holders.slice(0, 1), member.membership.predecessor]) {
    if (contact !== undefined && !node.isOwn(contact)) yield* Effect.ignore(exchange(node, contact, position, position))
  }
})

/** Each that takes the place of one that is dead is asked as well. */
const forgetDeadHeirs = Effect.fnUntraced(function*(node: ChordNode, member: Member): Effect.fn.Return<void> {
  const asked = new Set<string>()
  while (true) {
    const heirs = replicas(node, member).filter(({ nodeId }) => !asked.has(nodeId))
    if (heirs.length === 0) return
    for (const { nodeId } of heirs) asked.add(nodeId)
    yield* Effect.forEach(heirs, (heir) => Stabilizer.checkSuccessor(node, member, heir), {
      concurrency: "unbounded",
      discard: true
    })
  }
})

/** Looks whether the other placements of some of this node's records have them, in turn. */
const audit = Effect.fnUntraced(function*(node: ChordNode): Effect.fn.Return<void> {
  const records = node.nextToAudit(node.options.auditedRecords)
  for (const record of records) {
    node.counters.audits++
    yield* confirm(node, record)
  }
})

/** Brings a record to the placements that lack it; gives how many have it now. */
const confirm = (node: ChordNode, record: Record.Record): Effect.Effect<number> => {
  const key = keyOf(record, node.services.placement)
  return Effect.map(
    Effect.forEach(key.positions, (position) =>
      Effect.gen(function*() {
        if (node.ownerOf(position) !== undefined) return 1
        const version = yield* toEffect(versionAt(node, position, key))
        if (version !== undefined && Version.compare(version, record.version) >= 0) return 1
        yield* toEffect(storeAt(node, position, record))
        node.counters.recordsSent++
        return 1
      }).pipe(Effect.catch(() => Effect.succeed(0))), { concurrency: "unbounded" }),
    (counts) => counts.reduce((sum, count) => sum + count, 0)
  )
}

/** Records that are handed over together, and those that are looked after at once. */
const handedOver = 64
const handOverConcurrency = 8

/**
 * Gives away what lies in no arc that this node keeps: the ring has changed, or the node came back to
 * another place. Not soon after a change of its own arcs: the node that keeps copies here now has not said
 * so yet, and may count on them when it leaves. Goes on for half of the time to the next repair at most.
 */
const handOver = Effect.fnUntraced(function*(node: ChordNode): Effect.fn.Return<void> {
  const untilMillis = node.uptimeMillis() + Duration.toMillis(node.options.repairInterval) / 2
  // All who have a copy do this at about the same time: in the same order each would find it missing.
  const foreign = yield* Random.shuffle(
    [...node.services.storage.records()].filter((record) => isForeign(node, record))
  )
  for (let start = 0; start < foreign.length && node.uptimeMillis() < untilMillis; start += handedOver) {
    const records = foreign.slice(start, start + handedOver)
    const counts = yield* Effect.forEach(records, (record) => confirm(node, record), {
      concurrency: handOverConcurrency
    })
    // Meanwhile the ring may have changed again.
    yield* giveAway(
      node,
      records.filter((record, index) => counts[index]! >= node.options.writeQuorum && isForeign(node, record))
    )
  }
})

/** Forgets records that others have now. */
const giveAway = Effect.fnUntraced(function*(
  node: ChordNode,
  records: ReadonlyArray<Record.Record>
): Effect.fn.Return<void> {
  if (records.length === 0) return
  const count = yield* Effect.catch(node.services.storage.remove(records), (error) =>
    Effect.sync(() => {
      node.emit({ _tag: "StorageFailed", error })
      return 0
    }))
  if (count > 0) node.emit({ _tag: "HandedOver", count })
})

/** Whether a record is none that this node is to keep; never soon after a change, and never in a small ring. */
const isForeign = (node: ChordNode, record: Record.Record): boolean => {
  const ageMillis = coverRounds * Duration.toMillis(node.options.repairInterval)
  if (node.uptimeMillis() - node.settledMillis < ageMillis) return false
  if (node.members.some((member) => isSmallRing(node, member))) return false
  return !record.place(node.services.placement).positions.some((position) => node.isCovered(position, ageMillis))
}

/** Repairs without a word of an owner, after which this node counts as no longer in charge of its arc. */
const coverRounds = 4

/**
 * Asks a node that was met long ago, or that this node was told of, for this node's own place. When
 * that knows another owner, there are two rings: the member takes notice of the other's, and the rings
 * grow into one. Nodes are asked by address: one that was started again has another id.
 */
const probe = (node: ChordNode): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* Effect.sleep(jittered(node, node.options.probeInterval))
    const known = [...node.remembered.values()].map((contact) => contact.address)
    const addresses = [...known, ...node.options.bootstrap, ...node.learned.addresses]
    const address = addresses[Math.floor(node.chance() * addresses.length)]
    if (address === undefined || node.isLeaving) return
    const contact = yield* Effect.option(who(node, address))
    if (contact._tag === "Some" && !node.isOwn(contact.value)) {
      yield* Effect.forEach(node.members, (member) => probeFor(node, member, contact.value), { discard: true })
    }
  }))

/** The same for one member, by one contact. */
export const probeFor = Effect.fnUntraced(function*(
  node: ChordNode,
  member: Member,
  contact: Contact
): Effect.fn.Return<void> {
  const located = yield* Effect.option(locateFrom(node, member.self.position, contact))
  if (located._tag === "None" || node.isOwn(located.value.owner)) return
  const { owner, predecessor } = located.value
  node.emit({ _tag: "OtherRing", contact: owner })
  yield* Stabilizer.act(node, member, Membership.merge(member.membership, predecessor ?? owner, owner))
})

/** Places and digests what lies here from an earlier life, before somebody asks for all of it at once. */
const digestShare = (node: ChordNode): Effect.Effect<void> =>
  Effect.suspend(() => digestAll(node.services.placement, [...node.services.storage.records()]))

/** All that a node does of its own accord, each in a fiber. */
export const loops = [digestShare, stabilize, fixFingers, repair, compare, probe]
