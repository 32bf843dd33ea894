/** Every setting of `NodeMesh` from `Config`. */
import * as Config from "effect/Config"
import * as Schema from "effect/Schema"
import { MeshConfig, type MeshOptions } from "../Mesh/MeshConfig.ts"
import { AddressText } from "./AddressText.ts"
import { count, duration, interval, listen, optional } from "./internal/ConfigSetting.ts"
import * as NodeSecurity from "./NodeSecurity.ts"
import * as WireVersion from "./WireVersion.ts"

const { defaults } = MeshConfig

const bool = (name: string, value: boolean) => Config.Boolean(name).pipe(Config.withDefault(value))

/** Those of `MeshOptions` by their names in capitals. */
const mesh: Config.Config<MeshOptions> = Config.all({
  subnet: Config.String("SUBNET").pipe(Config.withDefault(defaults.subnet)),
  listen: listen(defaults.listen),
  listenFurther: Config.Array(AddressText, "LISTEN_FURTHER").pipe(Config.withDefault([])),
  announce: optional(Config.schema(AddressText, "ANNOUNCE")),
  announceFurther: optional(Config.Array(AddressText, "ANNOUNCE_FURTHER")),
  bootstrap: Config.Array(AddressText, "BOOTSTRAP").pipe(Config.withDefault([])),
  maxOutboundLinks: count("MAX_OUTBOUND_LINKS", defaults.maxOutboundLinks, 0),
  maxInboundLinks: count("MAX_INBOUND_LINKS", defaults.maxInboundLinks, 0),
  evictAfter: duration("EVICT_AFTER", defaults.evictAfter),
  maxPendingHandshakes: count("MAX_PENDING_HANDSHAKES", defaults.maxPendingHandshakes),
  maxConnectsPerSource: count("MAX_CONNECTS_PER_SOURCE", defaults.maxConnectsPerSource),
  maxPendingPerSource: count("MAX_PENDING_PER_SOURCE", defaults.maxPendingPerSource),
  maxLinksPerSource: count("MAX_LINKS_PER_SOURCE", defaults.maxLinksPerSource),
  limitsLoopback: bool("LIMITS_LOOPBACK", defaults.limitsLoopback),
  handshakeTimeout: duration("HANDSHAKE_TIMEOUT", defaults.handshakeTimeout),
  maxMessageBytes: count("MAX_MESSAGE_BYTES", defaults.maxMessageBytes),
  maxOutboxBytes: count("MAX_OUTBOX_BYTES", defaults.maxOutboxBytes),
  maxQueuedBytes: count("MAX_QUEUED_BYTES", defaults.maxQueuedBytes),
  maxUnfinishedBytes: count("MAX_UNFINISHED_BYTES", defaults.maxUnfinishedBytes),
  frameTimeout: duration("FRAME_TIMEOUT", defaults.frameTimeout),
  maxMessagesPerSecond: count("MAX_MESSAGES_PER_SECOND", defaults.maxMessagesPerSecond),
  maxSearchesPerSecond: count("MAX_SEARCHES_PER_SECOND", defaults.maxSearchesPerSecond, 0),
  maxListsPerSecond: count("MAX_LISTS_PER_SECOND", defaults.maxListsPerSecond, 0),
  compressFromBytes: count("COMPRESS_FROM_BYTES", defaults.compressFromBytes, 0),
  slowPatience: duration("SLOW_PATIENCE", defaults.slowPatience),
  slowTimeout: duration("SLOW_TIMEOUT", defaults.slowTimeout),
  relayWindow: duration("RELAY_WINDOW", defaults.relayWindow),
  maxClockSkew: duration("MAX_CLOCK_SKEW", defaults.maxClockSkew),
  maxSeenIds: count("MAX_SEEN_IDS", defaults.maxSeenIds),
  pingInterval: interval("PING_INTERVAL", defaults.pingInterval),
  pingTimeout: duration("PING_TIMEOUT", defaults.pingTimeout),
  maxPeersPerList: count("MAX_PEERS_PER_LIST", defaults.maxPeersPerList, 0),
  maxKnownAddresses: count("MAX_KNOWN_ADDRESSES", defaults.maxKnownAddresses),
  maxAddressesPerSource: count("MAX_ADDRESSES_PER_SOURCE", defaults.maxAddressesPerSource),
  maxAddressesPerHost: count("MAX_ADDRESSES_PER_HOST", defaults.maxAddressesPerHost, 0),
  dialNames: bool("DIAL_NAMES", defaults.dialNames),
  maxConcurrentDials: count("MAX_CONCURRENT_DIALS", defaults.maxConcurrentDials),
  reconnectBase: interval("RECONNECT_BASE", defaults.reconnectBase),
  reconnectMax: interval("RECONNECT_MAX", defaults.reconnectMax),
  upkeepInterval: interval("UPKEEP_INTERVAL", defaults.upkeepInterval),
  requestTimeout: duration("REQUEST_TIMEOUT", defaults.requestTimeout),
  maxPendingRequests: count("MAX_PENDING_REQUESTS", defaults.maxPendingRequests),
  inboxCapacity: count("INBOX_CAPACITY", defaults.inboxCapacity),
  maxInboxBytes: count("MAX_INBOX_BYTES", defaults.maxInboxBytes),
  handlerConcurrency: count("HANDLER_CONCURRENCY", defaults.handlerConcurrency),
  drainTimeout: duration("DRAIN_TIMEOUT", defaults.drainTimeout),
  banScore: count("BAN_SCORE", defaults.banScore),
  banFor: duration("BAN_FOR", defaults.banFor),
  maxBans: count("MAX_BANS", defaults.maxBans),
  requireProof: Config.Literals(["never", "known", "always"], "REQUIRE_PROOF").pipe(
    Config.withDefault(defaults.requireProof)
  ),
  maxProvenIds: count("MAX_PROVEN_IDS", defaults.maxProvenIds, 0)
})

/** As browsers send it: anything else would let no page in, and say nothing. */
const Origin = Schema.Trim.check(
  Schema.makeFilter((origin) =>
    origin === "null" || /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@A-Z]+$/.test(origin) ||
    "no origin of a page: write one such as \"https://example.org\", without a path"
  )
)

/** What a node is made of: the mesh, who it is, and how its connections are secured. @internal */
export interface NodeMeshSettings {
  readonly mesh: MeshOptions
  readonly protocol: WireVersion.WireVersion
  readonly security: NodeSecurity.NodeSecurityOptions
}

/** The settings, under the names that `NodeMesh.layerConfig` tells. @internal */
export const config: Config.Config<NodeMeshSettings> = Config.all({
  mesh,
  protocol: WireVersion.config,
  security: NodeSecurity.config,
  sign: Config.Boolean("SIGN").pipe(Config.withDefault(false)),
  origins: optional(Config.Array(Origin, "ORIGINS"))
}).pipe(
  Config.map(({ mesh, origins, protocol, security, sign }) => ({
    mesh,
    protocol,
    security: { ...security, sign, webSocket: { origins } }
  })),
  Config.nested("P2P")
)
