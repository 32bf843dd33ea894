/**
 * Whether compressing is worth a try. What one node sends is mostly of one kind: after messages
 * that hardly shrank (by less than a tenth) the next ones are sent plain untried, twice as many
 * after each miss, up to 255; one that shrinks opens the gate again. So incompressible traffic costs
 * next to nothing.
 */

/** Messages sent plain untried after a row of misses, at most. */
const maxSkipped = 255

/**
 * Remembers how the last tries went.
 *
 * @category models
 * @since 0.1.0
 */
export class CompressionGate {
  #missCount = 0
  #skipCount = 0

  /** Asked once for each message that is long enough. */
  isOpen(): boolean {
    if (this.#skipCount === 0) return true
    this.#skipCount--
    return false
  }

  /** Told whether a try was worth it. */
  tried(isWorthIt: boolean): void {
    this.#missCount = isWorthIt ? 0 : this.#missCount + 1
    this.#skipCount = isWorthIt ? 0 : Math.min(maxSkipped, 2 ** Math.min(this.#missCount, 10) - 1)
  }
}
