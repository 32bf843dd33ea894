/**
 * How often a node dials what it only heard of: whoever names ever other hosts has no node try a network for them. What was
 * not tried yet has tokens of its own. Else many that are gone, which are due again and again, would keep it waiting.
 */
import { TokenBucket } from "../../Transport/TokenBucket.ts"
import { isHearsay, type KnownAddress } from "../AddressBook.ts"

/** So many a second, after so many at once. */
const firstPerSecond = 2
const firstBurst = 64

/** The same of what failed before. */
const againPerSecond = 1
const againBurst = 32

/** After so long there is another token, in milliseconds. */
export const tokenMillis = 1000 / firstPerSecond

export class HearsayRate {
  readonly #first: TokenBucket
  readonly #again: TokenBucket

  constructor(nowMillis: number) {
    this.#first = new TokenBucket(firstPerSecond, firstBurst, nowMillis)
    this.#again = new TokenBucket(againPerSecond, againBurst, nowMillis)
  }

  /** Whether it may not be dialed now. */
  isSpent(known: KnownAddress, nowMillis: number): boolean {
    return isHearsay(known) && this.#bucketOf(known).isSpent(nowMillis)
  }

  /** Whether it may be dialed now, which counts. */
  take(known: KnownAddress, nowMillis: number): boolean {
    return !isHearsay(known) || this.#bucketOf(known).take(nowMillis)
  }

  #bucketOf({ failureCount }: KnownAddress): TokenBucket {
    return failureCount === 0 ? this.#first : this.#again
  }
}
