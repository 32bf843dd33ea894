/** What a node tells of values that it refuses, which strangers send as they like. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Topic from "../../src/Mesh/Topic.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const Numbers = Topic.make("numbers", Schema.Struct({ n: Schema.Number }))

/** A node and a peer that is linked with it. */
const linked = Effect.gen(function*() {
  const node = yield* startNode(1, { maxOutboundLinks: 0 })
  const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
  yield* peer.handshake
  yield* TestClock.adjust("1 second")
  return { node, peer }
})

/** A node that reads a topic, and a peer that sends it values of another kind, all at once. */
const withRefused = Effect.gen(function*() {
  const { node, peer } = yield* linked
  yield* Effect.forkScoped(Stream.runDrain(node.mesh.subscribe(Numbers)), { startImmediately: true })
  const send = (count: number, value: (index: number) => string, sender: string) => {
    const frames = Array.from({ length: count }, (_, i) =>
      frame(peer.protocol.encode(
        peer.make("waterfall", ["topic", "numbers", JSON.stringify({ n: value(i) })].map(RawPeer.bytes), 1, sender)
      )))
    return Effect.forkScoped(peer.write(new Uint8Array(Buffer.concat(frames))))
  }
  return { node, peer, send }
})

describe("refused values", () => {
  it.effect("are told ever more rarely, and in few words", () =>
    Effect.gen(function*() {
      const { node, send } = yield* withRefused

      yield* send(5, (i) => `${i}`.padEnd(10_000, "x"), "s".repeat(10_000))
      yield* TestClock.adjust("1 second")

      const refused = node.events.flatMap((event) => event._tag === "ValueRefused" ? [event] : [])
      assert.deepStrictEqual(refused.map(({ count }) => count), [1, 2, 4])
      for (const { detail, sender } of refused) assert.isAtMost(Math.max(detail.length, sender.length), 256)
    }).pipe(Effect.provide(network), Random.withSeed("few words")))

  it.effect("do not keep a reader of `changes` from what came before them", () =>
    Effect.gen(function*() {
      const { node, peer, send } = yield* withRefused
      const leaving = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.2", id: "leaving" }))
      yield* leaving.handshake
      yield* TestClock.adjust("1 second")
      const seen: Array<ReadonlyArray<string>> = []
      // While it looks at the first list, all the rest happens.
      yield* Stream.runForEach(node.mesh.changes, (peers) =>
        Effect.andThen(Effect.sync(() => seen.push(peers.map(({ id }) => id))), Effect.sleep("1 second"))).pipe(
          Effect.forkScoped({ startImmediately: true })
        )

      assert.isTrue(yield* node.mesh.disconnect("leaving"))
      yield* send(3000, (i) =>
        `${i}`, "raw")
      yield* TestClock.adjust("10 seconds")

      assert.deepStrictEqual(seen.at(-1), [peer.id])
    }).pipe(Effect.provide(network), Random.withSeed("changes")))

  it.effect("are counted anew once nobody reads the topic any more: nothing of it is left", () =>
    Effect.gen(function*() {
      const { node, peer } = yield* linked
      for (let time = 1; time < 4; time++) {
        const reading = yield* Effect.forkScoped(Stream.runDrain(node.mesh.subscribe(Numbers)), {
          startImmediately: true
        })
        yield* peer.say(peer.make("waterfall", ["topic", "numbers", "{}"].map(RawPeer.bytes), time))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(reading)
      }

      const refused = node.events.flatMap((event) => event._tag === "ValueRefused" ? [event.count] : [])
      assert.deepStrictEqual(refused, [1, 1, 1])
    }).pipe(Effect.provide(network), Random.withSeed("anew")))
})
