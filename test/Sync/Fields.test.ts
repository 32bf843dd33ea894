/** Changes of fields that reach nodes before the map does, on whole nodes, over both wire versions. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Option, Schema } from "effect"
import * as MemorySync from "../../src/Layers/MemorySync.ts"
import { wireVersions } from "../../src/Layers/WireVersion.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"
import { type Node, run, start, startPlayer } from "./SyncNetwork.ts"

const Doc = SyncKey.make(
  "doc",
  Schema.Struct({
    alpha: Schema.optional(Schema.Int),
    beta: Schema.optional(Schema.Int),
    gamma: Schema.optional(Schema.Int)
  })
)
const docsAt = (nodes: ReadonlyArray<Node>) =>
  Effect.forEach(nodes, ({ sync }) => Effect.map(sync.get(Doc), Option.getOrUndefined))

describe.each(wireVersions)("changes of fields over wire version %s", (protocol) => {
  // Between the link, the change and the copies: which comes first differs.
  it.each([20, 60, 80, 100, 200])(
    "erase nothing where a newcomer hears of them first (%s ms)",
    (millis) =>
      run("newcomer", {}, (simulation) =>
        Effect.gen(function*() {
          const options = { protocol, sync: { leasing: false } }
          const nodes = yield* start(simulation, ["a", "b"], options)
          yield* nodes["a"]!.sync.set(Doc, { alpha: 1 })
          yield* Effect.sleep("5 seconds")

          const newcomer = MemorySync.layerTransport({ ...options, host: "c", bootstrap: ["a:4444", "b:4444"] })
          const context = yield* simulation.start("c", newcomer)
          yield* Effect.sleep(millis)
          yield* nodes["a"]!.sync.change(Doc, { beta: 2 })
          yield* Effect.sleep("2 minutes")

          const c: Node = { sync: Context.get(context, Sync), mesh: Context.get(context, Mesh) }
          const doc = { alpha: 1, beta: 2 }
          assert.deepStrictEqual(yield* docsAt([...Object.values(nodes), c]), [doc, doc, doc])
        }))
  )

  it("and keys may have any name, those of what objects inherit among them", () =>
    run("names", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b"], { protocol, sync: { leasing: false } })
        const names = ["__proto__", "constructor", "toString", "1", "-0", ""]
        const Names = (name: string) => SyncKey.make(name, Schema.Record(Schema.String, Schema.Json))
        const fields = (value: Schema.Json) => Object.fromEntries(names.map((name) => [name, value]))

        const assertHeld = Effect.fnUntraced(function*(expected: Schema.Json) {
          // Before nodes compare what they hold: that would make up for writes that were not read.
          yield* Effect.sleep("1 second")
          for (const { sync } of Object.values(nodes)) {
            for (const name of names) {
              const value = Option.getOrUndefined(yield* sync.get(Names(name)))
              assert.strictEqual(JSON.stringify(value), JSON.stringify(expected), name)
            }
          }
        })

        for (const name of names) yield* nodes["a"]!.sync.set(Names(name), fields({ set: fields(1) }))
        yield* assertHeld(fields({ set: fields(1) }))
        for (const name of names) yield* nodes["b"]!.sync.change(Names(name), fields({ changed: fields(2) }))
        yield* assertHeld(fields({ changed: fields(2) }))
      })))

  for (const leasing of [true, false]) {
    it(`keep what the write that they overtook sets, leasing ${leasing}`, () =>
      run("overtaken", {}, (simulation) =>
        Effect.gen(function*() {
          const nodes = yield* start(simulation, ["a", "b"], { protocol, sync: { leasing } })
          const player = yield* startPlayer(simulation, "player", { protocol, leasing, bootstrap: ["a:4444"] })
          yield* Effect.sleep("5 seconds")
          const notBefore = Math.floor((yield* Clock.currentTimeMillis) / 1000) + 5

          yield* player.broadcastPayload({ _tag: "SyncDelta", key: "doc", changes: { beta: 2 } }, { notBefore })
          yield* player.broadcastPayload({ _tag: "SyncStore", key: "doc", value: { alpha: 1, beta: 1 }, origin: null })
          yield* Effect.sleep("1 second")

          const doc = { alpha: 1, beta: 2 }
          assert.deepStrictEqual(yield* docsAt(Object.values(nodes)), [doc, doc])
        })))
  }

  it("of both sides of a partition stay, but what a side set whole stands for what it left out", () =>
    run("sides", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b", "c", "d"], { protocol, sync: { leasing: false } })
        yield* nodes["a"]!.sync.set(Doc, { alpha: 1 })
        yield* Effect.sleep("5 seconds")
        const { a, c, d } = nodes
        const partAndMeet = Effect.fnUntraced(function*<E>(sides: Effect.Effect<void, E>) {
          yield* simulation.network.partition([["a", "b"], ["c", "d"]])
          yield* sides
          yield* Effect.sleep("5 minutes")
          yield* simulation.network.heal
          yield* Effect.sleep("3 minutes")
          return yield* docsAt(Object.values(nodes))
        })

        const both = yield* partAndMeet(
          Effect.andThen(a!.sync.change(Doc, { beta: 2 }), d!.sync.change(Doc, { gamma: 3 }))
        )
        const set = yield* partAndMeet(Effect.gen(function*() {
          yield* d!.sync.change(Doc, { gamma: 4 })
          yield* Effect.sleep("5 seconds")
          yield* a!.sync.set(Doc, { alpha: 5 })
          yield* Effect.sleep("5 seconds")
          yield* c!.sync.change(Doc, { beta: 6 })
        }))

        assert.deepStrictEqual(both, Object.keys(nodes).map(() => ({ alpha: 1, beta: 2, gamma: 3 })))
        assert.deepStrictEqual(set, Object.keys(nodes).map(() => ({ alpha: 5, beta: 6 })))
      })))
})
