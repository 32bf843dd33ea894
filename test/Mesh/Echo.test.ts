/** What a node says back to whoever asks it: little, however much it was asked with. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const many = Array.from({ length: 2000 }, (_, i) => i)
const network = MemoryNetwork.layer({ latency: "10 millis" })

/** A node, and a peer that asks it things; what it sends back is kept. */
const asked = Effect.fnUntraced(function*(reads = true) {
  const node = yield* startNode(1, { maxOutboundLinks: 0, maxOutboxBytes: 20_000, drainTimeout: 0 })
  const peer = yield* whileTimePasses(RawPeer.dial(node, { host: "10.0.1.1", reads, methods: [] }))
  yield* peer.handshake
  yield* TestClock.adjust("1 second")
  const search = (requestId: string, i = 0) => peer.tell({ _tag: "Request", requestId, nodeId: node.mesh.id }, i)
  const ask = (number: string, name: string) =>
    peer.say(peer.make("whisper", ["ask", number, name, "1"].map(RawPeer.bytes), 0))
  return { node, peer, search, ask }
})

const answers = (peer: Effect.Success<ReturnType<typeof RawPeer.dial>>) =>
  peer.payloads().flatMap((payload) => payload._tag === "Response" ? [payload.requestId.length] : [])

describe("a search", () => {
  it.effect("is answered under an id of up to 256 characters", () =>
    Effect.gen(function*() {
      const { peer, search } = yield* asked()

      yield* search("x".repeat(257))
      yield* search("x".repeat(256))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(answers(peer), [256])
    }).pipe(Effect.provide(network), Random.withSeed("search")))

  it.effect("is not answered where the searcher takes no answers", () =>
    Effect.gen(function*() {
      const { node, search } = yield* asked(false)

      yield* Effect.forkScoped(Effect.forEach(many, (i) => search(`${i}`.padEnd(256, "x"), i), { discard: true }))
      yield* TestClock.adjust("1 second")

      const [peer] = yield* node.mesh.peers
      assert.isAtMost(peer!.queuedBytes, 11_000)
    }).pipe(Effect.provide(network), Random.withSeed("full")))
})

describe("a question that nobody answers", () => {
  it.effect("is refused in few words, however long its name is", () =>
    Effect.gen(function*() {
      const { ask, peer } = yield* asked()
      const before = peer.received.length

      yield* ask("1", "n".repeat(100_000))
      yield* TestClock.adjust("1 second")

      const [refusal] = peer.received.slice(before)
      assert.deepStrictEqual(refusal?.payload.slice(0, 3).map(text), ["answer", "1", "refused"])
      assert.isBelow(refusal?.body?.length ?? 0, 1000)
    }).pipe(Effect.provide(network), Random.withSeed("name")))

  it.effect("is not answered when its number is longer than any is", () =>
    Effect.gen(function*() {
      const { ask, peer } = yield* asked()
      const before = peer.received.length

      yield* ask("1".repeat(257), "name")
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(peer.received.slice(before), [])
    }).pipe(Effect.provide(network), Random.withSeed("number")))

  it.effect("is not refused where the asker takes no answers", () =>
    Effect.gen(function*() {
      const { ask, node } = yield* asked(false)

      yield* Effect.forkScoped(Effect.forEach(many, (i) => ask(`${i}`, "name"), { discard: true }))
      yield* TestClock.adjust("1 second")

      const [peer] = yield* node.mesh.peers
      assert.isAtMost(peer!.queuedBytes, 11_000)
    }).pipe(Effect.provide(network), Random.withSeed("refusals")))
})

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
