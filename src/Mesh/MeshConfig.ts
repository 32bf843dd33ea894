/**
 * Every setting of a mesh node. Each has a default that suits a newcomer; turn one by passing it
 * to `MeshConfig.layer`, to `NodeMesh.layer`, or by an environment variable (`NodeMesh.layerConfig`).
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import type { SourceLimits } from "../Transport/Admission/SourceLimits.ts"
import { type Given, withDefaults } from "../Transport/Settings.ts"

/**
 * The settings; see each field for its meaning, unit and default. What one source of connections may have
 * comes from `SourceLimits`.
 *
 * @category options
 * @since 0.1.0
 */
export interface MeshOptions extends SourceLimits {
  /** The name of the network: nodes with another name are refused. Default `"mesh"`. */
  readonly subnet: string
  /** Where to listen; port 0 for any free one. Default `127.0.0.1:0`. */
  readonly listen: PeerAddress
  /**
   * Where else to listen, for what else the transport serves: `ws://127.0.0.1:8080` with `Transports` or
   * `NodeMesh`. Default nowhere.
   */
  readonly listenFurther: ReadonlyArray<PeerAddress>
  /** Where others can dial this node, when that is not where it listens (NAT). Default: where it listens. */
  readonly announce: PeerAddress | undefined
  /** Where else others can dial it, in place of `listenFurther`: `wss://example.org` before a proxy. Default: where it listens. */
  readonly announceFurther: ReadonlyArray<PeerAddress> | undefined
  /**
   * Nodes to dial at the start, and again whenever no link to them is left. The node does not wait for them: `connect`
   * does, and `changes` tells of links. Default none.
   */
  readonly bootstrap: ReadonlyArray<PeerAddress>

  /** Links the node dials of its own accord; `connect` may add more. More links: more copies, faster healing. Default 4. */
  readonly maxOutboundLinks: number
  /** Links accepted from others; further ones are told where else to go, and closed, unless `evictAfter` makes room. Default 64. */
  readonly maxInboundLinks: number
  /**
   * When all `maxInboundLinks` are taken, a newcomer gets the place of an inbound peer that has passed
   * on no broadcast at all for this long, while 8 new ones came from others; that peer is told where
   * else to go (`Full`), and its source pushes out nobody for ten minutes. Never of a link that this node dialed, nor of the quarter of the inbound
   * peers that have been there longest. Longer is kinder to idle peers, shorter wins back sooner what
   * peers hold that are of no use; `Duration.infinity` for never. Default 10 seconds.
   */
  readonly evictAfter: Duration.Input
  /** From the connection to the whole handshake of the peer. Default 10 seconds. */
  readonly handshakeTimeout: Duration.Input

  /** The largest message taken or sent, in bytes, before and after decompression. Default 2 MiB. */
  readonly maxMessageBytes: number
  /** Bytes that may wait for one peer. When they do, the oldest broadcasts are dropped for new ones, and a whisper waits. Default 8 MiB. */
  readonly maxOutboxBytes: number
  /**
   * Messages a second that are read from one peer, a second's worth at once; what is more waits on its side. They count
   * by the work that they are: one more for each 64 packets, for each 8 KiB that a packed one inflates to, and for four
   * pieces of a few bytes in which it comes, and 15 for a signature that is checked. Default 10000: a tenth of a core.
   */
  readonly maxMessagesPerSecond: number
  /** Searches for nodes that are looked up for one peer, a second; further ones are relayed, not answered. Default 100. */
  readonly maxSearchesPerSecond: number
  /** Lists of peers that are read from one peer, a second, 16 at once; further ones are not looked at. Default 1. */
  readonly maxListsPerSecond: number
  /** Messages shorter than this are not compressed, in bytes. Default 1024. */
  readonly compressFromBytes: number

  /**
   * How long a broadcast waits for a peer whose queue is half full, until the peer counts as slow. It does so in vain
   * three times a minute for the peers of one source (but this machine, see `limitsLoopback`), and once for each that has been
   * linked for five minutes. Default 1 second: with the default queue, a peer that takes 2 MB a second is not slow.
   */
  readonly slowPatience: Duration.Input
  /**
   * How long a slow peer may take next to nothing, less than an eighth of `maxOutboxBytes`, until its link is
   * closed. One that takes more stays, however far behind: more is sent than the line to it carries. Default 10
   * seconds.
   */
  readonly slowTimeout: Duration.Input

  /** The age up to which a broadcast is taken, and for which its id is remembered. Default 60 seconds. */
  readonly relayWindow: Duration.Input
  /** How far in the future the time of a broadcast may lie. Default 60 seconds. */
  readonly maxClockSkew: Duration.Input
  /** Ids of broadcasts remembered, and signatures of either kind; past it the oldest are forgotten before their time. Default 200000. */
  readonly maxSeenIds: number

  /** A peer that answers pings and was silent this long is pinged. Default 15 seconds. */
  readonly pingInterval: Duration.Input
  /** A pinged peer that stays silent this long is given up. Default 30 seconds. */
  readonly pingTimeout: Duration.Input

