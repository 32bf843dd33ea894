/**
 * Our real mesh node, with real digests and compressions, on a network in memory where the other
 * nodes are originals that a test plays.
 */
import { Context, Deferred, Effect, Exit, Layer, Queue, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../../src/Mesh/MeshConfig.ts"
import type { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import type { Connection } from "../../src/Transport/Transport.ts"
import { collect } from "./MeshNetwork.ts"
import * as ScriptedPeer from "./ScriptedPeer.ts"

/** Messages take a millisecond, so that `TestClock.adjust` sees every step of a conversation. */
export const network = Layer.merge(MemoryNetwork.layer({ latency: "1 millis" }), ScriptedPeer.wire)

/** Starts our node at an address, with all that its user receives and is told. */
export const startOurs = Effect.fnUntraced(function*(listen: PeerAddress, options: Partial<MeshOptions> = {}) {
  const scope = yield* Effect.scope
  const layer = Mesh.layer.pipe(Layer.provide([
    // It asks for peers of its own accord only when a test wants it to.
    MeshConfig.layer({ upkeepInterval: "1 hour", ...options, listen }),
    MemoryNetwork.transport(listen.host),
    ScriptedPeer.wire
  ]))
  const mesh = Context.get(
    yield* Layer.buildWithScope(Layer.fresh(layer), scope).pipe(Random.withSeed(String(listen))),
    Mesh
  )
  return { mesh, received: yield* collect(mesh.messages, scope), events: yield* collect(mesh.events, scope) }
})

/** Plays this end of a connection; `close` ends it. */
const play = Effect.fnUntraced(function*(connection: Connection, id: string, close: Effect.Effect<unknown>) {
  const peer = yield* ScriptedPeer.make(connection, yield* Protocol, id)
  return { ...peer, close: Effect.asVoid(close) }
})

/** Dials an address as the node with this id. */
export const dialAs = Effect.fnUntraced(function*(id: string, address: PeerAddress, host = address.host) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const dialing = yield* Effect.forkChild(
    Scope.provide(Effect.flatMap(MemoryNetwork, (net) => net.transport(host).dial(address)), scope)
  )
  yield* TestClock.adjust("10 millis")
  return yield* play(
    yield* dialing.pollUnsafe() ?? Effect.die("nobody listens there"),
    id,
    Scope.close(scope, Exit.void)
  )
})

/** Listens as the node with this id; gives what connects, each with the function that ends it. */
export const listenAs = Effect.fnUntraced(function*(id: string, address: PeerAddress) {
  const scope = yield* Effect.scope
  const listener = yield* Effect.flatMap(MemoryNetwork, (net) => net.transport(address.host).listen(address))
  const accepted = yield* Queue.unbounded<Played>()
  const protocol = yield* Protocol
  yield* Effect.forkScoped(listener.serve((connection) =>
    Effect.gen(function*() {
      const done = yield* Deferred.make<void>()
      const peer = yield* play(connection, id, Deferred.succeed(done, undefined)).pipe(
        Effect.provideService(Protocol, protocol),
        Scope.provide(scope)
      )
      yield* Queue.offer(accepted, peer)
      yield* Deferred.await(done)
    })
  ))
  return accepted
})

export type Played = Effect.Success<ReturnType<typeof play>>
