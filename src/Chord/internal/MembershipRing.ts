/**
 * A whole ring seen at once: its live members in order, who follows whom, and who is skipped. Works
 * on indices into the ordered members, so that bigints are compared once for each entry at most.
 */
import { type Contact, isPadding, isSame } from "../Contact.ts"
import type { Membership } from "../Membership.ts"
import { lowerBound } from "./lowerBound.ts"

/** The live members in the order of their positions. */
export interface Order {
  readonly members: ReadonlyArray<Membership>
  readonly indices: ReadonlyMap<bigint, number>
}

export const makeOrder = (members: ReadonlyArray<Membership>): Order => {
  const sorted = members.toSorted((a, b) => a.self.position < b.self.position ? -1 : 1)
  return { members: sorted, indices: new Map(sorted.map((member, index) => [member.self.position, index])) }
}

/** The index of the live member that this contact means; -1 when it is dead. */
export const indexOf = (order: Order, contact: Contact): number => {
  const index = order.indices.get(contact.position)
  if (index === undefined || isPadding(contact)) return -1
  return isSame(order.members[index]!.self, contact) ? index : -1
}

/** How many members have a position below this one. */
const countBelow = (order: Order, position: bigint): number => {
  const { indices, members } = order
  return indices.get(position) ?? lowerBound(members.length, (index) => members[index]!.self.position < position)
}

/** Counts for each member how many adjacent pairs of lists skip it. */
export class SkipCounter {
  readonly #order: Order
  /** The differences of the counts: each pair adds to a range, summed up once at the end. */
  readonly #steps: Int32Array

  constructor(order: Order) {
    this.#order = order
    this.#steps = new Int32Array(order.members.length + 1)
  }

  /** The pair of entries that one list has next to each other: all between them are skipped. */
  addPair(from: bigint, to: bigint): void {
    const start = countBelow(this.#order, from) + (this.#order.indices.has(from) ? 1 : 0)
    const end = countBelow(this.#order, to)
    if (from < to) {
      this.#addRange(start, end)
    } else {
      this.#addRange(start, this.#order.members.length)
      this.#addRange(0, end)
    }
  }

  /** A list behind its owner; a list of the whole ring goes on to the owner. */
  addList(owner: Contact, list: ReadonlyArray<Contact>, isWhole: boolean): void {
    let last = owner.position
    for (const entry of list) {
      this.addPair(last, entry.position)
      last = entry.position
    }
    if (isWhole) this.addPair(last, owner.position)
  }

  /** Whether each member, in order, is skipped by no list. */
  unskipped(): ReadonlyArray<boolean> {
    let count = 0
    return this.#order.members.map((_, index) => {
      count += this.#steps[index]!
      return count === 0
    })
  }

  #addRange(start: number, end: number): void {
    if (start >= end) return
    this.#steps[start]!++
    this.#steps[end]!--
  }
}

/** For each member the index of the first live entry of its list, or -1. */
export const bestSuccessors = (order: Order): ReadonlyArray<number> =>
  order.members.map((member) => {
    for (const entry of member.successors) {
      const index = indexOf(order, entry)
      if (index >= 0) return index
    }
    return -1
  })

/** Who goes round, and who does not even come there. */
export interface Cycles {
  /** Each ring as the indices of its members, in the order of the walk. */
  readonly rings: ReadonlyArray<ReadonlyArray<number>>
  /** For each member the number of the ring that it reaches, or -1. */
  readonly reached: ReadonlyArray<number>
}

/** Follows the best successors of everybody; a member that is its own only one is a ring of one. */
export const findCycles = (best: ReadonlyArray<number>): Cycles => {
  const [unseen, onPath, nowhere] = [-2, -3, -1]
  const reached = best.map(() => unseen)
  const rings: Array<ReadonlyArray<number>> = []
  for (let start = 0; start < best.length; start++) {
    const path: Array<number> = []
    let at = start
    while (at >= 0 && reached[at] === unseen) {
      reached[at] = onPath
      path.push(at)
      at = best[at]!
    }
    let ring = nowhere
    if (at >= 0 && reached[at] === onPath) {
      ring = rings.length
      rings.push(path.slice(path.indexOf(at)))
    } else if (at >= 0) ring = reached[at]!
    for (const index of path) reached[index] = ring
  }
  return { rings, reached }
}

/** The number of parts that do not know of each other, and for each member its part. */
export const findParts = (order: Order): { readonly count: number; readonly parts: ReadonlyArray<number> } => {
  const parents = order.members.map((_, index) => index)
  const rootOf = (index: number): number => {
    let root = index
    while (parents[root] !== root) root = parents[root] = parents[parents[root]!]!
    return root
  }
  const connect = (index: number, contact: Contact): void => {
    const other = indexOf(order, contact)
    if (other >= 0) parents[rootOf(index)] = rootOf(other)
  }
  for (const [index, { predecessor, successors }] of order.members.entries()) {
    for (const entry of successors) connect(index, entry)
    if (predecessor !== undefined) connect(index, predecessor)
  }
  const parts = parents.map((_, index) => rootOf(index))
  return { count: new Set(parts).size, parts }
}
