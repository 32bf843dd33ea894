/**
 * What a node has counted since it started. Plain numbers, for they are touched by every message.
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface MeshStats {
  /** Messages that came over links, of every kind. */
  readonly received: number
  /** Broadcasts and whispers of this node's own. */
  readonly sent: number
  /** Copies of others' broadcasts put into queues. */
  readonly relayed: number
  /** Messages of users, for the readers of `messages`. */
  readonly delivered: number
  /** Messages for topics, questions and handlers. */
  readonly handled: number
  /** Broadcasts that had been seen. */
  readonly duplicates: number
  /** Broadcasts older than the relay window. */
  readonly expired: number
  /** Broadcasts from beyond the allowed skew. */
  readonly fromFuture: number
  /**
   * Messages without a payload, with an unknown main flag or a wrong id, or that nothing here handles; pings that were
   * too long or too many; searches and questions whose id is too long, or whose asker has no room for an answer.
   */
  readonly ignored: number
  /** Messages that were not delivered for want of a proof, or for a wrong one. */
  readonly unproven: number
  /** Frames that found a peer's queue full. */
  readonly droppedOutbound: number
  /** Messages that readers of the application lost, being too slow. */
  readonly lostByReaders: number
  /** Connections that did not become links. */
  readonly rejected: number
  /** Inbound peers that made room for others, having passed on nothing (`evictAfter`). */
  readonly evicted: number
  /** Bytes queued for links, and that came over them, framing included; those of links under way too. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Times that a peer's messages were read later, for they were too many (`maxMessagesPerSecond`). */
  readonly throttled: number
  /** Searches and lists of peers that were not looked at, for they were too many. */
  readonly excess: number
  /** Bans that the node itself found reason for. */
  readonly banned: number
  /** Links there are now. */
  readonly peers: number
  /** Ids of broadcasts remembered now. */
  readonly seenIds: number
  /** Addresses known now. */
  readonly knownAddresses: number
  /** Bans there are now. */
  readonly bans: number
  /** Accepted connections that have not shown who they are, now. */
  readonly pendingHandshakes: number
  /** Bytes of unfinished frames now, and of what waits to be taken by peers. */
  readonly unfinishedBytes: number
  readonly queuedBytes: number
}

type Level =
  | "peers"
  | "seenIds"
  | "knownAddresses"
  | "banned"
  | "bans"
  | "pendingHandshakes"
  | "unfinishedBytes"
  | "queuedBytes"

/** The counters a node keeps; the rest of `MeshStats` is read off its tables. */
export type MeshCounters = { -readonly [K in Exclude<keyof MeshStats, Level>]: number }

/** All at zero. */
export const makeCounters = (): MeshCounters => ({
  received: 0,
  sent: 0,
  relayed: 0,
  delivered: 0,
  handled: 0,
  duplicates: 0,
  expired: 0,
  fromFuture: 0,
  ignored: 0,
  unproven: 0,
  droppedOutbound: 0,
  lostByReaders: 0,
  rejected: 0,
  evicted: 0,
  sentBytes: 0,
  receivedBytes: 0,
  throttled: 0,
  excess: 0
})
