/**
 * What a chord node has counted since it started. Plain numbers; those of calls and links are in
 * `CallStats`.
 */
import type { StorageStats } from "./ChordStorage.ts"
import type { CallStats } from "./internal/CallNode.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface ChordCounters {
  /** Lookups that this node asked others for, and those that came to nothing. */
  lookups: number
  lookupsFailed: number
  /** Nodes that answered in lookups, and that did not. */
  hops: number
  timeouts: number
  gets: number
  sets: number
  /** Reads that found fewer copies than they should have. */
  degraded: number
  /** Placements that were brought up to date after a read. */
  readRepairs: number
  /** Records sent to and received from others to make up copies. */
  recordsSent: number
  recordsReceived: number
  /** Rounds of stabilisation, of repair, and of audits. */
  rounds: number
  repairs: number
  audits: number
}

/** All at zero. */
export const makeCounters = (): ChordCounters => ({
  lookups: 0,
  lookupsFailed: 0,
  hops: 0,
  timeouts: 0,
  gets: 0,
  sets: 0,
  degraded: 0,
  readRepairs: 0,
  recordsSent: 0,
  recordsReceived: 0,
  rounds: 0,
  repairs: 0,
  audits: 0
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ChordStats extends Readonly<ChordCounters> {
  readonly calls: CallStats
  readonly storage: StorageStats
}
