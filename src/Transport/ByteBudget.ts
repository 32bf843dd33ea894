/**
 * Bytes that all links of a node hold together. Each link has a bound of its own; this one is for the
 * sum, which a bound for each does not keep small when there are many.
 */

/**
 * A count of bytes with a bound.
 *
 * @category models
 * @since 0.1.0
 */
export class ByteBudget {
  readonly maxBytes: number
  usedBytes = 0
  /** Called when the first bytes come in. */
  onUse: (() => void) | undefined
  /** Called when bytes come in while it is spent; whoever it is makes room. */
  onSpent: (() => void) | undefined

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get isSpent(): boolean {
    return this.usedBytes > this.maxBytes
  }
}
