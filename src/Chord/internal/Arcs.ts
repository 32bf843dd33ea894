/**
 * The arcs that others answered for lately, so that a node that reads and writes all the time need not look up again
 * who answers: in a ring of some hundred nodes it soon knows all that it uses. They are hints. An owner refuses what
 * is not its own any more, and then it is looked up.
 */
import { type Contact, isSame } from "../Contact.ts"
import { lowerBound } from "./lowerBound.ts"
import { isWithin } from "./Member.ts"

interface Arc {
  readonly from: bigint
  readonly owner: Contact
  readonly atMillis: number
}

/** Past it, the one that was confirmed longest ago makes room. */
const maxArcs = 256
/** How long an arc is believed in: of those that crash meanwhile each costs a timeout. */
const maxAgeMillis = 60_000

export class Arcs {
  /** In the order of the owners' positions. */
  readonly #arcs: Array<Arc> = []

  /** Who answered for a position lately. */
  ownerOf(position: bigint, nowMillis: number): Contact | undefined {
    const count = this.#arcs.length
    if (count === 0) return undefined
    // Behind the last owner it goes on with the first.
    const index = this.#indexOf(position) % count
    const { atMillis, from, owner } = this.#arcs[index]!
    if (!isWithin(from, position, owner.position)) return undefined
    if (nowMillis - atMillis <= maxAgeMillis) return owner
    this.#arcs.splice(index, 1)
    return undefined
  }

  /** `owner` answered for the positions behind `from`, up to its own. */
  add(from: bigint, owner: Contact, nowMillis: number): void {
    const index = this.#indexOf(owner.position)
    const isKnown = this.#arcs[index]?.owner.position === owner.position
    this.#arcs.splice(index, isKnown ? 1 : 0, { from, owner, atMillis: nowMillis })
    if (this.#arcs.length > maxArcs) this.#arcs.splice(this.#oldest(), 1)
  }

  /** It does not answer, or not for that arc. */
  forget(owner: Contact): void {
    const index = this.#indexOf(owner.position)
    const arc = this.#arcs[index]
    if (arc !== undefined && isSame(arc.owner, owner)) this.#arcs.splice(index, 1)
  }

  /** The index of the first owner at or behind a position. */
  #indexOf(position: bigint): number {
    return lowerBound(this.#arcs.length, (index) => this.#arcs[index]!.owner.position < position)
  }

  #oldest(): number {
    let oldest = 0
    for (const [index, { atMillis }] of this.#arcs.entries()) {
      if (atMillis < this.#arcs[oldest]!.atMillis) oldest = index
    }
    return oldest
  }
}
