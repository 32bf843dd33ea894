/**
 * The timers of a virtual clock, earliest first. What orders them lies in arrays of numbers: with tens of thousands of
 * timers, those of ten thousand nodes, a look at each on the way through the heap would be a look into cold memory.
 */

/** What a timer does when its time comes; undefined once it is canceled. */
export interface Timer {
  run: (() => void) | undefined
}

export class TimerHeap {
  #count = 0
  /** How many were set so far: of two for the same time the one that was set first is first. */
  #order = 0
  #times = new Float64Array(64)
  #orders = new Float64Array(64)
  readonly #timers: Array<Timer> = []

  /** When the first one is due, in the milliseconds they were set for; Infinity where there is none. */
  get firstMillis(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!
  }

  /** The first one, which stays. */
  get first(): Timer | undefined {
    return this.#timers[0]
  }

  add(atMillis: number, timer: Timer): void {
    if (this.#count === this.#times.length) this.#grow()
    const order = this.#order++
    let index = this.#count++
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#isBefore(atMillis, order, parent)) break
      this.#move(parent, index)
      index = parent
    }
    this.#put(index, atMillis, order, timer)
  }

  /** Takes the first one out. */
  removeFirst(): void {
    if (this.#count === 0) return
    const last = --this.#count
    const timer = this.#timers.pop()
    if (timer === undefined || last === 0) return
    const atMillis = this.#times[last]!
    const order = this.#orders[last]!
    let index = 0
    for (let child = 1; child < last; child = 2 * index + 1) {
      if (child + 1 < last && this.#isBefore(this.#times[child + 1]!, this.#orders[child + 1]!, child)) child++
      if (this.#isBefore(atMillis, order, child)) break
      this.#move(child, index)
      index = child
    }
    this.#put(index, atMillis, order, timer)
  }

  #isBefore(atMillis: number, order: number, other: number): boolean {
    const otherMillis = this.#times[other]!
    return atMillis < otherMillis || (atMillis === otherMillis && order < this.#orders[other]!)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#orders[from]!, this.#timers[from]!)
  }

  #put(index: number, atMillis: number, order: number, timer: Timer): void {
    this.#times[index] = atMillis
    this.#orders[index] = order
    this.#timers[index] = timer
  }

  #grow(): void {
    const [times, orders] = [new Float64Array(2 * this.#count), new Float64Array(2 * this.#count)]
    times.set(this.#times)
    orders.set(this.#orders)
    this.#times = times
    this.#orders = orders
  }
}
