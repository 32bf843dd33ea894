/**
 * A chord node on Node, from one Layer: TCP, TLS or WebSockets, either wire version, digests and compression of
 * `node:`, its share of the dictionary in memory or in a directory.
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
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Chord } from "../Chord/Chord.ts"
import { ChordConfig, type ChordOptions } from "../Chord/ChordConfig.ts"
import { ChordStorage, type StorageError, type StorageOptions } from "../Chord/ChordStorage.ts"
import type { Compression } from "../Protocol/Compression/Compression.ts"
import { type InvalidAddress, withScheme } from "../Protocol/PeerAddress.ts"
import type { IdentityError } from "../Transport/NodeIdentity.ts"
import * as NodeTcp from "../Transport/NodeTcp.ts"
import * as NodeWebSocket from "../Transport/NodeWebSocket.ts"
import { checked, type Given } from "../Transport/Settings.ts"
import type { ListenError, Transport } from "../Transport/Transport.ts"
import { toAddress, toListen } from "./AddressText.ts"
import { apart } from "./internal/apart.ts"
import { config, type NodeChordSettings } from "./NodeChordConfig.ts"
import * as NodeChordStorage from "./NodeChordStorage.ts"
import * as NodeCompression from "./NodeCompression.ts"
import * as NodeHashing from "./NodeHashing.ts"
import type { AddressChoice, CompressionChoice, WebSocketChoice } from "./NodeOptions.ts"
import { announced } from "./NodeOwnHost.ts"
import * as NodeSecurity from "./NodeSecurity.ts"
import * as WireVersion from "./WireVersion.ts"

/**
 * The settings of a node: those of `ChordOptions`, with addresses as texts.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeChordOptions
  extends Given<Omit<ChordOptions, "listen" | "announce" | "bootstrap">>, AddressChoice, WireVersion.WireChoice
{
  /**
   * Where others can dial this node, `"host:port"`; port 0 stands for the one that it listens on. Default: where it
   * listens, and for `"0.0.0.0"` or `"::"` the first address of this machine that others may reach.
   */
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
 * Why a node with options does not start, its storage aside: it cannot listen there, a text is no address,
 * its identity cannot be used, or its options do not go together.
 *
 * @category errors
 * @since 0.1.0
 */
export type NodeChordError = ListenError | InvalidAddress | IdentityError | NodeSecurity.ConflictingOptions

/**
 * A node with these settings, over TCP. Fails with `ListenError` when it cannot listen there, with
 * `InvalidAddress` when a text is no address, with `StorageError` when its directory is in use,
 * unreadable, or cannot be written, and as `compression` does. Dies with a `RangeError` that says what to write for a
 * number or a time that makes no sense.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never>(
  options: NodeChordWithStorage & CompressionChoice<E> = {}
): Layer.Layer<Chord, ListenError | InvalidAddress | StorageError | E> => stored(options, layerStorage(options))

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
): Layer.Layer<Chord, NodeChordError | StorageError | E> => stored(options, layerTlsStorage(options))

/**
 * A node of a ring that speaks WebSockets, where a network lets nothing else through: `host` and `port`
 * are where it accepts them, `bootstrap` holds `ws://` or `wss://` addresses, and so do all nodes of the
 * ring. Not for browsers: a member of a ring must be called by others, and browsers accept no calls.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocket = <E = never>(
  options: NodeChordWithStorage & CompressionChoice<E> & WebSocketChoice = {}
): Layer.Layer<Chord, ListenError | InvalidAddress | StorageError | E> =>
  stored(options, layerWebSocketStorage(options))

/**
 * A node whose share is where you say: `NodeChordStorage.layerSqlite`, or a storage of your own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStorage = <E = never>(
  options: NodeChordOptions & CompressionChoice<E> = {}
): Layer.Layer<Chord, ListenError | InvalidAddress | E, ChordStorage> => fromOptions("", options, NodeTcp.layer())

/**
 * The same over TLS.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTlsStorage = <E = never>(
  options: NodeChordOptions & NodeSecurity.NodeTlsSettings & CompressionChoice<E> = {}
): Layer.Layer<Chord, NodeChordError | E, ChordStorage> =>
  fromOptions("", options, NodeSecurity.layer({ identity: options.identity, tls: options.tls ?? {} }))

/**
 * The same over WebSockets.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocketStorage = <E = never>(
  options: NodeChordOptions & CompressionChoice<E> & WebSocketChoice = {}
): Layer.Layer<Chord, ListenError | InvalidAddress | E, ChordStorage> =>
  fromOptions("ws://", options, NodeWebSocket.layer(options.webSocket))

/** Why a node with settings from `Config` does not start. */
type NodeChordConfigError =
  | ListenError
  | StorageError
  | IdentityError
  | NodeSecurity.ConflictingOptions
  | Config.ConfigError

