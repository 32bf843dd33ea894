/**
 * The ids of broadcasts that went through this node, so that none is handled or relayed twice
 * (protocol 0.4, section 5). Bounded in time, to the second, and in number; one map operation a
 * message.
 *
 * Every id is kept for the same time, the relay window and the allowed skew together: a message
 * stamped as far in the future as is allowed stays within the window that long. So the order of
 * insertion is the order of expiry, and nothing has to be searched.
 */

/**
 * Remembers ids for a number of seconds.
 *
 * @category models
 * @since 0.1.0
 */
export class SeenIds {
  readonly #lifetimeSeconds: number
  readonly #maxCount: number
  /** The last second in which each id is known. */
  readonly #lastSeconds = new Map<string, number>()
  /**
   * The same ids, oldest first, from `#oldest` on. A queue of its own: to find the first key of a map
   * is to walk over all that were deleted before it.
   */
  #order: Array<string> = []
  #oldest = 0
  #sweptSecond = Number.NEGATIVE_INFINITY

  constructor(lifetimeSeconds: number, maxCount: number) {
    this.#lifetimeSeconds = lifetimeSeconds
    this.#maxCount = maxCount
  }

  /** How many ids are remembered. */
  get count(): number {
    return this.#lastSeconds.size
  }

  /**
   * Notes an id from now on; `false` when it is known already. At `maxCount` the id noted longest
   * ago is forgotten first.
   */
  add(id: string, nowSecond: number): boolean {
    if (nowSecond !== this.#sweptSecond) this.#sweep(nowSecond)
    if (this.#lastSeconds.has(id)) return false
    if (this.#lastSeconds.size >= this.#maxCount) this.#forgetOldest()
    this.#lastSeconds.set(id, nowSecond + this.#lifetimeSeconds)
    this.#order.push(id)
    return true
  }

  #sweep(nowSecond: number): void {
    this.#sweptSecond = nowSecond
    while (this.#oldest < this.#order.length) {
      if (this.#lastSeconds.get(this.#order[this.#oldest]!)! >= nowSecond) return
      this.#forgetOldest()
    }
  }

  #forgetOldest(): void {
    this.#lastSeconds.delete(this.#order[this.#oldest++]!)
    if (this.#oldest * 2 < this.#order.length || this.#oldest < 1024) return
    this.#order = this.#order.slice(this.#oldest)
    this.#oldest = 0
  }
}
