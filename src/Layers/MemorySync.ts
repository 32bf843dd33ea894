/**
 * A node of the shared dictionary on the network in memory: for tests and simulations.
 */
import * as Layer from "effect/Layer"
import type { Mesh } from "../Mesh/Mesh.ts"
import { Hashing } from "../Protocol/Hashing.ts"
import { Sync } from "../Sync/Sync.ts"
import { SyncConfig, type SyncOptions } from "../Sync/SyncConfig.ts"
import type { Given } from "../Transport/Settings.ts"
import type { ListenError, Transport } from "../Transport/Transport.ts"
import { apart } from "./internal/apart.ts"
import * as MemoryMesh from "./MemoryMesh.ts"

/**
 * The settings of the dictionary, and of its mesh as `MemoryMesh` has them.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemorySyncOptions extends MemoryMesh.MemoryMeshOptions {
  /** The settings of the dictionary. */
  readonly sync?: Given<SyncOptions> | undefined
}

/**
 * A node and its mesh over whatever `Transport` is given: what `Simulation.start` takes, with the node's
 * name as its host.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (
  options: MemorySyncOptions
): Layer.Layer<Mesh | Sync, ListenError, Transport> => {
  const { subnet = "sync", sync, ...mesh } = options
  const leasing = sync?.leasing ?? SyncConfig.defaults.leasing
  return apart(Sync.layer.pipe(
    Layer.provideMerge(MemoryMesh.layerTransport({ ...mesh, subnet: SyncConfig.subnet(subnet, leasing) })),
    Layer.provide([SyncConfig.layer(sync), Hashing.layerFast, MemoryMesh.layerWire(options.protocol)])
  ))
}
