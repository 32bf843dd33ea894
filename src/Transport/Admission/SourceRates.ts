/** A rate for each source of connections, bounded in number. Plain and synchronous: time is an argument. */
import { TokenBucket } from "../TokenBucket.ts"

/** Sources whose rates are remembered; past it those go that have been quiet, or else the oldest. */
const maxSources = 4096

/**
 * Token buckets by source; what a source has taken stays taken while it has no connection.
 *
 * @category models
 * @since 0.1.0
 */
export class SourceRates {
  readonly #perSecond: number
  readonly #burstSeconds: number
  readonly #rates = new Map<string, TokenBucket>()

  /** `burstSeconds`: what may be taken at once after a quiet time, in seconds' worth. */
  constructor(perSecond: number, burstSeconds: number) {
    this.#perSecond = perSecond
    this.#burstSeconds = burstSeconds
  }

  of(source: string, nowMillis: number): TokenBucket {
    const known = this.#rates.get(source)
    if (known !== undefined) return known
    if (this.#rates.size >= maxSources) this.#forget(nowMillis)
    const rate = new TokenBucket(this.#perSecond, this.#perSecond * this.#burstSeconds, nowMillis)
    this.#rates.set(source, rate)
    return rate
  }

  #forget(nowMillis: number): void {
    for (const [source, rate] of this.#rates) {
      if (rate.isFull(nowMillis)) this.#rates.delete(source)
    }
    if (this.#rates.size < maxSources) return
    const [oldest] = this.#rates.keys()
    if (oldest !== undefined) this.#rates.delete(oldest)
  }
}
