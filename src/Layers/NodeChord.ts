/**
 * A chord node on Node, from one Layer: TCP or TLS, protocol 0.4, digests and compression of `node:`, its
 * share of the dictionary in memory or in a directory.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Console, Effect } from "effect"
 * import { Chord } from "effect-p2p"
 * import { NodeChord } from "effect-p2p/node"
 *
 * const program = Effect.gen(function*() {
 *   const chord = yield* Chord
 *   yield* chord.set("color", "blue")
 *   yield* Console.log(yield* chord.get("color"))
 * })
 *
 * program.pipe(
 *   Effect.provide(NodeChord.layer({ port: 4445, bootstrap: ["127.0.0.1:4444"], data: "./share" })),
 *   NodeRuntime.runMain
 * )
 * ```
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Chord } from "../Chord/Chord.ts"
import { ChordConfig, type ChordOptions } from "../Chord/ChordConfig.ts"
import { ChordStorage, type StorageError, type StorageOptions } from "../Chord/ChordStorage.ts"
import type { Compression } from "../Protocol/Compression.ts"
import { format, InvalidAddress, parse, PeerAddress } from "../Protocol/PeerAddress.ts"
import * as Protocol04 from "../Protocol/Protocol04.ts"
import type { IdentityError } from "../Transport/NodeIdentity.ts"
import * as NodeTcp from "../Transport/NodeTcp.ts"
import type { ListenError, Transport } from "../Transport/Transport.ts"
import * as NodeChordStorage from "./NodeChordStorage.ts"
import * as NodeCompression from "./NodeCompression.ts"
import * as NodeHashing from "./NodeHashing.ts"
import * as NodeSecurity from "./NodeSecurity.ts"

/**
 * The settings of a node: those of `ChordOptions`, with addresses as texts.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeChordOptions extends Partial<Omit<ChordOptions, "listen" | "announce" | "bootstrap">> {
  /** The address to listen on. Default `"127.0.0.1"`, this machine alone; `"0.0.0.0"` for all of its addresses. */
  readonly host?: string | undefined
  /** The port to listen on. Default 0: any free one; `chord.address` tells which. */
  readonly port?: number | undefined
  /** Where others can dial this node, `"host:port"`, when that is not where it listens. */
  readonly announce?: string | undefined
  /**
   * Nodes of the ring to join, as `"host:port"`: tried in turn until one answers, and again whenever
   * this node knows nobody else. Default none: a ring of one, for others to join.
   */
  readonly bootstrap?: ReadonlyArray<string> | undefined
}

/**
 * The same, and where the node's share of the dictionary is.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeChordWithStorage extends NodeChordOptions, StorageOptions {
  /**
   * The directory for this node's share, which is made if it is missing; a node that starts again
   * with it has all that it acknowledged. Each node needs one of its own. Default: in memory, and
   * gone when the node stops.
   */
  readonly data?: string | undefined
}

/**
 * The settings of a node over TLS.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeChordTlsOptions extends NodeChordWithStorage, NodeSecurity.NodeTlsSettings {}

/**
 * Which compression methods the node offers.
 *
 * @category options
 * @since 0.1.0
 */
export interface CompressionChoice<E> {
  /**
   * The methods in their order: `Compression.layerMerge(NodeCompression.layer, Bz2.layer)` adds one.
   * Default `NodeCompression.layer`.
   */
  readonly compression?: Layer.Layer<Compression, E> | undefined
}

