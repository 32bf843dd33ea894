import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNetwork, startNode } from "../utils/MeshNetwork.ts"

describe("a broadcast", () => {
  it.effect("reaches each of 50 nodes in a random mesh exactly once", () =>
    Effect.gen(function*() {
      const nodes = yield* startNetwork(50)

      const ids: Array<string> = []
      for (const node of nodes) ids.push(yield* node.mesh.broadcast(`from ${node.host}`))
      yield* TestClock.adjust("2 seconds")

      for (const [index, node] of nodes.entries()) {
        const expected = ids.filter((_, author) => author !== index).sort()
        assert.deepStrictEqual(node.received.map((message) => message.id).sort(), expected, node.host)
      }
    }).pipe(
      Effect.provide(MemoryNetwork.layer({ latency: "20 millis" })),
      Random.withSeed("50 nodes")
    ))

  it.effect("keeps author, time and id on its way along a line", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000_000)
      const line = []
      for (let index = 1; index <= 5; index++) {
        const node = yield* startNode(index, { maxOutboundLinks: 0 })
        if (index > 1) yield* node.mesh.connect(line[index - 2]!.address)
        line.push(node)
      }
      yield* TestClock.adjust("1 second")

      const id = yield* line[0]!.mesh.broadcast(["two", "packets"])
      yield* TestClock.adjust("1 second")

      const last = line[4]!.received
      assert.strictEqual(last.length, 1)
      assert.deepStrictEqual(
        [last[0]!.id, last[0]!.sender, last[0]!.time, last[0]!.kind, ...last[0]!.texts],
        [id, line[0]!.mesh.id, 1001, "broadcast", "two", "packets"]
      )
      assert.deepStrictEqual([-1, 0, 1, 2].map((index) => last[0]!.textAt(index)), [
        undefined,
        "two",
        "packets",
        undefined
      ])
      assert.strictEqual(last[0]!.from, line[3]!.mesh.id)
    }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("line")))
})
