/**
 * A mesh node on Node, from one Layer: TCP, TLS or WebSockets, protocol 0.4 or 0.7, digests and compression
 * of `node:`.
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
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Mesh } from "../Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../Mesh/MeshConfig.ts"
import type { InvalidAddress } from "../Mesh/MeshError.ts"
import type { Compression } from "../Protocol/Compression/Compression.ts"
import { withScheme } from "../Protocol/PeerAddress.ts"
import type { IdentityError } from "../Transport/NodeIdentity.ts"
import { checked, type Given } from "../Transport/Settings.ts"
import type { ListenError } from "../Transport/Transport.ts"
import { toAddress, toListen } from "./AddressText.ts"
import { apart } from "./internal/apart.ts"
import * as NodeCompression from "./NodeCompression.ts"
import * as NodeHashing from "./NodeHashing.ts"
import { config } from "./NodeMeshConfig.ts"
import type { AddressChoice, CompressionChoice, WebSocketChoice } from "./NodeOptions.ts"
import * as NodeSecurity from "./NodeSecurity.ts"
import * as WireVersion from "./WireVersion.ts"

type AddressSetting = "listen" | "listenFurther" | "announce" | "announceFurther" | "bootstrap"

/**
 * The settings of a node: those of `MeshOptions`, with addresses as texts.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeMeshOptions
  extends
    Given<Omit<MeshOptions, AddressSetting>>,
    AddressChoice,
    WebSocketChoice,
    WireVersion.WireChoice,
    NodeSecurity.NodeIdentityOptions
{
  /**
   * Where else to listen: for browsers on `"ws://host:port"`. Of a node over TLS those who come that way
   * have proven nothing, and what they say is relayed to the others. Default nowhere.
   */
  readonly listenFurther?: ReadonlyArray<string> | undefined
  /** Where else others can dial it, when that is not where it listens: `"wss://example.org"` before a proxy. */
  readonly announceFurther?: ReadonlyArray<string> | undefined
  /** Nodes to dial at the start and whenever no link to them is left, as `"host:port"` or `"ws://host:port"`. */
  readonly bootstrap?: ReadonlyArray<string> | undefined
  /**
   * Whether broadcasts and whispers carry a signature, by which any of ours can tell that they are from
   * this node: about 170 bytes more, which original nodes deliver as one more packet. Default false.
   */
  readonly sign?: boolean | undefined
}

/**
 * The same, and which compression methods the node offers.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeMeshWithCompression<E = never> extends NodeMeshOptions, CompressionChoice<E> {}

/**
 * The settings of a node over TLS.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeMeshTlsOptions<E = never> extends NodeMeshWithCompression<E>, NodeSecurity.NodeTlsSettings {}

/**
 * Why a node with options does not start: it cannot listen there, a text is no address, its identity
 * cannot be used, or its options do not go together.
 *
 * @category errors
 * @since 0.1.0
 */
export type NodeMeshError = ListenError | InvalidAddress | IdentityError | NodeSecurity.ConflictingOptions

/**
 * A node with these settings, over TCP and, where it is told to listen on some, WebSockets. Fails as
 * `NodeMeshError` says, and as `compression` does. Dies with a `RangeError` that says what to write for a number or a
 * time that makes no sense.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never>(options: NodeMeshWithCompression<E> = {}): Layer.Layer<Mesh, NodeMeshError | E> =>
  fromOptions("both", { ...options, tls: undefined })

/**
 * The same over TLS: `tls.mode` is `"pinned"` (the default: ids are proven by keys), `"authority"` (only
 * nodes with a certificate of `tls.ca` get in) or `"compatible"` (the "SSL" of original nodes: encrypted,
 * and nobody is proven). docs/security.md says what each protects from.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTls = <E = never>(options: NodeMeshTlsOptions<E> = {}): Layer.Layer<Mesh, NodeMeshError | E> =>
  fromOptions("both", { ...options, tls: options.tls ?? {} })

/**
 * A node that speaks WebSockets alone: `host` and `port` are where it accepts them, and it dials
 * `ws://` and `wss://` addresses only. What else is as for `layer`; for a node that browsers and TCP nodes
 * reach, use that one with `listenFurther`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocket = <E = never>(
  options: NodeMeshWithCompression<E> = {}
): Layer.Layer<Mesh, NodeMeshError | E> => fromOptions("webSockets", { ...options, tls: undefined })

/** Why a node with settings from `Config` does not start. */
type NodeMeshConfigError = ListenError | IdentityError | NodeSecurity.ConflictingOptions | Config.ConfigError

