/** The state of a node without a network: what it takes is handed to it. */
import { Clock, Context, Effect, Layer } from "effect"
import type { Mesh } from "../../src/Mesh/Mesh.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"
import { SyncNode } from "../../src/Sync/internal/SyncNode.ts"
import { SyncConfig, type SyncOptions } from "../../src/Sync/SyncConfig.ts"

const hashing = Context.get(Effect.runSync(Effect.scoped(Layer.build(Hashing.layerFast))), Hashing)

/** The time at such a node, in seconds. */
export const now = 1_700_000_000

export const aloneNode = (options: Partial<SyncOptions>): SyncNode =>
  new SyncNode({
    hashing,
    // Nothing is sent.
    mesh: { maxClockSkewSeconds: 60 } as Mesh["Service"],
    protocol: {} as Protocol["Service"],
    clock: Effect.runSync(Clock.Clock),
    options: { ...SyncConfig.defaults, ...options },
    run: Effect.runFork
  })
