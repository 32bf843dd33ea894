import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Random } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../src/Mesh/MeshConfig.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { collect, startNode, whileTimePasses } from "../utils/MeshNetwork.ts"

/** A wire that breaks the contract never to throw, at broadcasts with a certain text. */
const faultyProtocol = Layer.effect(
  Protocol,
  Effect.map(Protocol, (protocol) => ({
    ...protocol,
    decode: (body: Uint8Array) => {
      const message = protocol.decode(body)
      if (new TextDecoder().decode(body).includes("poison")) throw new TypeError("bad luck")
      return message
    }
  }))
).pipe(Layer.provide(MemoryMesh.layerProtocol))

describe("a service that throws", () => {
  it.effect("ends the link that it served, says so, and is logged; other links live on", () =>
    Effect.gen(function*() {
      const node = Mesh.layer.pipe(Layer.provide([
        MeshConfig.layer({ listen: new PeerAddress({ host: "faulty", port: 4444 }), maxOutboundLinks: 0 }),
        faultyProtocol,
        MemoryNetwork.transport("faulty")
      ]))
      const logs: Array<unknown> = []
      const logger = Logger.make(({ message }) => logs.push(message))
      const faulty = yield* Layer.build(Layer.provide(node, Logger.layer([logger])))
      const mesh = Context.get(faulty, Mesh)
      const events = yield* collect(mesh.events, yield* Effect.scope)
      const [a, b] = [yield* startNode(1, { maxOutboundLinks: 0 }), yield* startNode(2, { maxOutboundLinks: 0 })]
      for (const { mesh: peer } of [a, b]) yield* whileTimePasses(peer.connect("faulty:4444"))

      yield* a.mesh.broadcast("poison")
      yield* TestClock.adjust("1 second")

      const left = events.flatMap((event) => event._tag === "PeerLeft" ? [event] : [])
      assert.deepStrictEqual(left.map(({ id, reason }) => [id, reason]), [
        [a.mesh.id, { _tag: "Defect", detail: "TypeError: bad luck" }]
      ])
      assert.include((yield* mesh.peers).map((peer) => peer.id), b.mesh.id)
      assert.include(String(logs), "a link ended by a defect")
      assert.isTrue(a.events.some((event) => event._tag === "PeerLeft" && event.reason._tag === "Goodbye"))
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("defect")))
})
