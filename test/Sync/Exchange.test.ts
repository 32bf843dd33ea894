/** What nodes of the shared dictionary send each other when they compare what they hold. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemorySync from "../../src/Layers/MemorySync.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"
import { run, start, startPlayer, text } from "./SyncNetwork.ts"

/** What a player is sent. */
const listen = Effect.fnUntraced(function*(mesh: Mesh["Service"]) {
  const got = { copies: 0, asked: 0, answers: 0 }
  yield* mesh.handle("sync", () => Effect.sync(() => void got.copies++))
  yield* mesh.handle("sync-digest", ({ packets }) =>
    Effect.sync(() => {
      if (packets[1]?.[0] === 1) got.asked++
      else got.answers++
    }))
  yield* Effect.sleep("5 seconds")
  return got
})

const wrong = new Uint8Array(256).fill(7)

describe("Exchange", () => {
  it("answers a peer that asks once a second, and takes one answer for each time it asked", () =>
    run("answers", {}, (simulation) =>
      Effect.gen(function*() {
        const { a } = yield* start(simulation, ["a"])
        for (let i = 0; i < 20; i++) yield* a!.sync.set(text(`key ${i}`), "value")
        const mesh = yield* startPlayer(simulation, "player", { bootstrap: ["a:4444"] })
        const got = yield* listen(mesh)
        const say = (...verb: ReadonlyArray<Uint8Array>) =>
          Effect.repeat(mesh.whisper(a!.mesh.id, [wrong, ...verb], { subFlag: "sync-digest" }), { times: 49 }).pipe(
            Effect.andThen(Effect.sleep("500 millis")),
            Effect.map(() => got.copies)
          )

        assert.strictEqual(yield* say(Uint8Array.of(0)), 0)
        assert.strictEqual(yield* say(), 0)
        assert.strictEqual(yield* say(Uint8Array.of(1)), 20)
        assert.strictEqual(got.answers, 1)
        while (got.asked === 0) yield* Effect.sleep("1 second")
        assert.strictEqual(yield* say(Uint8Array.of(0)), 40)
        assert.strictEqual(yield* say(), 40)
      })))
})

describe("greeting", () => {
  it.effect("a newcomer that does not read holds up no other", () =>
    Effect.gen(function*() {
      const layer = MemorySync.layerTransport({ host: "a", maxOutboxBytes: 64 * 1024 })
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Layer.provide(layer, MemoryNetwork.transport("a")), scope)
      const [sync, node] = [Context.get(context, Sync), { mesh: Context.get(context, Mesh) }]
      for (let i = 0; i < 40; i++) yield* sync.set(text(`key ${i}`), "x".repeat(50_000))
      const join = Effect.fnUntraced(function*(host: string, reads: boolean) {
        const peer = yield* whileTimePasses(RawPeer.dial(node, { host, id: host, reads }))
        yield* peer.handshake
        yield* TestClock.adjust("2 seconds")
        return peer
      })

      yield* join("mute", false)
      const reader = yield* join("reader", true)

      assert.lengthOf(reader.payloads().filter((says) => says._tag === "SyncStore"), 40)
      yield* whileTimePasses(Scope.close(scope, Exit.void))
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" }))))
})
