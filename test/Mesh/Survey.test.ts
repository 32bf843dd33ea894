import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Stream } from "effect"
import { Mesh } from "effect-p2p"
import { MemoryMesh, MemoryNetwork } from "effect-p2p/simulation"
import { TestClock } from "effect/testing"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const start = (options: MemoryMesh.MemoryMeshOptions) =>
  Effect.map(Layer.build(MemoryMesh.layer({ maxOutboundLinks: 0, ...options })), Context.get(Mesh))

describe("Mesh", () => {
  it.effect("tells whom its peers are linked with, as they are now", () =>
    Effect.gen(function*() {
      const [here, near] = [yield* start({ host: "here" }), yield* start({ host: "near", bootstrap: ["here:4444"] })]
      const far = yield* start({ host: "far", bootstrap: ["near:4444"] })
      yield* TestClock.adjust("3 seconds")
      yield* here.survey
      yield* TestClock.adjust("3 seconds")
      const before = yield* here.survey
      yield* near.disconnect(far.id)
      yield* TestClock.adjust("1 second")
      yield* here.survey
      yield* TestClock.adjust("3 seconds")
      yield* here.survey
      yield* TestClock.adjust("1 second")
      const after = yield* here.survey

      assert.deepStrictEqual(before, [{ id: near.id, peers: [far.id] }])
      assert.deepStrictEqual(after, [{ id: near.id, peers: [] }])
    }).pipe(Effect.provide(MemoryNetwork.layer())))

  it.effect("keeps of what a peer tells no id that is longer than ids are", () =>
    Effect.gen(function*() {
      const here = yield* start({ host: "here" })
      const peer = yield* RawPeer.dial({ mesh: here }, { host: "liar", id: "liar" })
      yield* peer.handshake
      yield* TestClock.adjust("1 second")
      const ids = [256, 257].map((length) => "x".repeat(length))
      const address = new PeerAddress({ host: "there", port: 4444 })
      yield* peer.tell({ _tag: "Peers", peers: ids.map((id) => ({ address, id })) })
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(yield* here.survey, [{ id: "liar", peers: [ids[0]!] }])
    }).pipe(Effect.provide(MemoryNetwork.layer())))

  it.effect("gives its peers again for what changed while they were looked at", () =>
    Effect.gen(function*() {
      const here = yield* start({ host: "here" })
      const near = yield* start({ host: "near" })

      const seen = yield* here.changes.pipe(
        Stream.tap((peers) =>
          peers.length > 0 ? Effect.void : Effect.andThen(near.connect(here.address), Effect.sleep("1 second"))
        ),
        Stream.take(2),
        Stream.runCollect,
        Effect.timeoutOption("5 seconds"),
        Effect.forkScoped
      )
      yield* TestClock.adjust("10 seconds")

      assert.deepStrictEqual(
        Option.map(yield* Fiber.join(seen), (all) => all.map((peers) => peers.map(({ id }) => id))),
        Option.some([[], [near.id]])
      )
    }).pipe(Effect.provide(MemoryNetwork.layer())))

  it.effect("dials where others were told to be, when it lacks links, and not where it cannot", () =>
    Effect.gen(function*() {
      const host = yield* start({ host: "host" })
      const guest = yield* start({ host: "guest", maxOutboundLinks: 1 })
      const learned = yield* guest.learn([host.address, host.address, guest.address])
      yield* TestClock.adjust("6 seconds")

      assert.strictEqual(learned, 1)
      assert.deepStrictEqual((yield* guest.peers).map(({ id }) => id), [host.id])
    }).pipe(Effect.provide(MemoryNetwork.layer())))
})
