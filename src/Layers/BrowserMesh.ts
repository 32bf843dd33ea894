/**
 * A mesh node in a browser, from one Layer: it dials nodes over WebSockets, and takes part in all that
 * the network says. It cannot be dialed, so nobody is told an address of it; what it cannot do for that
 * is in `docs/browser.md`. Digests and compression are in JavaScript, without a bundler's help for `node:`.
 *
 * ```ts
 * import { Console, Effect, Stream } from "effect"
 * import { Mesh } from "effect-p2p"
 * import { BrowserMesh } from "effect-p2p/browser"
 *
 * const program = Effect.gen(function*() {
 *   const mesh = yield* Mesh
 *   yield* mesh.broadcast("hello from a page")
 *   yield* mesh.messages.pipe(Stream.runForEach((m) => Console.log(m.sender, m.text)))
 * })
 *
 * program.pipe(
 *   Effect.provide(BrowserMesh.layer({ bootstrap: ["ws://127.0.0.1:8080"] })),
 *   Effect.runFork
 * )
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Mesh } from "../Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../Mesh/MeshConfig.ts"
import type { Compression } from "../Protocol/Compression/Compression.ts"
import type { Hashing } from "../Protocol/Hashing.ts"
import { type InvalidAddress, nowhere } from "../Protocol/PeerAddress.ts"
import type { Protocol } from "../Protocol/Protocol.ts"
import * as Protocol04 from "../Protocol/Protocol04.ts"
import type { Given } from "../Transport/Settings.ts"
import * as WebSocket from "../Transport/WebSocket.ts"
import { toAddress } from "./AddressText.ts"
import * as BrowserCompression from "./BrowserCompression.ts"
import * as BrowserHashing from "./BrowserHashing.ts"
import { apart } from "./internal/apart.ts"

/**
 * The settings of a node: those of `MeshOptions` that one has which cannot be dialed.
 *
 * @category options
 * @since 0.1.0
 */
export interface BrowserMeshOptions
  extends Given<Omit<MeshOptions, "announce" | "announceFurther" | "bootstrap" | "listen" | "listenFurther">>
{
  /**
   * Nodes to dial at the start and whenever no link to them is left, as `"ws://host:port"` or
   * `"wss://host"`; pages that came over https reach only the latter, and this machine. With several, the
   * node outlives the loss of one; it learns of more from those it reaches.
   */
  readonly bootstrap?: ReadonlyArray<string> | undefined
  /**
   * The wire version, the same on all nodes of a network: `Protocol07.layer` for 0.7. A Layer and not a name, so
   * that a page loads one version only. Default `Protocol04.layer`.
   */
  readonly wire?: Layer.Layer<Protocol, never, Hashing | Compression> | undefined
  /** The limits of its WebSockets. */
  readonly webSocket?: WebSocket.WebSocketOptions | undefined
}

/**
 * A node with these settings; `maxOutboundLinks` is 2 unless it is set, since every link brings each
 * broadcast once more. Fails with `InvalidAddress` when a text is no address; an address that nobody
 * answers at is no failure, but a `DialFailed` event, and tried again.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: BrowserMeshOptions = {}): Layer.Layer<Mesh, InvalidAddress> => {
  const { bootstrap = [], maxOutboundLinks = 2, webSocket, wire = Protocol04.layer, ...rest } = options
  return Layer.unwrap(
    Effect.map(Effect.forEach(bootstrap, toAddress), (addresses) =>
      apart(Mesh.layer.pipe(
        Layer.provide([
          MeshConfig.layer({ ...rest, maxOutboundLinks, listen: nowhere, bootstrap: addresses }),
          WebSocket.layer(webSocket),
          wire.pipe(Layer.provide([BrowserHashing.layer, BrowserCompression.layer]))
        ]),
        // It does not listen, so that cannot fail.
        Layer.orDie
      )))
  )
}
