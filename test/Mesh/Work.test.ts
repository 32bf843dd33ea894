/** What messages cost a node that are cheap to send: packed ones, and those with wrong signatures. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Random } from "effect"
import { TestClock } from "effect/testing"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeSigning from "../../src/Layers/NodeSigning.ts"
import * as WireVersion from "../../src/Layers/WireVersion.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../src/Mesh/MeshConfig.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as Signature from "../../src/Protocol/Signature.ts"
import { Signing } from "../../src/Protocol/Signing.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import * as NodeIdentity from "../../src/Transport/NodeIdentity.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = Layer.merge(MemoryNetwork.layer({ latency: "10 millis" }), Logger.layer([]))

/** A node that packs and unpacks, on 203.0.113.1. */
const startPacking = Effect.gen(function*() {
  const host = "203.0.113.1"
  const layer = Mesh.layer.pipe(Layer.provide([
    MeshConfig.layer({
      listen: new PeerAddress({ host, port: 4444 }),
      maxOutboundLinks: 0,
      maxMessagesPerSecond: 1000
    }),
    WireVersion.layer("0.4").pipe(Layer.provide([Hashing.layerFast, NodeCompression.layer])),
    MemoryNetwork.transport(host)
  ]))
  return Context.get(yield* Layer.build(Layer.fresh(layer)), Mesh)
})

const join = Effect.fnUntraced(function*(node: Pick<TestNode, "mesh">) {
  const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1" }))
  yield* peer.handshake
  yield* TestClock.adjust("1 second")
  return peer
})

/** Has a peer whisper 200 times 64 KiB at once. */
const whisper = (peer: Effect.Success<ReturnType<typeof RawPeer.dial>>, pack: (body: Uint8Array) => Uint8Array) => {
  const frames = Array.from({ length: 200 }, (_, i) => {
    const packet = new Uint8Array(65_536).fill(i)
    const payload = peer.protocol.encodePayload({ _tag: "UserWhisper", packets: [packet] })
    return frame(pack(peer.protocol.encode(peer.make("whisper", payload, i))))
  })
  return Effect.forkScoped(Effect.forEach(frames, peer.write, { discard: true }))
}

describe("messages that are dear to take", () => {
  for (const type of ["ping", "pong"] as const) {
    it.effect(`are read later, where they are ${type}s without end`, () =>
      Effect.gen(function*() {
        const mesh = yield* startPacking
        const peer = yield* join({ mesh })
        const { receivedBytes } = yield* mesh.stats
        const tag = type === "ping" ? "Ping" : "Pong"
        const payload = peer.protocol.encodePayload({ _tag: tag, packets: [RawPeer.bytes("x")] })
        const some = new Uint8Array(
          Buffer.concat(Array.from({ length: 500 }, () => frame(peer.protocol.encode(peer.make(type, payload, 0)))))
        )
        yield* Effect.forkScoped(Effect.forEach(Array.from({ length: 100 }), () => peer.write(some), { discard: true }))
        yield* TestClock.adjust("1 second")
        const early = yield* mesh.stats

        assert.isAbove(early.throttled, 0)
        assert.isBelow(early.receivedBytes - receivedBytes, 30 * some.length)
        yield* TestClock.adjust("60 seconds")
        assert.strictEqual((yield* mesh.stats).receivedBytes - receivedBytes, 100 * some.length)
      }).pipe(Effect.provide(network), Random.withSeed(type)))
  }

  it.effect("are read later, where much comes out of them, and none is lost", () =>
    Effect.gen(function*() {
      const mesh = yield* startPacking
      const peer = yield* join({ mesh })

      yield* whisper(peer, NodeCompression.zlibMethod.compress)
      yield* TestClock.adjust("100 millis")
      const early = yield* mesh.stats
      yield* TestClock.adjust("10 seconds")

      // Each is the work of nine messages, and there may be a thousand a second.
      assert.isAbove(early.throttled, 0)
      assert.isBelow(early.received, 150)
      assert.strictEqual((yield* mesh.stats).delivered, 200)
    }).pipe(Effect.provide(network), Random.withSeed("packed")))

  it.effect("are not large ones that come as they are", () =>
    Effect.gen(function*() {
      const mesh = yield* startPacking
      const peer = yield* join({ mesh })

      yield* whisper(peer, (body) => body)
      yield* TestClock.adjust("1 second")

      const { delivered, throttled } = yield* mesh.stats
      assert.deepStrictEqual([delivered, throttled], [200, 0])
    }).pipe(Effect.provide(network), Random.withSeed("plain")))
})

/** A node that checks signatures, and a peer that sends wrong ones by a right key. */
const withForger = Effect.gen(function*() {
  const node = yield* startNode(1, { maxOutboundLinks: 0, maxMessagesPerSecond: 1000 }).pipe(
    Effect.provideService(Signing, NodeSigning.make(undefined, false))
  )
  const identity = yield* NodeIdentity.generate
  const peer = yield* join(node)
  const id = peer.protocol.identityId(identity.publicKey, node.mesh.networkId)
  const signature = Signature.toPacket({ publicKey: identity.publicKey, nonce: "n", signature: new Uint8Array(64) })
  const forge = (type: "waterfall" | "whisper", i: number) =>
    peer.say(peer.make(type, [Uint8Array.of(type === "whisper" ? 2 : 0), RawPeer.bytes(`${i}`), signature], 1, id))
  return { node, forge }
})

describe("a message with a wrong signature", () => {
  it.effect("costs its sender the work of checking it, and whoever passed it on no more", () =>
    Effect.gen(function*() {
      const { forge, node } = yield* withForger

      for (let i = 0; i < 200; i++) yield* forge("waterfall", i)
      yield* TestClock.adjust("5 seconds")

      const stats = yield* node.mesh.stats
      assert.strictEqual(stats.unproven, 200)
      assert.isAbove(stats.throttled, 0)
      assert.strictEqual(stats.bans, 0)
    }).pipe(Effect.provide(network), Random.withSeed("passed on")))

  it.effect("that is whispered gets its sender banned", () =>
    Effect.gen(function*() {
      const { forge, node } = yield* withForger

      for (let i = 0; i < 100; i++) yield* forge("whisper", i)
      yield* TestClock.adjust("1 second")

      const stats = yield* node.mesh.stats
      assert.deepStrictEqual([stats.banned, stats.bans, stats.peers], [1, 1, 0])
      // The rest was not even checked.
      assert.strictEqual(stats.unproven, 10)
    }).pipe(Effect.provide(network), Random.withSeed("whispered")))
})
