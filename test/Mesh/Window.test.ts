/** Times of broadcasts at the edges of what is taken. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startMesh } from "../hostile/Simulated.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })

describe("a broadcast", () => {
  it.effect("from as far ahead as is allowed is delivered once, however late it is repeated", () =>
    Effect.gen(function*() {
      const simulation = yield* Simulation.make({ seed: "1", latency: "1 millis" })
      // The seconds of the time of day and those since the start do not begin together.
      yield* TestClock.adjust(900)
      yield* simulation.skew("node", "100 millis")
      const node = yield* startMesh(simulation, "node", { maxOutboundLinks: 0 })
      const peer = yield* RawPeer.dial(node, { host: "raw" }).pipe(
        Effect.provideService(MemoryNetwork, simulation.network),
        whileTimePasses
      )
      yield* peer.handshake
      yield* TestClock.adjust(20)
      const say = (text: string, time: number) =>
        peer.say(peer.make("broadcast", [Uint8Array.of(0), RawPeer.bytes(text)], time))
      yield* say("once", 1 + 60)

      yield* TestClock.adjust(120_100)
      // What is forgotten is swept out when something new comes.
      yield* say("other", 121)
      yield* TestClock.adjust(400)
      yield* say("once", 1 + 60)
      yield* TestClock.adjust(100)

      assert.deepStrictEqual(node.received.map((message) => message.text), ["once", "other"])
      assert.strictEqual((yield* node.mesh.stats).expired, 0)
    }).pipe(Effect.provide(network)))

  it.effect("is not stamped beyond the skew that others allow, however often it is repeated", () =>
    Effect.gen(function*() {
      const [a, b] = [
        yield* startNode(1, { maxOutboundLinks: 0, maxClockSkew: "5 seconds" }),
        yield* startNode(2, { maxOutboundLinks: 0, maxClockSkew: "5 seconds" })
      ]
      yield* whileTimePasses(b.mesh.connect(a.address))

      for (let i = 0; i < 12; i++) yield* whileTimePasses(b.mesh.broadcast("tick"))
      yield* TestClock.adjust("1 second")

      assert.strictEqual(a.received.length, 12)
      assert.strictEqual((yield* a.mesh.stats).fromFuture, 0)
    }).pipe(Effect.provide(network), Random.withSeed("stamps")))
})
