/** Whole mesh nodes on a network in memory, each in a scope of its own, for tests under TestClock. */
import { Context, Effect, Exit, Layer, Queue, Random, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../src/Mesh/MeshConfig.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import type { MeshMessage } from "../../src/Mesh/MeshMessage.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { type ListenError, Transport } from "../../src/Transport/Transport.ts"

/** A node with all that it has received and told since it was made. */
export interface TestNode {
  readonly host: string
  readonly address: string
  readonly mesh: Mesh["Service"]
  readonly received: Array<MeshMessage>
  readonly events: Array<MeshEvent>
  /** Shuts the node down in order. */
  readonly stop: Effect.Effect<void>
  /** The host vanishes without a word; the node's own fibers end after it. */
  readonly crash: Effect.Effect<void>
}

/** Starts a node on the host `10.0.0.<index>`, port 4444. */
export const startNode = Effect.fnUntraced(function*(
  index: number,
  options: Partial<MemoryMesh.MemoryMeshOptions> = {}
) {
  const host = options.host ?? `10.0.${index >> 8}.${index & 255}`
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const network = yield* MemoryNetwork
  const context = yield* Layer.buildWithScope(Layer.fresh(MemoryMesh.layer({ ...options, host })), scope).pipe(
    Random.withSeed(`node ${index}`)
  )
  const mesh = Context.get(context, Mesh)
  const received = yield* collect(mesh.messages, scope)
  const events = yield* collect(mesh.events, scope)
  const stop = Scope.close(scope, Exit.void)
  const node: TestNode = {
    host,
    address: String(mesh.address),
    mesh,
    received,
    events,
    stop,
    crash: Effect.andThen(network.crash(host), stop)
  }
  return node
})

/** A node whose transport leads out of the process, as TCP does. */
export const startPublic = Effect.fnUntraced(
  function*(
    schemes?: ReadonlyArray<string>
  ): Effect.fn.Return<TestNode, ListenError, MemoryNetwork | Scope.Scope> {
    const host = "203.0.113.1"
    const transport = Layer.effect(
      Transport,
      Effect.map(Transport, (service) => ({ ...service, schemes: schemes ?? service.schemes, resolvesNames: true }))
    ).pipe(Layer.provide(MemoryNetwork.transport(host)))
    const layer = Mesh.layer.pipe(Layer.provide([
      MeshConfig.layer({ listen: new PeerAddress({ host, port: 4444 }), maxOutboundLinks: 0 }),
      MemoryMesh.layerProtocol,
      transport
    ]))
    const mesh = Context.get(yield* Layer.build(Layer.fresh(layer)), Mesh)
    const scope = yield* Effect.scope
    const [received, events] = [yield* collect(mesh.messages, scope), yield* collect(mesh.events, scope)]
    return { host, address: String(mesh.address), mesh, received, events, stop: Effect.void, crash: Effect.void }
  }
)

/** A node on `10.0.0.1` that dials an address by a name, as over TCP. */
export const startNaming = Effect.fnUntraced(function*(name: string, at: PeerAddress) {
  const host = "10.0.0.1"
  const transport = Layer.effect(
    Transport,
    Effect.map(Transport, (service) => ({
      ...service,
      dial: (address: PeerAddress) =>
        address.host === name
          ? Effect.map(service.dial(at), (connection) => ({ ...connection, remote: address, host: at.host }))
          : service.dial(address)
    }))
  ).pipe(Layer.provide(MemoryNetwork.transport(host)))
  const node = MemoryMesh.layerTransport({ host }).pipe(Layer.provide(transport))
  return Context.get(yield* Layer.build(node), Mesh)
})

/** All that a stream gives from now on, in an array that grows. */
export const collect = <A>(stream: Stream.Stream<A>, scope: Scope.Scope) => {
  const items: Array<A> = []
  return Stream.runForEach(stream, (item) => Effect.sync(() => void items.push(item))).pipe(
    Effect.forkIn(scope, { startImmediately: true }),
    Effect.as(items)
  )
}

/** `count` nodes, each of which joined through one of the nodes before it. */
export const startNetwork = Effect.fnUntraced(function*(
  count: number,
  options: Partial<MemoryMesh.MemoryMeshOptions> = {}
) {
  const nodes: Array<TestNode> = []
  for (let index = 1; index <= count; index++) {
    const node = yield* startNode(index, options)
    if (nodes.length > 0) {
      const entry = nodes[yield* Random.nextIntBetween(0, nodes.length - 1)]!
      yield* whileTimePasses(node.mesh.connect(entry.address))
    }
    nodes.push(node)
  }
  yield* TestClock.adjust("5 seconds")
  return nodes
})

/** Runs an effect that needs the virtual clock to go on, in steps of 10 milliseconds. */
export const whileTimePasses = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const done = yield* Queue.unbounded<Exit.Exit<A, E>>()
    yield* Effect.forkChild(Effect.flatMap(Effect.exit(effect), (exit) => Queue.offer(done, exit)), {
      startImmediately: true
    })
    while (Queue.sizeUnsafe(done) === 0) yield* TestClock.adjust("10 millis")
    return yield* yield* Queue.take(done)
  })

/** The ids of a node's peers, sorted. */
export const peerIds = (node: TestNode) => Effect.map(node.mesh.peers, (peers) => peers.map((peer) => peer.id).sort())
