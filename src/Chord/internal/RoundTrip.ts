/**
 * How long a node waits for an answer: the round trips to each peer are measured, and the timeout is
 * their smoothed mean plus four times their smoothed deviation (RFC 6298, section 2; Rhea et al.,
 * USENIX 2004, found the same rule best for lookups under churn).
 *
 * Karn's rule has nothing to do here: nothing is ever sent twice under one number, so an answer
 * belongs to exactly one sending, and every one may be measured.
 *
 * Departure: the term of the deviation is never under half of the floor. On a steady path the
 * deviation decays to zero, and the first answer a millisecond late would count as a dead node.
 */

/** The bounds of timeouts, in milliseconds. */
export interface RoundTripOptions {
  readonly minMillis: number
  readonly maxMillis: number
  /** The timeout before anything was measured. */
  readonly initialMillis: number
}

/** Weights of a new measurement in the mean and in the deviation (RFC 6298, section 2.3). */
const meanWeight = 1 / 8
const deviationWeight = 1 / 4

/** The round trips to one peer. */
export class RoundTrip {
  readonly #options: RoundTripOptions
  #smoothedMillis: number | undefined
  #deviationMillis = 0
  #backoff = 1

  constructor(options: RoundTripOptions) {
    this.#options = options
  }

  /** The smoothed round trip in milliseconds; undefined before the first measurement. */
  get smoothedMillis(): number | undefined {
    return this.#smoothedMillis
  }

  /** The smoothed mean deviation of the round trip, in milliseconds. */
  get deviationMillis(): number {
    return this.#deviationMillis
  }

  /** How long to wait for the next answer, in milliseconds. */
  get timeoutMillis(): number {
    const { initialMillis, maxMillis, minMillis } = this.#options
    const measured = this.#smoothedMillis === undefined
      ? initialMillis
      : this.#smoothedMillis + Math.max(minMillis / 2, 4 * this.#deviationMillis)
    return Math.min(maxMillis, Math.max(minMillis, measured) * this.#backoff)
  }

  /** An answer came after so many milliseconds. */
  measured(millis: number): void {
    this.#backoff = 1
    const smoothed = this.#smoothedMillis
    if (smoothed === undefined) {
      this.#smoothedMillis = millis
      this.#deviationMillis = millis / 2
      return
    }
    this.#deviationMillis += deviationWeight * (Math.abs(smoothed - millis) - this.#deviationMillis)
    this.#smoothedMillis = smoothed + meanWeight * (millis - smoothed)
  }

  /**
   * No answer came in time: the next timeout is twice as long, until one comes (RFC 6298, section
   * 5.5). Otherwise a path that has become slower than its timeout would never be measured again.
   */
  timedOut(): void {
    if (this.timeoutMillis < this.#options.maxMillis) this.#backoff *= 2
  }
}

/** The round trips to many peers, by address; of `maxCount` peers, the one used longest ago goes first. */
export class RoundTrips {
  readonly #options: RoundTripOptions
  readonly #maxCount: number
  readonly #byAddress = new Map<string, RoundTrip>()

  constructor(maxCount: number, options: RoundTripOptions) {
    this.#maxCount = maxCount
    this.#options = options
  }

  get count(): number {
    return this.#byAddress.size
  }

  /** What is known of an address, without using it. */
  peek(address: string): RoundTrip | undefined {
    return this.#byAddress.get(address)
  }

  /** The round trips to an address, from now on the one used last. A new one knows nothing. */
  of(address: string): RoundTrip {
    const known = this.#byAddress.get(address)
    if (known === undefined) this.#makeRoom()
    else this.#byAddress.delete(address)
    const roundTrip = known ?? new RoundTrip(this.#options)
    this.#byAddress.set(address, roundTrip)
    return roundTrip
  }

  #makeRoom(): void {
    if (this.#byAddress.size < this.#maxCount) return
    const [oldest] = this.#byAddress.keys()
    if (oldest !== undefined) this.#byAddress.delete(oldest)
  }
}
