/**
 * Who a node on Node is, and how its connections are made and secured: one place that loads its key,
 * once, for the transport that proves it and for the signatures that it makes.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as crypto from "node:crypto"
import * as path from "node:path"
import * as NodeIdentity from "../Transport/NodeIdentity.ts"
import * as NodeTcp from "../Transport/NodeTcp.ts"
import * as NodeTls from "../Transport/NodeTls.ts"
import * as NodeWebSocket from "../Transport/NodeWebSocket.ts"
import type { Transport } from "../Transport/Transport.ts"
import * as Transports from "../Transport/Transports.ts"
import { optional } from "./internal/ConfigSetting.ts"
import type { WebSocketChoice } from "./NodeOptions.ts"
import * as NodeSigning from "./NodeSigning.ts"

/**
 * Who the node is to others.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeIdentityOptions {
  /**
   * The directory of this node's identity, an Ed25519 key that is made if there is none: the node's id
   * then follows from it, and is the same after a restart. Each node needs one of its own. Default: a
   * new identity for each start where one is needed, else none.
   */
  readonly identity?: string | undefined
}

/**
 * The same, and how its connections are secured.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeTlsSettings extends NodeIdentityOptions {
  /** The mode, and what it needs; default the pinned mode. */
  readonly tls?: Omit<NodeTls.NodeTlsOptions, "identity"> | undefined
}

/**
 * What of it is wanted; without `tls` connections are plain.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeSecurityOptions extends NodeTlsSettings, WebSocketChoice {
  /** Whether messages are signed with the identity. Default false. */
  readonly sign?: boolean | undefined
  /** Over what: TCP, with `tls` secured; WebSockets; or both, for whoever comes by either. Default `"sockets"`. */
  readonly over?: "sockets" | "webSockets" | "both" | undefined
}

/**
 * Options that make no sense together: what one of them promises, the others do not keep. `options` are
 * their names, `detail` says which to change.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConflictingOptions extends Schema.TaggedError<ConflictingOptions>()("ConflictingOptions", {
  options: Schema.Array(Schema.String),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/**
 * The transport, and what signs and proves. Fails with `IdentityError` when the identity cannot be used,
 * and with `ConflictingOptions`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: NodeSecurityOptions
): Layer.Layer<Transport, NodeIdentity.IdentityError | ConflictingOptions> =>
  Layer.unwrap(Effect.gen(function*() {
    const { tls } = options
    const conflict = conflictIn(options)
    if (conflict !== undefined) return yield* conflict
    const mode = tls === undefined ? undefined : tls.mode ?? "pinned"
    if (tls !== undefined && mode === "authority") {
      const key = tls.key ?? (options.identity === undefined ? undefined : yield* keyIn(options.identity))
      const signing = yield* signingOf(key, options.sign ?? false)
      return Layer.merge(over(options, NodeTls.layer({ ...tls, key })), signing)
    }
    const isNeeded = mode === "pinned" || options.sign === true
    const identity = options.identity !== undefined
      ? (yield* NodeIdentity.open(options.identity)).identity
      : isNeeded
      ? yield* NodeIdentity.generate
      : undefined
    const transport = tls === undefined ? NodeTcp.layer() : NodeTls.layer({ ...tls, identity })
    return Layer.merge(over(options, transport), NodeSigning.layer(identity, options.sign ?? false))
  }))

/** The transport of these options; `sockets` is that over TCP. */
const over = <E>(options: NodeSecurityOptions, sockets: Layer.Layer<Transport, E>): Layer.Layer<Transport, E> => {
  switch (options.over ?? "sockets") {
    case "sockets":
      return sockets
    case "webSockets":
      return NodeWebSocket.layer(options.webSocket)
    case "both":
      return Transports.layer<E, never>([sockets, NodeWebSocket.layer(options.webSocket)])
  }
}

const conflictIn = (options: NodeSecurityOptions): ConflictingOptions | undefined => {
  const { identity, sign = false, tls } = options
  const mode = tls === undefined ? undefined : tls.mode ?? "pinned"
  if (tls !== undefined && options.over === "webSockets") {
    return new ConflictingOptions({
      options: ["tls"],
      detail:
        "tls is for connections over TCP, and this node speaks WebSockets alone: leave it out, and encrypt them by " +
        "a proxy for wss:// or by webSocket.secureServer"
    })
  }
  for (const name of ["ca", "cert", "key"] as const) {
    if (mode !== "authority" && tls?.[name] !== undefined) {
      return new ConflictingOptions({
        options: [`tls.${name}`, "tls.mode"],
        detail: `tls.${name} is for tls.mode "authority", and the mode is "${mode}": set that mode, or leave it out`
      })
    }
  }
  if (mode !== "pinned" && Object.keys(tls?.pins ?? {}).length > 0) {
    return new ConflictingOptions({
      options: ["tls.pins", "tls.mode"],
      detail: `tls.pins is for tls.mode "pinned", in "${mode}" nobody looks at it: set that mode, or leave it out`
    })
  }
  if (identity === undefined || sign || mode === "pinned" || mode === "authority") return undefined
  return new ConflictingOptions({
    options: ["identity", ...(mode === undefined ? [] : ["tls.mode"])],
    detail:
      "an identity is proven by TLS in the mode pinned or authority, or by signatures, and this node has neither: " +
      "set tls, or sign (of a mesh), or leave identity out"
  })
}

/** A certificate that is issued for the identity needs no other key. */
const keyIn = (directory: string): Effect.Effect<string, NodeIdentity.IdentityError> =>
  Effect.as(NodeIdentity.open(directory), path.join(directory, NodeIdentity.keyFile))

const signingOf = Effect.fnUntraced(function*(key: string | undefined, sign: boolean) {
  if (key === undefined || !sign) return NodeSigning.layer(undefined, false)
  const privateKey = key.includes("-----BEGIN ")
    ? yield* NodeIdentity.parsePrivateKey(key, "key")
    : yield* NodeIdentity.readPrivateKey(key)
  if (privateKey.asymmetricKeyType !== "ed25519") {
    const detail = `messages are signed with Ed25519 keys, this one is ${privateKey.asymmetricKeyType}`
    return yield* new NodeIdentity.IdentityError({ kind: "Invalid", path: "key", detail })
  }
  const publicKey = NodeIdentity.toDer(crypto.createPublicKey(privateKey))
  return NodeSigning.layer({ publicKey, privateKey, directory: undefined }, true)
})

/**
 * The same from `Config`: `TLS` (a mode; none for plain connections), `TLS_CA`, `TLS_CERT`, `TLS_KEY`
 * (files, which are refused without the mode that they are for) and `IDENTITY` (a directory).
 *
 * @category config
 * @since 0.1.0
 */
export const config: Config.Config<NodeTlsSettings> = Config.map(
  Config.all({
    mode: optional(Config.Literals(["compatible", "pinned", "authority"], "TLS")),
    ca: optional(Config.String("TLS_CA")),
    cert: optional(Config.String("TLS_CERT")),
    key: optional(Config.String("TLS_KEY")),
    identity: optional(Config.String("IDENTITY"))
  }),
  ({ identity, mode, ...files }) => {
    // Files without a mode are no plain node, but a mode that was forgotten: `layer` says so.
    const isPlain = mode === undefined && Object.values(files).every((file) => file === undefined)
    return { identity, tls: isPlain ? undefined : { mode, ...files } }
  }
)
