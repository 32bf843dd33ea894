/**
 * A node of the shared dictionary on Node, from one Layer, with the mesh it stands on.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Console, Effect, Schema } from "effect"
 * import { Sync, SyncKey } from "effect-p2p"
 * import { NodeSync } from "effect-p2p/node"
 *
 * const Motd = SyncKey.make("motd", Schema.String)
 *
 * const program = Effect.gen(function*() {
 *   const sync = yield* Sync
 *   yield* Console.log(yield* sync.get(Motd))
 * })
 *
 * program.pipe(Effect.provide(NodeSync.layer({ bootstrap: ["127.0.0.1:4444"] })), NodeRuntime.runMain)
 * ```
 */
import * as Layer from "effect/Layer"
import type { Mesh } from "../Mesh/Mesh.ts"
import { Sync } from "../Sync/Sync.ts"
import { SyncConfig, type SyncOptions } from "../Sync/SyncConfig.ts"
import type { Given } from "../Transport/Settings.ts"
import { apart } from "./internal/apart.ts"
import * as NodeCompression from "./NodeCompression.ts"
import * as NodeHashing from "./NodeHashing.ts"
import * as NodeMesh from "./NodeMesh.ts"
import * as WireVersion from "./WireVersion.ts"

/**
 * The settings of the dictionary, and of its mesh as `NodeMesh` has them. `subnet` (default `"sync"`, as in
 * the original programs) gets a digit for whether there are leases.
 *
 * @category options
 * @since 0.1.0
 */
export interface NodeSyncOptions<E = never> extends NodeMesh.NodeMeshWithCompression<E> {
  /** The settings of the dictionary; all nodes of a network have the same `leasing`. */
  readonly sync?: Given<SyncOptions> | undefined
}

/**
 * A node with these settings, over TCP, and its mesh. Fails as `NodeMesh.layer` does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never>(
  options: NodeSyncOptions<E> = {}
): Layer.Layer<Mesh | Sync, NodeMesh.NodeMeshError | E> => {
  const { subnet = "sync", sync, ...mesh } = options
  const leasing = sync?.leasing ?? SyncConfig.defaults.leasing
  return onMesh(NodeMesh.layer({ ...mesh, subnet: SyncConfig.subnet(subnet, leasing) }), sync, options.protocol)
}

/**
 * The same over TLS, as `NodeMesh.layerTls`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTls = <E = never>(
  options: NodeSyncOptions<E> & NodeMesh.NodeMeshTlsOptions<E> = {}
): Layer.Layer<Mesh | Sync, NodeMesh.NodeMeshError | E> => {
  const { subnet = "sync", sync, ...mesh } = options
  const leasing = sync?.leasing ?? SyncConfig.defaults.leasing
  return onMesh(NodeMesh.layerTls({ ...mesh, subnet: SyncConfig.subnet(subnet, leasing) }), sync, options.protocol)
}

const onMesh = <E>(
  mesh: Layer.Layer<Mesh, E>,
  options: Given<SyncOptions> | undefined,
  protocol: WireVersion.WireVersion | undefined
): Layer.Layer<Mesh | Sync, E> =>
  apart(Sync.layer.pipe(
    Layer.provideMerge(mesh),
    Layer.provide([
      SyncConfig.layer(options),
      NodeHashing.layer,
      WireVersion.layer(protocol).pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer]))
    ])
  ))
