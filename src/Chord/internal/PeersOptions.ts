/**
 * What can be set of the calls of a node, and what its owner gives: who it is, and how it answers.
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Message } from "../../Protocol/Message.ts"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { GuardEvent } from "../../Transport/Admission/GuardEvent.ts"
import type { Teller } from "../../Transport/Admission/Hearsay.ts"
import type { SourceLimits } from "../../Transport/Admission/SourceLimits.ts"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import type { PeerIdentity } from "../../Transport/Handshake.ts"
import type { Link } from "../../Transport/Link.ts"
import type { CallRefused } from "../CallError.ts"

/** Who calls, as it said in its handshake: a claim, not a proof. */
export type Caller = PeerIdentity

/** The packets of a request or of an answer; received ones are views of larger buffers: copy what you keep. */
export type Packets = ReadonlyArray<Uint8Array>

/**
 * Answers the calls of others. What is known without waiting is returned as it is and costs no fiber;
 * an Effect runs in a fiber of its own, which ends with the link of the caller. For a request that
 * wants no answer the result is dropped. `teller` is where the call comes from, unless this node calls itself.
 */
export type Handler = (
  from: Caller,
  kind: string,
  packets: Packets,
  teller?: Teller
) => Packets | CallRefused | Effect.Effect<Packets, CallRefused>

/** Bounds and times; each has a default. What one source of connections may have comes from `SourceLimits`. */
export interface PeersSettings extends SourceLimits {
  /** From the dial to the whole handshake of the peer; on top of a call's own time. Default 3 seconds. */
  readonly connectTimeout: Duration.Input
  /** The same for accepted connections, from the connection on. Default 10 seconds. */
  readonly handshakeTimeout: Duration.Input
  /** The shortest timeout that is measured. Default 500 millis for a chord node. */
  readonly minTimeout: Duration.Input
  /** The longest timeout that is measured. Default 3 seconds. */
  readonly maxTimeout: Duration.Input
  /** The timeout of calls to a peer that nothing is known of. Default 1 second. */
  readonly initialTimeout: Duration.Input
  /**
   * A link over which nothing was called for so long is closed by the end that dialed it; by the other
   * one a quarter later. Default 3 minutes: what is asked each `repairInterval` needs no new link.
   */
  readonly idleTimeout: Duration.Input
  /** Links this node dials; then the idle one used longest ago is closed, or the call fails with `Full`. Default 128. */
  readonly maxLinks: number
  /** Links others dial; then the idle one used longest ago is closed, or the new one refused with `Full`. Default 256. */
  readonly maxInboundLinks: number
  /** Calls of this node under way; further ones fail with `TooManyCalls`; reads and writes come again a little later. Default 4096. */
  readonly maxPendingCalls: number
  /** Peers whose round trips are remembered; then the one used longest ago is forgotten. Default 1024. */
  readonly maxRoundTrips: number
  /** Handlers of one link that wait for an Effect; further calls are refused with `Busy`, and those for keys come again a little later. Default 64. */
  readonly handlerConcurrency: number
  /** The largest message taken or sent, in bytes, before and after decompression. Default 2 MiB. */
  readonly maxMessageBytes: number
  /** Bytes that may wait for one peer; then a call waits for room, an answer is dropped. Default 4 MiB. */
  readonly maxOutboxBytes: number
  /** Messages shorter than this are not compressed, in bytes. Default 1024. */
  readonly compressFromBytes: number
  /**
   * Messages a second that are read from one source, over all of its links, a second's worth at once; what is
   * more waits on its side. One counts once more for each 64 packets, for each 8 KiB that it inflates to, and for
   * four pieces of a few bytes in which it comes.
   * Default 10000.
   */
  readonly maxMessagesPerSecond: number
  /**
   * How long a peer may take next to nothing, less than an eighth of `maxOutboxBytes`, while more than half of
   * that waits, until its link is closed with `TooSlow`. Default 10 seconds.
   */
  readonly slowTimeout: Duration.Input
  /** How long closing a link may take to write what is queued. Default 1 second. */
  readonly drainTimeout: Duration.Input
}

/** The default of every setting. */
export const defaults: PeersSettings = {
  connectTimeout: Duration.seconds(3),
  handshakeTimeout: Duration.seconds(10),
  minTimeout: Duration.millis(100),
  maxTimeout: Duration.seconds(3),
  initialTimeout: Duration.seconds(1),
  idleTimeout: Duration.minutes(3),
  maxLinks: 128,
  maxInboundLinks: 256,
  maxPendingHandshakes: 128,
  maxConnectsPerSource: 50,
  maxPendingPerSource: 64,
  maxLinksPerSource: 128,
  limitsLoopback: false,
  maxPendingCalls: 4096,
  maxRoundTrips: 1024,
  handlerConcurrency: 64,
  maxMessageBytes: 2 * 1024 * 1024,
  maxOutboxBytes: 4 * 1024 * 1024,
  maxQueuedBytes: 128 * 1024 * 1024,
  maxUnfinishedBytes: 32 * 1024 * 1024,
  frameTimeout: Duration.seconds(60),
  maxMessagesPerSecond: 10_000,
  compressFromBytes: 1024,
  slowTimeout: Duration.seconds(10),
  drainTimeout: Duration.seconds(1),
  banScore: 100,
  banFor: Duration.minutes(10),
  maxBans: 4096
}

/** What happens between a node and those that dial it; `ChordEvent` says what each means. */
export type PeersEvent =
  | GuardEvent
  | { readonly _tag: "Rejected"; readonly remote: PeerAddress; readonly reason: CloseReason }
  | { readonly _tag: "PeerThrottled"; readonly id: string; readonly count: number }

/** What a node is made from. */
export interface PeersOptions extends Partial<PeersSettings> {
  /** The id of this node, or how it follows from where it can be dialed (port 0 is known only then). */
  readonly nodeId: string | ((address: PeerAddress) => string)
  /** Only nodes with the same one talk. For a chord, `chordNetworkId`. */
  readonly networkId: string
  /** Where to listen; port 0 for any free one. */
  readonly listen: PeerAddress
  /** Where others can dial this node, when that is not where it listens; port 0: the one that it listens on. */
  readonly announce?: PeerAddress | undefined
  /** Answers the calls of others; they may come as soon as `make` has given the node. */
  readonly handler: Handler
  /**
   * Takes the messages that are no calls, those of original nodes; a reason it returns ends the link.
   * Without it they are counted and dropped.
   */
  readonly onMessage?: ((peer: Caller, link: Link, message: Message) => CloseReason | undefined) | undefined
  /** Told of whom this node did not let in, reads later, or has nothing to do with. Must not throw. */
  readonly onEvent?: ((event: PeersEvent) => void) | undefined
  /**
   * Lets original nodes in as guests, and has accepted connections spoken to only once they have said
   * who they are, as the originals do. Without it originals are links like others, which know no calls.
   */
  readonly guests?: OriginalGuests | undefined
}

/** How a node receives the original nodes that come to it. They may be silent: no link of theirs falls idle. */
export interface OriginalGuests {
  /** Links with originals; then one that was silent for `idleTimeout` gives up its place, or the new one is refused. */
  readonly maxLinks: number
  /** An original has said who it is, over a link that has room: says to it what is due. A reason ends the link. */
  readonly welcome: (peer: Caller, link: Link) => CloseReason | undefined
}
