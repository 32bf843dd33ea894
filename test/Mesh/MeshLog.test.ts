import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Random } from "effect"
import { TestClock } from "effect/testing"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import * as MeshLog from "../../src/Mesh/MeshLog.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

describe("MeshLog", () => {
  it.effect("tells who comes, says more than it may, and goes", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => lines.push(message))
      const node = yield* startNode(1, { maxMessagesPerSecond: 1 })
      yield* Layer.build(MeshLog.layer).pipe(
        Effect.provideService(Mesh, node.mesh),
        Effect.provide(Logger.layer([logger]))
      )
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
      yield* peer.handshake
      yield* TestClock.adjust("1 second")

      for (let time = 0; time < 60; time++) yield* peer.say(peer.make("whisper", [Uint8Array.of(2)], time))
      yield* TestClock.adjust("10 seconds")
      yield* node.mesh.disconnect("raw")
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual([...new Set(lines.flat())], [
        "a peer joined",
        "a peer says more than it may",
        "a peer left: the application closed the link"
      ])
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("log")))
})
