/** A name that leads to one of several nodes each time, the one that dials it among them: as in a cluster. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { realDials } from "../utils/realDials.ts"

const hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
const name = "nodes.example:4444"

/** A node that finds itself there first, then the others by turns, and how often it dialed the name. */
const start = Effect.fnUntraced(function*(index: number) {
  const host = hosts[index]!
  const dials = { count: 0 }
  const transport = realDials((dial) => (address) => {
    if (String(address) !== name) return dial(address)
    const at = hosts[(index + dials.count++) % hosts.length]!
    return Effect.map(dial(new PeerAddress({ host: at, port: 4444 })), (connection) => ({
      ...connection,
      remote: address,
      host: at
    }))
  }).pipe(Layer.provide(MemoryNetwork.transport(host)))
  const layer = MemoryMesh.layerTransport({ host, bootstrap: [name] }).pipe(Layer.provide(transport))
  return { mesh: Context.get(yield* Layer.build(layer), Mesh), dials }
})

describe("a name that the user gave, where a node meets itself", () => {
  it.effect("is dialed until another one is met, and not as long as there are links", () =>
    Effect.gen(function*() {
      const nodes = yield* Effect.forEach([0, 1, 2], start)
      yield* TestClock.adjust("1 minute")

      for (const { dials, mesh } of nodes) {
        assert.lengthOf(yield* mesh.peers, 2)
        assert.isAtMost(dials.count, 4)
        dials.count = 0
      }
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(nodes.map(({ dials }) => dials.count), [0, 0, 0])
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("shared name")))

  it.effect("is dialed again when the last link has gone", () =>
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const one = yield* start(0)
      yield* start(1)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* one.mesh.peers, 1)

      yield* network.crash(hosts[1]!)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* one.mesh.peers, 0)
      yield* start(2)
      yield* TestClock.adjust("2 minutes")

      assert.lengthOf(yield* one.mesh.peers, 1)
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("gone")))
})
