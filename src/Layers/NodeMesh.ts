/**
 * A mesh node on Node, from one Layer: TCP or TLS, protocol 0.4, digests and compression of `node:`.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Console, Effect, Stream } from "effect"
 * import { Mesh } from "effect-p2p"
 * import { NodeMesh } from "effect-p2p/node"
 *
 * const program = Effect.gen(function*() {
 *   const mesh = yield* Mesh
 *   yield* mesh.broadcast("hello, everyone")
 *   yield* mesh.messages.pipe(Stream.runForEach((m) => Console.log(m.sender, m.text)))
 * })
 *
 * program.pipe(
 *   Effect.provide(NodeMesh.layer({ port: 4445, bootstrap: ["127.0.0.1:4444"] })),
 *   NodeRuntime.runMain
 * )
 * ```
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Mesh } from "../Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../Mesh/MeshConfig.ts"
import { InvalidAddress } from "../Mesh/MeshError.ts"
import type { Compression } from "../Protocol/Compression.ts"
import { format, parse, PeerAddress } from "../Protocol/PeerAddress.ts"
import * as Protocol04 from "../Protocol/Protocol04.ts"
import type { IdentityError } from "../Transport/NodeIdentity.ts"
import type { ListenError, Transport } from "../Transport/Transport.ts"
import * as NodeCompression from "./NodeCompression.ts"
import * as NodeHashing from "./NodeHashing.ts"
import * as NodeSecurity from "./NodeSecurity.ts"

/**
 * The settings of a node: those of `MeshOptions`, with addresses as texts.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeMeshOptions
  extends Partial<Omit<MeshOptions, "listen" | "announce" | "bootstrap">>, NodeSecurity.NodeIdentityOptions
{
  /** The address to listen on. Default `"127.0.0.1"`, this machine alone; `"0.0.0.0"` for all of its addresses. */
  readonly host?: string | undefined
  /** The port to listen on. Default 0: any free one; `mesh.address` tells which. */
  readonly port?: number | undefined
  /** Where others can dial this node, `"host:port"`, when that is not where it listens. */
  readonly announce?: string | undefined
  /** Nodes to dial at the start and whenever no link to them is left, as `"host:port"`. */
  readonly bootstrap?: ReadonlyArray<string> | undefined
  /**
   * Whether broadcasts and whispers carry a signature, by which any of ours can tell that they are from
   * this node: about 170 bytes more, which original nodes deliver as one more packet. Default false.
   */
  readonly sign?: boolean | undefined
}

/**
 * The settings of a node over TLS.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeMeshTlsOptions<E> extends NodeMeshWithCompression<E>, NodeSecurity.NodeTlsSettings {}

/**
 * Which compression methods the node offers.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeMeshWithCompression<E> extends NodeMeshOptions {
  /**
   * The methods in their order: `Compression.layerMerge(NodeCompression.layer, Bz2.layer)` adds one.
   * Default `NodeCompression.layer`.
   */
  readonly compression?: Layer.Layer<Compression, E> | undefined
}

/**
 * A node with these settings, over TCP. Fails with `ListenError` when it cannot listen there, with
 * `InvalidAddress` when a text is no address, with `IdentityError` when its identity cannot be used,
 * and as `compression` does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never>(
  options: NodeMeshWithCompression<E> = {}
): Layer.Layer<Mesh, ListenError | InvalidAddress | IdentityError | E> => secured({ ...options, tls: undefined })

/**
 * The same over TLS: `tls.mode` is `"pinned"` (the default: ids are proven by keys), `"authority"` (only
 * nodes with a certificate of `tls.ca` get in) or `"compatible"` (the "SSL" of original nodes: encrypted,
 * and nobody is proven). docs/security.md says what each protects from.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTls = <E = never>(
  options: NodeMeshTlsOptions<E> = {}
): Layer.Layer<Mesh, ListenError | InvalidAddress | IdentityError | E> =>
  secured({ ...options, tls: options.tls ?? {} })

const secured = <E>({ compression, ...options }: NodeMeshTlsOptions<E>) =>
  Layer.unwrap(
    Effect.map(toMeshOptions(options), (meshOptions) =>
      fromConfig(MeshConfig.layer(meshOptions), NodeSecurity.layer(options), compression))
  )

/**
 * A node whose every setting comes from `Config`: by default from environment variables named
 * `P2P_` and the setting, `P2P_PORT`, `P2P_SUBNET`, `P2P_BOOTSTRAP` (addresses with commas),
 * `P2P_MAX_OUTBOUND_LINKS`, `P2P_RELAY_WINDOW` (`"60 seconds"`), and so on. What is not set has its
 * default. `P2P_TLS` (`pinned`, `authority` or `compatible`) makes it a node over TLS, with
 * `P2P_IDENTITY` (a directory), `P2P_TLS_CA`, `P2P_TLS_CERT` and `P2P_TLS_KEY` (files); `P2P_SIGN` has
 * it sign.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Mesh, ListenError | IdentityError | Config.ConfigError> = Layer.unwrap(
  Effect.suspend(() =>
    Effect.map(config, ({ mesh, security }) => fromConfig(MeshConfig.layer(mesh), NodeSecurity.layer(security)))
  )
)

/** Everything a node on Node is made of, but for its settings. */
const fromConfig = <E, E2 = never>(
  settings: Layer.Layer<MeshConfig>,
  security: Layer.Layer<Transport, E>,
  compression: Layer.Layer<Compression, E2> = NodeCompression.layer
): Layer.Layer<Mesh, ListenError | E | E2> =>
  Mesh.layer.pipe(
    Layer.provide([
      settings,
      security,
      Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, compression]))
    ])
  )

