/**
 * What may be asked of this node over one link in a second. Messages beyond it are read later, so that TCP slows
 * the peer down and nothing is lost; searches and lists of peers beyond it are not looked at.
 *
 * Messages count by what they cost: one that is cheap to send and dear to take counts as many.
 */
import { TokenBucket } from "../../Transport/TokenBucket.ts"
import type { MeshOptions } from "../MeshConfig.ts"

/** Searches of a peer that are looked at after a quiet time, in seconds' worth. */
const searchBurstSeconds = 10
/** Lists of peers that are looked at after a quiet time. */
const listBurst = 16
/** As many messages' work is it to check a signature: some 150 microseconds, where a message takes 10. */
const signatureCount = 15

export class Allowance {
  readonly #messages: TokenBucket
  readonly searches: TokenBucket
  readonly lists: TokenBucket
  /** What was not looked at, or read later, so far. */
  readonly excess = { messages: 0, searches: 0, lists: 0 }
  /** What was not delivered for what it did not prove, so far. */
  readonly refused = { Unproven: 0, Forged: 0, Replayed: 0 }
  /** Work that came on top of the messages themselves, in messages, since the last charge. */
  #extraCount = 0

  /** `isLimited`: false for peers on this machine, whose messages are read as they come. */
  constructor(options: MeshOptions, isLimited: boolean, nowMillis: number) {
    const { maxListsPerSecond, maxMessagesPerSecond, maxSearchesPerSecond } = options
    const perSecond = isLimited ? maxMessagesPerSecond : Number.POSITIVE_INFINITY
    this.#messages = new TokenBucket(perSecond, perSecond, nowMillis)
    this.searches = new TokenBucket(maxSearchesPerSecond, maxSearchesPerSecond * searchBurstSeconds, nowMillis)
    this.lists = new TokenBucket(maxListsPerSecond, listBurst, nowMillis)
  }

  /** A signature was checked. */
  signatureChecked(): void {
    this.#extraCount += signatureCount
  }

  /** Pays for work that was done, in messages; gives how long to wait, in milliseconds. */
  charge(count: number, nowMillis: number): number {
    const extraCount = this.#extraCount
    this.#extraCount = 0
    return this.#messages.charge(count + extraCount, nowMillis)
  }
}