/**
 * A node whose every setting comes from `Config`: by default from environment variables named
 * `P2P_` and the setting, `P2P_PORT`, `P2P_SUBNET`, `P2P_BOOTSTRAP` (addresses with commas),
 * `P2P_LISTEN_FURTHER` (`"ws://0.0.0.0:8080"`), `P2P_ORIGINS` (of pages, with commas),
 * `P2P_PROTOCOL` (`0.4` or `0.7`), `P2P_MAX_OUTBOUND_LINKS`, `P2P_RELAY_WINDOW` (`"60 seconds"`), and so on. What is not set has its
 * default. `P2P_TLS` (`pinned`, `authority` or `compatible`) makes it a node over TLS, with
 * `P2P_IDENTITY` (a directory), `P2P_TLS_CA`, `P2P_TLS_CERT` and `P2P_TLS_KEY` (files); `P2P_SIGN` has
 * it sign.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Mesh, NodeMeshConfigError> = Layer.unwrap(
  Effect.suspend(() =>
    Effect.map(config, ({ mesh, protocol, security }) => fromSettings(mesh, { ...security, over: "both" }, protocol))
  )
)

/**
 * The same for a node that speaks WebSockets alone, as `layerWebSocket`: `P2P_HOST` and `P2P_PORT` are
 * where it accepts them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocketConfig: Layer.Layer<Mesh, NodeMeshConfigError> = Layer.unwrap(
  Effect.suspend(() =>
    Effect.map(config, ({ mesh, protocol, security }) => {
      const listen = withScheme(mesh.listen, "ws") ?? mesh.listen
      return fromSettings({ ...mesh, listen }, { ...security, over: "webSockets" }, protocol)
    })
  )
)

const fromOptions = <E>(
  over: "both" | "webSockets",
  options: NodeMeshTlsOptions<E>
): Layer.Layer<Mesh, NodeMeshError | E> =>
  Layer.unwrap(
    Effect.map(
      toMeshOptions(over === "both" ? "" : "ws://", options),
      (settings) => fromSettings(settings, { ...options, over }, options.protocol, options.compression)
    )
  )

/** Everything a node on Node is made of. */
const fromSettings = <E = never>(
  settings: MeshOptions,
  security: NodeSecurity.NodeSecurityOptions,
  wire?: WireVersion.WireVersion,
  compression: Layer.Layer<Compression, E> = NodeCompression.layer
): Layer.Layer<Mesh, ListenError | IdentityError | NodeSecurity.ConflictingOptions | E> =>
  apart(Mesh.layer.pipe(
    Layer.provide([
      MeshConfig.layer(settings),
      NodeSecurity.layer(security),
      WireVersion.layer(wire).pipe(Layer.provide([NodeHashing.layer, compression]))
    ])
  ))

const toMeshOptions = Effect.fnUntraced(function*<E>(scheme: "" | "ws://", options: NodeMeshTlsOptions<E>) {
  const { announce, announceFurther, bootstrap, host, listenFurther, port, ...others } = options
  const {
    compression: _,
    identity: _identity,
    sign: _sign,
    tls: _tls,
    webSocket: _webSocket,
    protocol: _protocol,
    ...rest
  } = others
  return {
    ...checked(MeshConfig.defaults, rest),
    listen: yield* toListen(scheme, { host, port }),
    listenFurther: yield* Effect.forEach(listenFurther ?? [], toAddress),
    announce: announce === undefined ? undefined : yield* toAddress(announce),
    announceFurther: announceFurther === undefined ? undefined : yield* Effect.forEach(announceFurther, toAddress),
    bootstrap: yield* Effect.forEach(bootstrap ?? [], toAddress)
  }
})