  /** Entries taken from one list of peers; the rest is not looked at. Default 64. */
  readonly maxPeersPerList: number
  /** Addresses remembered; past it the oldest that is not in use goes. Default 1000. */
  readonly maxKnownAddresses: number
  /** Of those, that one source of hearsay told; past it the oldest of that source goes. Default 250. */
  readonly maxAddressesPerSource: number
  /** Of those, on one host; further ones that peers name are not remembered. Default 8. */
  readonly maxAddressesPerHost: number
  /** Whether to look up host names that peers name, rather than dial IP addresses alone. Default false. */
  readonly dialNames: boolean
  /** Dials under way at once of the node's own accord. Default 4. */
  readonly maxConcurrentDials: number
  /** The first wait before an address that failed is dialed again; doubles with each failure. Default 500 millis. */
  readonly reconnectBase: Duration.Input
  /** The longest such wait. Default 30 seconds. */
  readonly reconnectMax: Duration.Input
  /**
   * How soon a node that lacks links, and knows nobody to dial, asks its peers for addresses again; twice as long
   * each time, up to a minute. Default 5 seconds.
   */
  readonly upkeepInterval: Duration.Input

  /** How long to look for a node that is not a neighbor, and to wait for the answer to `ask`. Default 5 seconds. */
  readonly requestTimeout: Duration.Input
  /** Searches and questions under way at once; further ones fail with `TooManyRequests`. Default 1024. */
  readonly maxPendingRequests: number
  /** Messages that wait for one reader of `messages`, `subscribe` or `handle`; past it the oldest go. Default 65536. */
  readonly inboxCapacity: number
  /**
   * The same in bytes, the objects that messages and packets are in memory among them; an eighth more of what was
   * received with them. Default 64 MiB.
   */
  readonly maxInboxBytes: number
  /** Runs of one handler (`handle`, `respond`) at the same time. Default 64. */
  readonly handlerConcurrency: number
  /** How long closing a link may take to write what is queued. Default 1 second. */
  readonly drainTimeout: Duration.Input

  /**
   * From whom messages are taken that do not prove their sender: `"never"` asks for a proof, so all are
   * taken; `"known"` refuses them where the sender has proven itself before; `"always"` takes only what
   * is proven. What is refused is not delivered and told as `ProofRefused`; broadcasts are relayed all the
   * same, for others may take them. Default `"never"`. A signature that is wrong is refused always.
   */
  readonly requireProof: "never" | "known" | "always"
  /** Ids remembered as proven; past it no more are, so that nobody can push out the first. Default 10000. */
  readonly maxProvenIds: number
}

/**
 * The settings of a node, as a service.
 *
 * @category services
 * @since 0.1.0
 */
export class MeshConfig extends Context.Service<MeshConfig, MeshOptions>()("effect-p2p/Mesh/MeshConfig") {
  /** The default of every setting. */
  static readonly defaults: MeshOptions = {
    subnet: "mesh",
    listen: new PeerAddress({ host: "127.0.0.1", port: 0 }),
    listenFurther: [],
    announce: undefined,
    announceFurther: undefined,
    bootstrap: [],
    maxOutboundLinks: 4,
    maxInboundLinks: 64,
    evictAfter: Duration.seconds(10),
    maxPendingHandshakes: 64,
    maxConnectsPerSource: 10,
    maxPendingPerSource: 16,
    maxLinksPerSource: 16,
    limitsLoopback: false,
    handshakeTimeout: Duration.seconds(10),
    maxMessageBytes: 2 * 1024 * 1024,
    maxOutboxBytes: 8 * 1024 * 1024,
    maxQueuedBytes: 128 * 1024 * 1024,
    maxUnfinishedBytes: 32 * 1024 * 1024,
    frameTimeout: Duration.seconds(60),
    maxMessagesPerSecond: 10_000,
    maxSearchesPerSecond: 100,
    maxListsPerSecond: 1,
    compressFromBytes: 1024,
    slowPatience: Duration.seconds(1),
    slowTimeout: Duration.seconds(10),
    relayWindow: Duration.seconds(60),
    maxClockSkew: Duration.seconds(60),
    maxSeenIds: 200_000,
    pingInterval: Duration.seconds(15),
    pingTimeout: Duration.seconds(30),
    maxPeersPerList: 64,
    maxKnownAddresses: 1000,
    maxAddressesPerSource: 250,
    maxAddressesPerHost: 8,
    dialNames: false,
    maxConcurrentDials: 4,
    reconnectBase: Duration.millis(500),
    reconnectMax: Duration.seconds(30),
    upkeepInterval: Duration.seconds(5),
    requestTimeout: Duration.seconds(5),
    maxPendingRequests: 1024,
    inboxCapacity: 65_536,
    maxInboxBytes: 64 * 1024 * 1024,
    handlerConcurrency: 64,
    drainTimeout: Duration.seconds(1),
    banScore: 100,
    banFor: Duration.minutes(10),
    maxBans: 4096,
    requireProof: "never",
    maxProvenIds: 10_000
  }

  /** The defaults with some settings changed; what is undefined stays. */
  static readonly layer = (options: Given<MeshOptions> = {}): Layer.Layer<MeshConfig> =>
    Layer.succeed(this, withDefaults(MeshConfig.defaults, options))
}
