/** Nodes on Node for the tests in browsers, which start and stop them by commands. */
import { Effect, ManagedRuntime, Stream } from "effect"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"

/** What a test is told of a node. */
export interface NodeHandle {
  readonly id: string
  /** Where it can be dialed: over TCP, over a WebSocket. */
  readonly addresses: ReadonlyArray<string>
}

interface Running {
  readonly runtime: ManagedRuntime.ManagedRuntime<Mesh, unknown>
  readonly heard: Array<string>
}

const nodes = new Map<string, Running>()

const running = (id: string): Running => {
  const node = nodes.get(id)
  if (node === undefined) throw new Error(`no node ${id} runs`)
  return node
}

/** A node that listens on TCP and on a WebSocket. */
export const start = async (options: NodeMesh.NodeMeshOptions): Promise<NodeHandle> => {
  const layer = NodeMesh.layer({ listenFurther: ["ws://127.0.0.1:0"], upkeepInterval: "200 millis", ...options })
  const runtime = ManagedRuntime.make(layer)
  const mesh = await runtime.runPromise(Mesh)
  const heard: Array<string> = []
  runtime.runFork(Stream.runForEach(mesh.messages, (message) => Effect.sync(() => void heard.push(message.text))))
  nodes.set(mesh.id, { runtime, heard })
  return { id: mesh.id, addresses: mesh.addresses.map(String) }
}

/** Stops a node; its links end. */
export const stop = (id: string): Promise<void> => {
  const { runtime } = running(id)
  nodes.delete(id)
  return runtime.dispose()
}

export const broadcast = (id: string, text: string): Promise<string> =>
  running(id).runtime.runPromise(Mesh.use((mesh) => mesh.broadcast(text)))

/** What a node has received so far. */
export const heard = (id: string): ReadonlyArray<string> => running(id).heard

/** The ids of those that a node is linked to. */
export const peers = (id: string): Promise<ReadonlyArray<string>> =>
  running(id).runtime.runPromise(Mesh.use((mesh) => Effect.map(mesh.peers, (found) => found.map((peer) => peer.id))))
