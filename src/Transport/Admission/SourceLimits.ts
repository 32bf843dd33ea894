/**
 * What one source of connections may have of a node that listens, and when it is banned. A source is an
 * IPv4 host, or an IPv6 network of 64 bits (`Source`).
 */
import type * as Duration from "effect/Duration"

/**
 * The limits that every kind of node has; each kind has defaults of its own.
 *
 * @category options
 * @since 0.1.0
 */
export interface SourceLimits {
  /**
   * Accepted connections that have not shown a handshake yet. Then the oldest of the source that has most of
   * them makes room, or else the newcomer is closed. Default 64; of a chord node 128.
   */
  readonly maxPendingHandshakes: number
  /**
   * Connections a second that are accepted from one source: an IPv4 host or an IPv6 network of 64 bits;
   * four seconds' worth at once after a quiet time. Further ones are closed unread. Default 10; of a chord node 50.
   */
  readonly maxConnectsPerSource: number
  /** Of one source, accepted connections that have not shown a handshake yet; further ones are closed. Default 16; of a chord node 64. */
  readonly maxPendingPerSource: number
  /**
   * Links accepted from one source. Further ones are told where else to go, and closed; at a chord node the
   * idle one of that source used longest ago makes room first. Default 16; of a chord node 128, for nodes
   * behind one router are one source.
   */
  readonly maxLinksPerSource: number
  /**
   * Whether those limits, `maxMessagesPerSecond` and bans for misconduct hold for connections from this
   * machine as well. Default false: all who come through a proxy come from here.
   */
  readonly limitsLoopback: boolean
  /** Bytes that may wait for all peers together; past it each may have a 64th of it waiting. Default 128 MiB. */
  readonly maxQueuedBytes: number
  /**
   * Bytes of messages that came in part, of all peers together; past it the link ends whose message began
   * first. Buffers take twice that at most. Default 32 MiB.
   */
  readonly maxUnfinishedBytes: number
  /** From the first byte of a message to the last; then its link ends. Default 60 seconds: 35 kB a second for the largest. */
  readonly frameTimeout: Duration.Input
  /**
   * The score at which a source of connections is banned. A message that is none costs 34 points, a
   * silent connection 5; points halve every ten minutes. `Infinity` for never. Default 100.
   */
  readonly banScore: number
  /** How long such a ban lasts, the first time; each further one twice as long, up to 128 times. Default 10 minutes. */
  readonly banFor: Duration.Input
  /** Bans remembered; past it the automatic one that ends first is forgotten. Default 4096. */
  readonly maxBans: number
}
