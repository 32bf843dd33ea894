/** The figures of a `ChordScenario`. */

/**
 * What came of a scenario.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChordFigures {
  readonly nodes: number
  readonly seed: string
  readonly virtualSeconds: number
  /** The fingerprint of the trace: the same for the same scenario, in every process. */
  readonly hash: string
  /** Lookups by nodes that lived to see their end; the means and quantiles below are over those that found a node. */
  readonly lookups: number
  /** Lookups that failed, or named a node that did not answer for the key at any moment meanwhile. */
  readonly lookupsFailed: number
  /** Nodes that answered before the owner. */
  readonly hopsMean: number
  readonly hops: { readonly p1: number; readonly p50: number; readonly p99: number }
  /** Nodes that did not answer in time, a lookup. */
  readonly timeoutsMean: number
  readonly lookupMillis: { readonly p50: number; readonly p99: number }
  readonly keys: number
  /** Keys that read as never set at the end, or with an old value. */
  readonly keysLost: number
  /** Keys that could not be read at the end. */
  readonly keysUnreadable: number
  /** Clauses of the ring's invariant that did not hold when it was looked at: at the end, and every minute of virtual time. */
  readonly invariantViolations: number
  /** Whether every member knew exactly what it should at the end. */
  readonly isIdeal: boolean
  /** From the crash until the ring was ideal again; null when nobody crashed, or it did not come. */
  readonly healSeconds: number | null
  /** From the crash until every first successor and predecessor was right; null as above. */
  readonly neighborsHealSeconds: number | null
  /** Sends of a node in a second while the ring idled, before keys were written; one carries a message, or several. */
  readonly messagesPerNodeSecond: number
  readonly bytesPerNodeSecond: number
  /** The same sends during the lookups, which count too. */
  readonly busyMessagesPerNodeSecond: number
  /** Calls, answers and words that want none, of all nodes for one key, without the upkeep. */
  readonly messagesPerSet: number
  readonly messagesPerGet: number
  /** The same with the handshakes of new links, as the network counts. */
  readonly sendsPerSet: number
  readonly sendsPerGet: number
}