/**
 * A node whose every setting comes from `Config`: by default from environment variables named
 * `P2P_CHORD_` and the setting, `P2P_CHORD_PORT`, `P2P_CHORD_SUBNET`, `P2P_CHORD_DATA`,
 * `P2P_CHORD_PROTOCOL`, `P2P_CHORD_BOOTSTRAP` (addresses with commas), `P2P_CHORD_VIRTUAL_NODES`,
 * `P2P_CHORD_STABILIZE_INTERVAL` (`"10 seconds"`), and so on. What is not set has its default.
 * `P2P_CHORD_TLS` (`pinned`, `authority` or `compatible`) makes it a node over TLS, with
 * `P2P_CHORD_IDENTITY` (a directory), `P2P_CHORD_TLS_CA`, `P2P_CHORD_TLS_CERT` and `P2P_CHORD_TLS_KEY`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Chord, NodeChordConfigError> = Layer.unwrap(
  Effect.suspend(() => Effect.map(config, (settings) => configured(settings.chord, settings, "sockets")))
)

/**
 * The same for a node that speaks WebSockets, as `layerWebSocket`: `P2P_CHORD_HOST` and `P2P_CHORD_PORT`
 * are where it accepts them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocketConfig: Layer.Layer<Chord, NodeChordConfigError> = Layer.unwrap(
  Effect.suspend(() =>
    Effect.map(config, (settings) => {
      const listen = withScheme(settings.chord.listen, "ws") ?? settings.chord.listen
      return configured({ ...settings.chord, listen }, settings, "webSockets")
    })
  )
)

const configured = (
  chord: ChordOptions,
  { data, protocol, security, storage }: NodeChordSettings,
  over: "sockets" | "webSockets"
) =>
  fromSettings(chord, NodeSecurity.layer({ ...security, over }), protocol).pipe(
    Layer.provide(toStorage({ ...storage, data }))
  )

/** Whatever the layers above take; each kind of option has its place. */
type EveryOption<E> = NodeChordTlsOptions & CompressionChoice<E> & WebSocketChoice

const fromOptions = <E, E2>(
  scheme: "" | "ws://",
  options: EveryOption<E2>,
  transport: Layer.Layer<Transport, E>
): Layer.Layer<Chord, ListenError | InvalidAddress | E | E2, ChordStorage> =>
  Layer.unwrap(
    Effect.map(
      toChordOptions(scheme, options),
      (settings) => fromSettings(settings, transport, options.protocol, options.compression)
    )
  )

/** Everything a node on Node is made of, but for its storage. */
const fromSettings = <E, E2 = never>(
  settings: ChordOptions,
  transport: Layer.Layer<Transport, E>,
  wire?: WireVersion.WireVersion,
  compression: Layer.Layer<Compression, E2> = NodeCompression.layer
): Layer.Layer<Chord, ListenError | E | E2, ChordStorage> =>
  apart(Chord.layer.pipe(
    Layer.provide([
      // Others are told of this node by others, and so by one address.
      Layer.sync(ChordConfig, () => ({ ...settings, announce: settings.announce ?? announced(settings.listen) })),
      transport,
      NodeHashing.layer,
      WireVersion.layer(wire).pipe(Layer.provide([NodeHashing.layer, compression]))
    ])
  ))

const stored = <E>(
  options: NodeChordWithStorage,
  node: Layer.Layer<Chord, E, ChordStorage>
): Layer.Layer<Chord, E | StorageError> => Layer.provide(node, toStorage(options))

const toStorage = (
  { data, maxBytes, maxRecords, tombstoneTtl }: Pick<NodeChordWithStorage, "data" | keyof StorageOptions>
): Layer.Layer<ChordStorage, StorageError> => {
  const options = { maxBytes, maxRecords, tombstoneTtl }
  if (data !== undefined) return NodeChordStorage.layerFileSystem(data, options)
  return Layer.unwrap(Effect.sync(() => {
    NodeChordStorage.checkBounds(options)
    return ChordStorage.layerMemory(options)
  }))
}

const toChordOptions = Effect.fnUntraced(function*<E>(scheme: "" | "ws://", options: EveryOption<E>) {
  const { announce, bootstrap, compression: _, host, identity: _identity, port, ...others } = options
  const { data: _data, maxBytes: _bytes, maxRecords: _records, tombstoneTtl: _ttl, ...unstored } = others
  const { tls: _tls, webSocket: _webSocket, protocol: _protocol, ...rest } = unstored
  return {
    ...checked(ChordConfig.defaults, rest),
    listen: yield* toListen(scheme, { host, port }),
    announce: announce === undefined ? undefined : yield* toAddress(announce),
    bootstrap: yield* Effect.forEach(bootstrap ?? [], toAddress)
  }
})
