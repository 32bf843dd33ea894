/** A seeded sequence of draws (mulberry32), for schedules that a seed alone reproduces. */
export class Draws {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 0
  }

  /** 0 (inclusive) to 1 (exclusive). */
  chance(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.chance() * (high - low + 1))
  }

  /** One of these; there must be one. */
  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.between(0, items.length - 1)]!
  }

  /** The items in another order. */
  shuffle<A>(items: ReadonlyArray<A>): Array<A> {
    const shuffled = items.slice()
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      const other = shuffled[i]!
      shuffled[i] = shuffled[j]!
      shuffled[j] = other
    }
    return shuffled
  }
}
