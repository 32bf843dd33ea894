import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import type { MeshOptions } from "../../src/Mesh/MeshConfig.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })

const left = (node: TestNode) => node.events.flatMap((event) => event._tag === "PeerLeft" ? [event.reason._tag] : [])

/** A node with a peer that is played, and a long message of that peer's, to be sent slow line. */
const withPeer = Effect.fnUntraced(function*(options: Partial<MeshOptions> = {}) {
  const node = yield* startNode(1, { maxOutboundLinks: 0, ...options })
  const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1", methods: ["effect-p2p:1:7"] }))
  yield* peer.handshake
  yield* TestClock.adjust("1 second")
  const payload = peer.protocol.encodePayload({ _tag: "UserWhisper", packets: [new Uint8Array(500_000)] })
  return { node, peer, message: frame(peer.protocol.encode(peer.make("whisper", payload, 0))) }
})

describe("a peer whose message takes long", () => {
  it.effect("is not taken for dead while its bytes come", () =>
    Effect.gen(function*() {
      const { message, node, peer } = yield* withPeer()

      for (let from = 0; from < message.length; from += 9000) {
        yield* peer.write(message.slice(from, from + 9000))
        yield* TestClock.adjust("1 second")
      }

      assert.deepStrictEqual([left(node), node.received.length], [[], 1])
      // The pings of one that sends as long as this wait behind its message: it has to hear of the node by others.
      assert.isAtLeast(peer.received.filter((message) => message.type === "ping").length, 3)
    }).pipe(Effect.provide(network), Random.withSeed("slow line")))

  it.effect("is taken for dead when no more bytes come, sooner than its message is overdue", () =>
    Effect.gen(function*() {
      const { message, node, peer } = yield* withPeer()

      yield* peer.write(message.slice(0, 9000))
      yield* TestClock.adjust("58 seconds")

      assert.deepStrictEqual(left(node), ["Unresponsive"])
    }).pipe(Effect.provide(network), Random.withSeed("broken off")))

  it.effect("is given up when its message is overdue, however seldom silent peers are pinged", () =>
    Effect.gen(function*() {
      const { message, node, peer } = yield* withPeer({ pingInterval: "1 hour", frameTimeout: "30 seconds" })

      yield* peer.write(message.slice(0, 9000))
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(left(node), [])
      yield* TestClock.adjust("5 seconds")

      assert.deepStrictEqual(left(node), ["FrameTimeout"])
    }).pipe(Effect.provide(network), Random.withSeed("overdue")))
})
