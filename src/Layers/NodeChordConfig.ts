/** Every setting of `NodeChord` from `Config`. */
import * as Config from "effect/Config"
import { ChordConfig, type ChordOptions } from "../Chord/ChordConfig.ts"
import type { StorageOptions } from "../Chord/ChordStorage.ts"
import { AddressText } from "./AddressText.ts"
import {
  between,
  count,
  duration,
  interval,
  listen,
  optional,
  optionalCount,
  optionalDuration
} from "./internal/ConfigSetting.ts"
import * as NodeSecurity from "./NodeSecurity.ts"
import * as WireVersion from "./WireVersion.ts"

const { defaults } = ChordConfig

/** Those of `PeersSettings`. */
const links = {
  connectTimeout: duration("CONNECT_TIMEOUT", defaults.connectTimeout),
  handshakeTimeout: duration("HANDSHAKE_TIMEOUT", defaults.handshakeTimeout),
  minTimeout: duration("MIN_TIMEOUT", defaults.minTimeout),
  maxTimeout: duration("MAX_TIMEOUT", defaults.maxTimeout),
  initialTimeout: duration("INITIAL_TIMEOUT", defaults.initialTimeout),
  idleTimeout: duration("IDLE_TIMEOUT", defaults.idleTimeout),
  maxLinks: count("MAX_LINKS", defaults.maxLinks),
  maxInboundLinks: count("MAX_INBOUND_LINKS", defaults.maxInboundLinks),
  maxPendingHandshakes: count("MAX_PENDING_HANDSHAKES", defaults.maxPendingHandshakes),
  maxConnectsPerSource: count("MAX_CONNECTS_PER_SOURCE", defaults.maxConnectsPerSource),
  maxPendingPerSource: count("MAX_PENDING_PER_SOURCE", defaults.maxPendingPerSource),
  maxLinksPerSource: count("MAX_LINKS_PER_SOURCE", defaults.maxLinksPerSource),
  limitsLoopback: Config.Boolean("LIMITS_LOOPBACK").pipe(Config.withDefault(defaults.limitsLoopback)),
  maxMessagesPerSecond: count("MAX_MESSAGES_PER_SECOND", defaults.maxMessagesPerSecond),
  maxQueuedBytes: count("MAX_QUEUED_BYTES", defaults.maxQueuedBytes),
  maxUnfinishedBytes: count("MAX_UNFINISHED_BYTES", defaults.maxUnfinishedBytes),
  frameTimeout: duration("FRAME_TIMEOUT", defaults.frameTimeout),
  banScore: count("BAN_SCORE", defaults.banScore),
  banFor: duration("BAN_FOR", defaults.banFor),
  maxBans: count("MAX_BANS", defaults.maxBans),
  maxPendingCalls: count("MAX_PENDING_CALLS", defaults.maxPendingCalls),
  maxRoundTrips: count("MAX_ROUND_TRIPS", defaults.maxRoundTrips),
  handlerConcurrency: count("HANDLER_CONCURRENCY", defaults.handlerConcurrency),
  maxMessageBytes: count("MAX_MESSAGE_BYTES", defaults.maxMessageBytes),
  maxOutboxBytes: count("MAX_OUTBOX_BYTES", defaults.maxOutboxBytes),
  compressFromBytes: count("COMPRESS_FROM_BYTES", defaults.compressFromBytes, 0),
  slowTimeout: duration("SLOW_TIMEOUT", defaults.slowTimeout),
  drainTimeout: duration("DRAIN_TIMEOUT", defaults.drainTimeout)
}

/** Every setting of `ChordOptions` by its name in capitals. */
const chord: Config.Config<ChordOptions> = Config.all({
  subnet: Config.String("SUBNET").pipe(Config.withDefault(defaults.subnet)),
  listen: listen(defaults.listen),
  announce: optional(Config.schema(AddressText, "ANNOUNCE")),
  bootstrap: Config.Array(AddressText, "BOOTSTRAP").pipe(Config.withDefault([])),
  dialNames: Config.Boolean("DIAL_NAMES").pipe(Config.withDefault(defaults.dialNames)),
  bits: between("BITS", 1, 512, defaults.bits),
  virtualNodes: count("VIRTUAL_NODES", defaults.virtualNodes),
  minSuccessors: count("MIN_SUCCESSORS", defaults.minSuccessors),
  stabilizeInterval: interval("STABILIZE_INTERVAL", defaults.stabilizeInterval),
  fingerInterval: interval("FINGER_INTERVAL", defaults.fingerInterval),
  repairInterval: interval("REPAIR_INTERVAL", defaults.repairInterval),
  auditedRecords: count("AUDITED_RECORDS", defaults.auditedRecords),
  probeInterval: interval("PROBE_INTERVAL", defaults.probeInterval),
  copies: count("COPIES", defaults.copies),
  writeQuorum: between("WRITE_QUORUM", 1, 5, defaults.writeQuorum),
  readQuorum: between("READ_QUORUM", 1, 5, defaults.readQuorum),
  lookupTimeout: duration("LOOKUP_TIMEOUT", defaults.lookupTimeout),
  operationTimeout: duration("OPERATION_TIMEOUT", defaults.operationTimeout),
  maxClockSkew: duration("MAX_CLOCK_SKEW", defaults.maxClockSkew),
  leaveTimeout: duration("LEAVE_TIMEOUT", defaults.leaveTimeout),
  originals: Config.Boolean("ORIGINALS").pipe(Config.withDefault(defaults.originals)),
  maxOriginalLinks: count("MAX_ORIGINAL_LINKS", defaults.maxOriginalLinks),
  maxOriginalRequests: count("MAX_ORIGINAL_REQUESTS", defaults.maxOriginalRequests),
  maxOriginalRecords: count("MAX_ORIGINAL_RECORDS", defaults.maxOriginalRecords),
  maxOriginalBytes: count("MAX_ORIGINAL_BYTES", defaults.maxOriginalBytes),
  maxKeyBytes: count("MAX_KEY_BYTES", defaults.maxKeyBytes),
  maxValueBytes: count("MAX_VALUE_BYTES", defaults.maxValueBytes),
  ...links
})

/** What a node is made of: the chord, its storage, who it is, and how its connections are secured. @internal */
export interface NodeChordSettings {
  readonly chord: ChordOptions
  readonly protocol: WireVersion.WireVersion
  readonly data: string | undefined
  readonly security: NodeSecurity.NodeTlsSettings
  readonly storage: StorageOptions
}

/** The settings, under the names that `NodeChord.layerConfig` tells. @internal */
export const config: Config.Config<NodeChordSettings> = Config.all({
  chord,
  protocol: WireVersion.config,
  data: optional(Config.String("DATA")),
  security: NodeSecurity.config,
  storage: Config.all({
    maxRecords: optionalCount("MAX_RECORDS"),
    maxBytes: optionalCount("MAX_BYTES"),
    tombstoneTtl: optionalDuration("TOMBSTONE_TTL")
  })
}).pipe(Config.nested("CHORD"), Config.nested("P2P"))
