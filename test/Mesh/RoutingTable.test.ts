import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const text = (value: string) => [Uint8Array.of(0), RawPeer.bytes(value)]

describe("a second link to the same node", () => {
  const at = (port: number) => new PeerAddress({ host: "10.0.1.1", port })
  const dialTwice = Effect.gen(function*() {
    const node = yield* startNode(1)
    const dial = (order: number) =>
      whileTimePasses(
        RawPeer.dial(node, {
          host: "10.0.1.1",
          id: "same",
          address: at(order),
          methods: [`effect-p2p:1:${order}`, `effect-p2p:at:ws://10.0.1.1:${order}`]
        })
      )
    const [first, second] = [yield* dial(1), yield* dial(2)]
    yield* first.handshake
    yield* TestClock.adjust("1 second")
    yield* second.handshake
    yield* TestClock.adjust("100 millis")
    return { node, first, second }
  })

  it.effect("takes the place of the older one within seconds when that does not answer any more", () =>
    Effect.gen(function*() {
      const { first, node, second } = yield* dialTwice
      assert.isTrue(first.received.some((message) => message.type === "ping"))
      yield* second.say(second.make("broadcast", text("over the second"), 2))
      yield* TestClock.adjust("6 seconds")

      assert.isTrue(first.ended()._tag === "Some" && second.ended()._tag === "None")
      assert.deepStrictEqual((yield* node.mesh.peers)[0]?.address, at(2))
      assert.deepStrictEqual(node.events.map((event) => event._tag), ["PeerJoined"])
      assert.deepStrictEqual(node.received.map((message) => message.text), ["over the second"])
      yield* node.mesh.whisper("same", "to the newer")
      yield* TestClock.adjust("1 second")
      assert.isTrue(second.payloads().some((payload) => payload._tag === "UserWhisper"))
    }).pipe(Effect.provide(network), Random.withSeed("newer")))

  it.effect("takes its place at once when that ends", () =>
    Effect.gen(function*() {
      const { first, node, second } = yield* dialTwice
      assert.deepStrictEqual((yield* node.mesh.peers)[0]?.address, at(1))
      yield* first.write(Uint8Array.of(255, 255, 255, 255))
      yield* TestClock.adjust("100 millis")
      yield* node.mesh.whisper("same", "to the newer")
      yield* TestClock.adjust("1 second")

      assert.isTrue(second.payloads().some((payload) => payload._tag === "UserWhisper"))
      assert.deepStrictEqual(node.events.map((event) => event._tag), ["PeerJoined"])
      const other = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.2", methods: ["effect-p2p:1:7"] }))
      yield* other.handshake
      yield* TestClock.adjust("100 millis")
      const listed = other.payloads().flatMap((says) => says._tag === "Peers" ? says.peers : [])
      assert.deepStrictEqual(listed.map(({ address }) => String(address)).sort(), ["10.0.1.1:2", "ws://10.0.1.1:2"])
    }).pipe(Effect.provide(network), Random.withSeed("ended")))

  it.effect("is closed when the older one answers, whatever number it has, and a third one at once", () =>
    Effect.gen(function*() {
      const { first, node, second } = yield* dialTwice
      const third = yield* whileTimePasses(
        RawPeer.dial(node, { host: "10.0.1.1", id: "same", methods: ["effect-p2p:1:3"] })
      )
      yield* third.handshake
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(third.ended()._tag, "Some")
      yield* first.tell({ _tag: "RequestPeers" })
      yield* TestClock.adjust("20 seconds")

      assert.isTrue(first.ended()._tag === "None" && second.ended()._tag === "Some")
      assert.deepStrictEqual((yield* node.mesh.peers).length, 1)
    }).pipe(Effect.provide(network), Random.withSeed("answers")))

  it.effect("of an original node is read, not written to, and takes over when the first goes", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      const first = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1", id: "same" }))
      yield* first.handshake
      yield* TestClock.adjust("1 second")
      yield* Effect.scoped(Effect.gen(function*() {
        const second = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1", id: "same" }))
        yield* second.handshake
        yield* TestClock.adjust("1 second")

        yield* second.say(second.make("broadcast", text("over the second"), 2))
        yield* node.mesh.whisper("same", "over the first")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(node.received.map((message) => message.text), ["over the second"])
        assert.isTrue(first.payloads().some((payload) => payload._tag === "UserWhisper"))
        assert.isFalse(second.payloads().some((payload) => payload._tag === "UserWhisper"))

        yield* first.write(Uint8Array.of(255, 255, 255, 255))
        yield* TestClock.adjust("1 second")
        assert.isTrue(first.ended()._tag === "Some")
        yield* node.mesh.whisper("same", "over the second")
        yield* TestClock.adjust("1 second")
        assert.isTrue(second.payloads().some((payload) => payload._tag === "UserWhisper"))
        assert.deepStrictEqual(node.events.map((event) => event._tag), ["PeerJoined"])
      }))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(node.events.map((event) => event._tag), ["PeerJoined", "PeerLeft", "DialFailed"])
    }).pipe(Effect.provide(network), Random.withSeed("spare")))
})

describe("a handshake on a live link", () => {
  it.effect("cannot change who is at the other end", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1", id: "first" }))
      yield* peer.handshake
      yield* TestClock.adjust("1 second")

      yield* peer.tell({
        _tag: "Handshake",
        nodeId: "second",
        networkId: node.mesh.networkId,
        address: null,
        methods: []
      })
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual((yield* node.mesh.peers).map((other) => other.id), ["first"])
    }).pipe(Effect.provide(network), Random.withSeed("second handshake")))
})
