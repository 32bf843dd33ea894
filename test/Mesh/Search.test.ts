import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const idle = { maxOutboundLinks: 0 }

/** A node with a peer that says of whomever it looks for that they are where nobody answers. */
const withLiar = Effect.fnUntraced(function*(holeCount: number) {
  const node = yield* startNode(1, idle)
  const holes = Array.from({ length: holeCount }, (_, i) => new PeerAddress({ host: `10.6.6.${i}`, port: 4444 }))
  for (const hole of holes) yield* RawPeer.silence(hole)
  const liar = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
  yield* liar.handshake
  yield* TestClock.adjust("1 second")
  const lie = Effect.gen(function*() {
    const request = liar.payloads().find((payload) => payload._tag === "Request")
    if (request?._tag !== "Request") return assert.fail("nothing was looked for")
    const { nodeId, requestId } = request
    for (const address of holes) yield* liar.tell({ _tag: "Response", requestId, nodeId, address })
  })
  return { node, lie }
})

/** A whisper to a node, with the lies told before anybody else can answer. */
const whisper = Effect.fnUntraced(function*(node: TestNode, id: string, lie: Effect.Effect<void>) {
  const fiber = yield* Effect.forkChild(Effect.exit(node.mesh.whisper(id, "hello")), { startImmediately: true })
  yield* TestClock.adjust("10 millis")
  yield* lie
  yield* TestClock.adjust("5 seconds")
  return yield* yield* Fiber.join(fiber)
})

describe("a search", () => {
  it.effect("finds a node though a peer answers first with addresses where nobody answers", () =>
    Effect.gen(function*() {
      const { lie, node } = yield* withLiar(3)
      const line = [yield* startNode(2, idle), yield* startNode(3, idle), yield* startNode(4, idle)]
      yield* whileTimePasses(line[0]!.mesh.connect(node.address))
      yield* whileTimePasses(line[1]!.mesh.connect(line[0]!.address))
      yield* whileTimePasses(line[2]!.mesh.connect(line[1]!.address))
      yield* TestClock.adjust("1 second")

      yield* whisper(node, line[2]!.mesh.id, lie)

      assert.deepStrictEqual(line[2]!.received.map((message) => message.text), ["hello"])
    }).pipe(Effect.provide(network), Random.withSeed("lies")))

  it.effect("says so when the answers did not lead there", () =>
    Effect.gen(function*() {
      const { lie, node } = yield* withLiar(2)

      const error = yield* Effect.flip(whisper(node, "nobody", lie))

      assert.strictEqual(error._tag, "PeerNotFound")
      assert.include(error.message, "none of 2 addresses that were answered led there within 5000 ms")
    }).pipe(Effect.provide(network), Random.withSeed("answers")))
})
