/** How the dictionary is read and written, and what can come of it. */
import type * as Duration from "effect/Duration"
import type { QuorumError } from "./ChordError.ts"
import type { RecordError } from "./Record.ts"
import type { Version, VersionTooFarAhead } from "./Version.ts"

/**
 * How a read is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions {
  /** Placements asked first, 1 to 5. Default: the node's `readQuorum`. */
  readonly quorum?: number | undefined
  /** How long it may take, its turn included: a node makes 512 at once. Default: the node's `operationTimeout`. */
  readonly timeout?: Duration.Input | undefined
  /**
   * Whether what fewer than `quorum` placements could tell is given too, marked as degraded, and what could not be
   * brought to so many that no later read misses it. Default true.
   */
  readonly fallback?: boolean | undefined
}

/**
 * How a write is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface WriteOptions {
  /** Placements that must have stored it, 1 to 5. Default: the node's `writeQuorum`. */
  readonly quorum?: number | undefined
  /**
   * How long it may take, its turn included: a node makes 32 at once, and eight for each node of a ring that has more than
   * four, up to 256. Default: the node's `operationTimeout`.
   */
  readonly timeout?: Duration.Input | undefined
  /** How long the value lasts from now on. Default: for ever. */
  readonly ttl?: Duration.Input | undefined
}

/**
 * What can keep a write from being acknowledged.
 *
 * @category errors
 * @since 0.1.0
 */
export type WriteError = QuorumError | RecordError | VersionTooFarAhead

/**
 * A value with what is known of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly value: string
  readonly version: Version
  /** When it ends, in milliseconds since 1970. */
  readonly expiresAtMillis: number | undefined
  /** Fewer placements held it than should: some copies are lost, or on their way. */
  readonly isDegraded: boolean
}
