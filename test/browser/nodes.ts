/** Starts and stops nodes on Node from a test that runs in a browser. */
import { Effect, type Scope } from "effect"
import { commands } from "vitest/browser"
import type { NodeMeshOptions } from "../../src/Layers/NodeMesh.ts"
import type { NodeHandle } from "./MeshNodes.ts"

declare module "vitest/browser" {
  interface BrowserCommands {
    readonly startNode: (options: NodeMeshOptions) => Promise<NodeHandle>
    readonly stopNode: (id: string) => Promise<void>
    readonly broadcast: (id: string, text: string) => Promise<string>
    readonly heard: (id: string) => Promise<ReadonlyArray<string>>
    readonly peers: (id: string) => Promise<ReadonlyArray<string>>
  }
}

/** A node on Node, as a test in a browser sees it. */
export interface FarNode {
  readonly id: string
  /** Where it is dialed over TCP, by other nodes on Node. */
  readonly tcp: string
  /** Where it is dialed over a WebSocket, by pages. */
  readonly webSocket: string
  readonly broadcast: (text: string) => Effect.Effect<string>
  readonly heard: Effect.Effect<ReadonlyArray<string>>
  readonly peers: Effect.Effect<ReadonlyArray<string>>
  readonly stop: Effect.Effect<void>
}

/** Starts a node that stops with the scope at the latest. */
export const startNode = (options: NodeMeshOptions = {}): Effect.Effect<FarNode, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.map(Effect.promise(() => commands.startNode(options)), (handle) => ({ ...handle, isUp: true })),
      (handle) => stop(handle)
    ),
    (handle) => ({
      id: handle.id,
      tcp: handle.addresses[0]!,
      webSocket: handle.addresses[1]!,
      broadcast: (text) => Effect.promise(() => commands.broadcast(handle.id, text)),
      heard: Effect.promise(() => commands.heard(handle.id)),
      peers: Effect.promise(() => commands.peers(handle.id)),
      stop: stop(handle)
    })
  )

const stop = (handle: { readonly id: string; isUp: boolean }): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!handle.isUp) return Effect.void
    handle.isUp = false
    return Effect.promise(() => commands.stopNode(handle.id))
  })
