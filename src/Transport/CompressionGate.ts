/**
 * Whether compressing is worth a try. What one node sends is mostly of one kind: after messages
 * that did not shrink the next ones are sent plain untried, twice as many after each miss, up to
 * 63; one that shrinks opens the gate again. So incompressible traffic costs next to nothing.
 */

/** Messages sent plain untried after a row of misses, at most. */
const maxSkipped = 63

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

  /** Told how a try went. */
  tried(hasShrunk: boolean): void {
    this.#missCount = hasShrunk ? 0 : this.#missCount + 1
    this.#skipCount = hasShrunk ? 0 : Math.min(maxSkipped, 2 ** Math.min(this.#missCount, 10) - 1)
  }
}