/**
 * A node with these settings, over TCP. Fails with `ListenError` when it cannot listen there, with
 * `InvalidAddress` when a text is no address, with `StorageError` when its directory is in use,
 * unreadable, or cannot be written, and as `compression` does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never>(
  options: NodeChordWithStorage & CompressionChoice<E> = {}
): Layer.Layer<Chord, ListenError | InvalidAddress | StorageError | E> => {
  const { data, maxBytes, maxRecords, tombstoneTtl, ...rest } = options
  return layerStorage(rest).pipe(Layer.provide(toStorage(data, { maxBytes, maxRecords, tombstoneTtl })))
}

/**
 * The same over TLS: `tls.mode` is `"pinned"` (the default: ids, and so places in the ring, are proven by
 * keys), `"authority"` (only nodes with a certificate of `tls.ca` get in) or `"compatible"` (encrypted,
 * and nobody is proven). docs/security.md says what each protects from.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTls = <E = never>(
  options: NodeChordTlsOptions & CompressionChoice<E> = {}
): Layer.Layer<Chord, ListenError | InvalidAddress | StorageError | IdentityError | E> => {
  const { data, identity, maxBytes, maxRecords, tls = {}, tombstoneTtl, ...rest } = options
  return withTransport(rest, NodeSecurity.layer({ identity, tls })).pipe(
    Layer.provide(toStorage(data, { maxBytes, maxRecords, tombstoneTtl }))
  )
}

/**
 * A node whose share is where you say: `NodeChordStorage.layerSqlite`, or a storage of your own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStorage = <E = never>(
  options: NodeChordOptions & CompressionChoice<E> = {}
): Layer.Layer<Chord, ListenError | InvalidAddress | E, ChordStorage> => withTransport(options, NodeTcp.layer())

const withTransport = <E, E2>(
  { compression, ...options }: NodeChordOptions & CompressionChoice<E2>,
  transport: Layer.Layer<Transport, E>
): Layer.Layer<Chord, ListenError | InvalidAddress | E | E2, ChordStorage> =>
  Layer.unwrap(
    Effect.map(
      toChordOptions(options),
      (chordOptions) => fromConfig(ChordConfig.layer(chordOptions), transport, compression)
    )
  )

/**
 * A node whose every setting comes from `Config`: by default from environment variables named
 * `P2P_CHORD_` and the setting, `P2P_CHORD_PORT`, `P2P_CHORD_SUBNET`, `P2P_CHORD_DATA`,
 * `P2P_CHORD_BOOTSTRAP` (addresses with commas), `P2P_CHORD_VIRTUAL_NODES`,
 * `P2P_CHORD_STABILIZE_INTERVAL` (`"10 seconds"`), and so on. What is not set has its default.
 * `P2P_CHORD_TLS` (`pinned`, `authority` or `compatible`) makes it a node over TLS, with
 * `P2P_CHORD_IDENTITY` (a directory), `P2P_CHORD_TLS_CA`, `P2P_CHORD_TLS_CERT` and `P2P_CHORD_TLS_KEY`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Chord, ListenError | StorageError | IdentityError | Config.ConfigError> = Layer
  .unwrap(
    Effect.suspend(() =>
      Effect.map(
        config,
        ({ chord, data, security, storage }) =>
          fromConfig(ChordConfig.layer(chord), NodeSecurity.layer(security)).pipe(
            Layer.provide(toStorage(data, storage))
          )
      )
    )
  )

/** Everything a node on Node is made of, but for its settings, its transport and its storage. */
const fromConfig = <E, E2 = never>(
  settings: Layer.Layer<ChordConfig>,
  transport: Layer.Layer<Transport, E>,
  compression: Layer.Layer<Compression, E2> = NodeCompression.layer
): Layer.Layer<Chord, ListenError | E | E2, ChordStorage> =>
  Chord.layer.pipe(
    Layer.provide([
      settings,
      transport,
      NodeHashing.layer,
      Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, compression]))
    ])
  )

const toStorage = (data: string | undefined, options: StorageOptions): Layer.Layer<ChordStorage, StorageError> =>
  data === undefined ? ChordStorage.layerMemory(options) : NodeChordStorage.layerFileSystem(data, options)

const toChordOptions = Effect.fnUntraced(function*(options: NodeChordOptions) {
  const { announce, bootstrap, host, port, ...rest } = options
  return {
    ...ChordConfig.defaults,
    ...rest,
    listen: yield* toAddress(format({ host: host ?? "127.0.0.1", port: port ?? 0 })),
    announce: announce === undefined ? undefined : yield* toAddress(announce),
    bootstrap: yield* Effect.forEach(bootstrap ?? [], toAddress)
  }
})

