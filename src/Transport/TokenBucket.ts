/**
 * A rate in tokens: so many a second, and so many at once after a quiet time. Plain arithmetic on
 * numbers, with time as an argument, because the reading of every link asks it once a batch. (Effect's
 * `RateLimiter` costs an Effect and a store for each question.)
 */

/**
 * The tokens of one peer, or of one source of connections.
 *
 * @category models
 * @since 0.1.0
 */
export class TokenBucket {
  readonly #perMilli: number
  readonly #burst: number
  #tokens: number
  #atMillis: number

  /** Full at first. With `perSecond` of `Infinity` it never refuses. */
  constructor(perSecond: number, burst: number, nowMillis: number) {
    this.#perMilli = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#atMillis = nowMillis
  }

  /** Takes one token; `false` when there is none, and then nothing is taken. */
  take(nowMillis: number): boolean {
    this.#refill(nowMillis)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Takes so many tokens, into debt if need be; gives the milliseconds until the debt is paid, 0 for none. */
  charge(count: number, nowMillis: number): number {
    if (this.#perMilli === Number.POSITIVE_INFINITY) return 0
    this.#refill(nowMillis)
    this.#tokens -= count
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMilli
  }

  /** Whether there is no token to take. */
  isSpent(nowMillis: number): boolean {
    this.#refill(nowMillis)
    return this.#tokens < 1
  }

  /** Whether it is as full as at first: nobody has taken anything for a while. */
  isFull(nowMillis: number): boolean {
    this.#refill(nowMillis)
    return this.#tokens >= this.#burst
  }

  #refill(nowMillis: number): void {
    const passed = nowMillis - this.#atMillis
    if (passed <= 0) return
    this.#atMillis = nowMillis
    this.#tokens = Math.min(this.#burst, this.#tokens + passed * this.#perMilli)
  }
}
