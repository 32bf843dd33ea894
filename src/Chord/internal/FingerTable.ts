/** The fingers of a member: hints that make a lookup short. Plain data and synchronous functions. */
import { type Contact, isSame } from "../Contact.ts"
import * as Ring from "../Ring.ts"

/** Times the usual interval: as in MIT's chord, where nothing changes there is little to look after. */
export const maxFingerPatience = 4

export class FingerTable {
  /** Who followed these positions when they were last looked up, or is the nearest behind them that was heard of. */
  readonly byIndex = new Map<number, Contact>()
  readonly #bits: number
  readonly #own: bigint
  #next = 0
  #patience = 1
  #rightCount = 0

  constructor(bits: number, own: bigint) {
    this.#bits = bits
    this.#own = own
  }

  /** How many times the usual interval the fingers are left alone: 1, or more once all were right for a turn. */
  get patience(): number {
    return this.#patience
  }

  /** The finger that is to be looked after, of those that the successors up to `last` do not cover: the widest first, in turn. */
  next(last: Contact): number | undefined {
    const covered = Ring.distance(this.#bits, this.#own, last.position)
    if (this.#next <= 0 || 1n << BigInt(this.#next - 1) <= covered) this.#next = this.#bits
    const index = --this.#next
    for (const low of this.byIndex.keys()) {
      if (1n << BigInt(low) <= covered) this.byIndex.delete(low)
    }
    return 1n << BigInt(index) > covered ? index : undefined
  }

  /** Takes a contact that is not known to be right, where there is none or one that is farther away. */
  hint(contact: Contact): void {
    const distance = Ring.distance(this.#bits, this.#own, contact.position)
    if (distance === 0n) return
    const index = bitLength(distance) - 1
    const known = this.byIndex.get(index)
    if (known === undefined || Ring.isClockwise(this.#own, contact.position, known.position)) {
      this.byIndex.set(index, contact)
    }
  }

  /** Takes a contact out. */
  evict(contact: Contact): void {
    for (const [index, finger] of this.byIndex) {
      if (isSame(finger, contact)) this.lose(index)
    }
  }

  /** That finger is not known, or not right any more: the ring changes. */
  lose(index: number): void {
    this.byIndex.delete(index)
    this.#patience = 1
    this.#rightCount = 0
  }

  /** A finger was looked after, and right; after a turn of such the next ones are in less of a hurry. */
  wasRight(): void {
    if (++this.#rightCount < this.byIndex.size) return
    this.#rightCount = 0
    this.#patience = Math.min(maxFingerPatience, 2 * this.#patience)
  }

  /** Each contact once. */
  contacts(): ReadonlyArray<Contact> {
    return [...new Map(Array.from(this.byIndex.values(), (contact) => [contact.position, contact])).values()]
  }
}

const bitLength = (value: bigint): number => {
  const digits = value.toString(16)
  return 4 * digits.length - Math.clz32(Number.parseInt(digits[0]!, 16)) + 28
}