const toMeshOptions = Effect.fnUntraced(function*(options: NodeMeshOptions & NodeSecurity.NodeTlsSettings) {
  const { announce, bootstrap, host, identity: _, port, sign: _sign, tls: _tls, ...rest } = options
  const listen = yield* toAddress(`${format({ host: host ?? "127.0.0.1", port: port ?? 0 })}`)
  return {
    ...MeshConfig.defaults,
    ...rest,
    listen,
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

const { defaults } = MeshConfig

const int = (name: string, value: number) => Config.Int(name).pipe(Config.withDefault(value))
const duration = (name: string, value: MeshOptions["relayWindow"]) =>
  Config.map(Config.option(Config.Duration(name)), (found) => found._tag === "Some" ? found.value : value)

/** Every setting by its name in capitals. */
const mesh: Config.Config<MeshOptions> = Config.all({
  subnet: Config.String("SUBNET").pipe(Config.withDefault(defaults.subnet)),
  listen: Config.map(
    Config.all([
      Config.String("HOST").pipe(Config.withDefault(defaults.listen.host)),
      Config.Port("PORT").pipe(Config.withDefault(defaults.listen.port))
    ]),
    ([host, port]) => new PeerAddress({ host, port })
  ),
  announce: Config.map(
    Config.option(Config.schema(AddressText, "ANNOUNCE")),
    (found) => found._tag === "Some" ? found.value : undefined
  ),
  bootstrap: Config.Array(AddressText, "BOOTSTRAP").pipe(Config.withDefault([])),
  maxOutboundLinks: int("MAX_OUTBOUND_LINKS", defaults.maxOutboundLinks),
  maxInboundLinks: int("MAX_INBOUND_LINKS", defaults.maxInboundLinks),
  evictAfter: duration("EVICT_AFTER", defaults.evictAfter),
  maxPendingHandshakes: int("MAX_PENDING_HANDSHAKES", defaults.maxPendingHandshakes),
  handshakeTimeout: duration("HANDSHAKE_TIMEOUT", defaults.handshakeTimeout),
  maxMessageBytes: int("MAX_MESSAGE_BYTES", defaults.maxMessageBytes),
  maxOutboxBytes: int("MAX_OUTBOX_BYTES", defaults.maxOutboxBytes),
  compressFromBytes: int("COMPRESS_FROM_BYTES", defaults.compressFromBytes),
  slowPatience: duration("SLOW_PATIENCE", defaults.slowPatience),
  slowTimeout: duration("SLOW_TIMEOUT", defaults.slowTimeout),
  relayWindow: duration("RELAY_WINDOW", defaults.relayWindow),
  maxClockSkew: duration("MAX_CLOCK_SKEW", defaults.maxClockSkew),
  maxSeenIds: int("MAX_SEEN_IDS", defaults.maxSeenIds),
  pingInterval: duration("PING_INTERVAL", defaults.pingInterval),
  pingTimeout: duration("PING_TIMEOUT", defaults.pingTimeout),
  maxPeersPerList: int("MAX_PEERS_PER_LIST", defaults.maxPeersPerList),
  maxKnownAddresses: int("MAX_KNOWN_ADDRESSES", defaults.maxKnownAddresses),
  maxConcurrentDials: int("MAX_CONCURRENT_DIALS", defaults.maxConcurrentDials),
  reconnectBase: duration("RECONNECT_BASE", defaults.reconnectBase),
  reconnectMax: duration("RECONNECT_MAX", defaults.reconnectMax),
  upkeepInterval: duration("UPKEEP_INTERVAL", defaults.upkeepInterval),
  requestTimeout: duration("REQUEST_TIMEOUT", defaults.requestTimeout),
  maxPendingRequests: int("MAX_PENDING_REQUESTS", defaults.maxPendingRequests),
  inboxCapacity: int("INBOX_CAPACITY", defaults.inboxCapacity),
  handlerConcurrency: int("HANDLER_CONCURRENCY", defaults.handlerConcurrency),
  drainTimeout: duration("DRAIN_TIMEOUT", defaults.drainTimeout),
  requireProof: Config.Literals(["never", "known", "always"], "REQUIRE_PROOF").pipe(
    Config.withDefault(defaults.requireProof)
  ),
  maxProvenIds: int("MAX_PROVEN_IDS", defaults.maxProvenIds)
})

const config = Config.all({
  mesh,
  security: Config.map(
    Config.all([NodeSecurity.config, Config.Boolean("SIGN").pipe(Config.withDefault(false))]),
    ([security, sign]) => ({ ...security, sign })
  )
}).pipe(Config.nested("P2P"))
