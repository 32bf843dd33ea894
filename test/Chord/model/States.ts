/** States, answers and questions in short, on a ring of 8 bits where a member's number is its position. */
import { Contact, isPadding, makePadding } from "../../../src/Chord/Contact.ts"
import type * as Membership from "../../../src/Chord/Membership.ts"
import { PeerAddress } from "../../../src/Protocol/PeerAddress.ts"

export const bits = 8

export const at = (position: number, nodeId = `n${position}`): Contact =>
  new Contact(BigInt(position), new PeerAddress({ host: "memory", port: position + 1 }), nodeId)

/** Entries below 0 are padding. */
const listOf = (positions: ReadonlyArray<number>): Array<Contact> => {
  const list: Array<Contact> = []
  for (const position of positions) list.push(position < 0 ? makePadding(bits, list[list.length - 1]!) : at(position))
  return list
}

export const positionsOf = (list: ReadonlyArray<Contact>): ReadonlyArray<number> =>
  list.map((contact) => isPadding(contact) ? -1 : Number(contact.position))

export const member = (
  self: number,
  predecessor: number | undefined,
  successors: ReadonlyArray<number>,
  successorCount = 3
): Membership.Membership => ({
  bits,
  self: at(self),
  predecessor: predecessor === undefined ? undefined : at(predecessor),
  successors: listOf(successors),
  successorCount
})

export const answerOf = (
  predecessor: number | undefined,
  successors: ReadonlyArray<number>,
  isWhole = false
): Membership.Answer => ({
  predecessor: predecessor === undefined ? undefined : at(predecessor),
  successors: listOf(successors),
  isWhole
})

export const ask = (reason: "Successor" | "Candidate" | "Doubt", position: number): Membership.Ask => ({
  _tag: "Ask",
  reason,
  contact: at(position)
})

export const askPredecessor = (position: number, notifier: number): Membership.Ask => ({
  _tag: "Ask",
  reason: "Predecessor",
  contact: at(position),
  notifier: at(notifier)
})