const toAddress = (text: string): Effect.Effect<PeerAddress, InvalidAddress> => {
  const address = parse(text)
  return address === undefined ? Effect.fail(new InvalidAddress({ text })) : Effect.succeed(address)
}

/** `host:port` as a Schema, with a message that says what to write. */
const AddressText = Schema.String.pipe(Schema.decodeTo(
  Schema.instanceOf(PeerAddress),
  SchemaTransformation.transformEffect({
    decode: (text, options) => {
      const address = parse(text)
      return address !== undefined
        ? Effect.succeed(address)
        : Effect.fail(new SchemaIssue.InvalidValue({ message: new InvalidAddress({ text }).message }, text, options))
    },
    encode: (address) => Effect.succeed(format(address))
  })
))

const { defaults } = ChordConfig

const optional = <A>(found: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(found), (value) => value._tag === "Some" ? value.value : undefined)
const between = (name: string, minimum: number, maximum: number, value: number) =>
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })), name).pipe(Config.withDefault(value))
const count = (name: string, value: number) => between(name, 1, Number.MAX_SAFE_INTEGER, value)
const duration = (name: string, value: Duration.Input) =>
  Config.Duration(name).pipe(Config.withDefault(Duration.fromInputUnsafe(value)))

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
  maxPendingCalls: count("MAX_PENDING_CALLS", defaults.maxPendingCalls),
  maxRoundTrips: count("MAX_ROUND_TRIPS", defaults.maxRoundTrips),
  handlerConcurrency: count("HANDLER_CONCURRENCY", defaults.handlerConcurrency),
  maxMessageBytes: count("MAX_MESSAGE_BYTES", defaults.maxMessageBytes),
  maxOutboxBytes: count("MAX_OUTBOX_BYTES", defaults.maxOutboxBytes),
  compressFromBytes: between("COMPRESS_FROM_BYTES", 0, Number.MAX_SAFE_INTEGER, defaults.compressFromBytes),
  slowTimeout: duration("SLOW_TIMEOUT", defaults.slowTimeout),
  drainTimeout: duration("DRAIN_TIMEOUT", defaults.drainTimeout)
}

/** Every setting of `ChordOptions` by its name in capitals. */
const chord: Config.Config<ChordOptions> = Config.all({
  subnet: Config.String("SUBNET").pipe(Config.withDefault(defaults.subnet)),
  listen: Config.map(
    Config.all([
      Config.String("HOST").pipe(Config.withDefault(defaults.listen.host)),
      Config.Port("PORT").pipe(Config.withDefault(defaults.listen.port))
    ]),
    ([host, port]) => new PeerAddress({ host, port })
  ),
  announce: optional(Config.schema(AddressText, "ANNOUNCE")),
  bootstrap: Config.Array(AddressText, "BOOTSTRAP").pipe(Config.withDefault([])),
  bits: between("BITS", 1, 512, defaults.bits),
  virtualNodes: count("VIRTUAL_NODES", defaults.virtualNodes),
  minSuccessors: count("MIN_SUCCESSORS", defaults.minSuccessors),
  stabilizeInterval: duration("STABILIZE_INTERVAL", defaults.stabilizeInterval),
  fingerInterval: duration("FINGER_INTERVAL", defaults.fingerInterval),
  repairInterval: duration("REPAIR_INTERVAL", defaults.repairInterval),
  auditedRecords: count("AUDITED_RECORDS", defaults.auditedRecords),
  probeInterval: duration("PROBE_INTERVAL", defaults.probeInterval),
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

const config = Config.all({
  chord,
  data: optional(Config.String("DATA")),
  security: NodeSecurity.config,
  storage: Config.all({
    maxRecords: optional(Config.Int("MAX_RECORDS")),
    maxBytes: optional(Config.Int("MAX_BYTES")),
    tombstoneTtl: optional(Config.Duration("TOMBSTONE_TTL"))
  })
}).pipe(Config.nested("CHORD"), Config.nested("P2P"))
