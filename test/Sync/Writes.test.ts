/** Writes that meet others on their way. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option, Schema } from "effect"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"
import { run, start, startPlayer, text } from "./SyncNetwork.ts"

const Point = SyncKey.make("point", Schema.Struct({ x: Schema.Int, y: Schema.optional(Schema.Int) }))
const deletion: Payload = { _tag: "SyncStore", key: "point", value: null, origin: null }
const older: Payload = { _tag: "SyncDelta", key: "point", changes: { y: 2 } }

describe("a change of a key that is deleted later", () => {
  for (const isFirst of [true, false]) {
    it(`leaves it deleted, ${isFirst ? "when it comes first" : "and when it comes last"}`, () =>
      run(`deleted ${isFirst}`, {}, (simulation) =>
        Effect.gen(function*() {
          const { a } = yield* start(simulation, ["a"], { sync: { leasing: false } })
          const one = yield* startPlayer(simulation, "one", { leasing: false, bootstrap: ["a:4444"] })
          const two = yield* startPlayer(simulation, "two", { leasing: false, bootstrap: ["a:4444"] })
          yield* a!.sync.set(Point, { x: 1 })
          yield* Effect.sleep("5 seconds")
          const notBefore = Math.ceil((yield* Clock.currentTimeMillis) / 1000) + 10
          const change = one.broadcastPayload(older)
          const remove = two.broadcastPayload(deletion, { notBefore })

          for (const write of isFirst ? [change, remove] : [remove, change]) {
            yield* write
            yield* Effect.sleep("1 second")
          }

          assert.deepStrictEqual(yield* a!.sync.get(Point), Option.none())
        })))
  }
})

describe("a write that is given up while a peer that is behind is waited for", () => {
  it("is held by its author as by those who got it", () =>
    run("given up", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b", "c"], {
          maxMessageBytes: 200_000,
          maxOutboxBytes: 400_000,
          compressFromBytes: 1_000_000,
          sync: { reconcileInterval: "1 hour" }
        })
        const { mesh, sync } = nodes["a"]!
        yield* simulation.pause("c")
        const say = (text: string) =>
          Effect.timeoutOption(mesh.broadcast([text, new Uint8Array(100_000)], { subFlag: "filler" }), "1 millis")
        for (let i = 0; Option.isSome(yield* say(String(i))); i++);

        const set = yield* Effect.timeoutOption(sync.set(text("key"), "value"), "10 millis")
        const change = yield* Effect.timeoutOption(sync.change(Point, { x: 1 }), "10 millis")
        yield* Effect.sleep("3 seconds")

        assert.deepStrictEqual([set, change], [Option.none(), Option.none()])
        for (const { sync } of [nodes["a"]!, nodes["b"]!]) {
          assert.deepStrictEqual(yield* sync.get(text("key")), Option.some("value"))
          assert.deepStrictEqual(yield* sync.get(Point), Option.some({ x: 1 }))
        }
      })))
})

describe("a write that waits for a second of its own", () => {
  const ahead = Effect.fnUntraced(function*(simulation: Simulation.Simulation) {
    const { a } = yield* start(simulation, ["a"], { sync: { leasing: false } })
    const player = yield* startPlayer(simulation, "player", { leasing: false, bootstrap: ["a:4444"] })
    yield* Effect.sleep("5 seconds")
    const time = Math.floor((yield* Clock.currentTimeMillis) / 1000) + 60
    const origin = { owner: player.id, time }
    yield* player.whisperPayload(a!.mesh.id, { _tag: "SyncStore", key: "point", value: { x: 1 }, origin })
    yield* Effect.sleep("1 second")
    assert.deepStrictEqual(yield* a!.sync.get(Point), Option.some({ x: 1 }))
    return a!.sync
  })

  it("holds up no writes of other keys", () =>
    run("other keys", {}, (simulation) =>
      Effect.gen(function*() {
        const sync = yield* ahead(simulation)
        const waiting = yield* Effect.forkScoped(sync.set(Point, { x: 2 }), { startImmediately: true })

        const done = yield* Effect.timeoutOption(sync.set(text("other"), "at once"), "1 second")

        assert.isTrue(Option.isSome(done))
        assert.isUndefined(waiting.pollUnsafe())
        yield* Fiber.join(waiting)
        assert.deepStrictEqual(yield* sync.get(Point), Option.some({ x: 2 }))
      })))

  it("comes before a change that was made after it", () =>
    run("changes", {}, (simulation) =>
      Effect.gen(function*() {
        const sync = yield* ahead(simulation)

        yield* Effect.all([sync.change(Point, { x: 2 }), sync.change(Point, { x: 1 })], { concurrency: "unbounded" })

        assert.deepStrictEqual(yield* sync.get(Point), Option.some({ x: 1 }))
      })))
})

describe("a write that waits for its second, behind one of a node whose clock is ahead", () => {
  it("comes after what that one writes meanwhile", () =>
    run("ahead", {}, (simulation) =>
      Effect.gen(function*() {
        const { a, b } = yield* start(simulation, ["a", "b"], { sync: { leasing: false } })
        yield* simulation.skew("a", "40 seconds")
        yield* a!.sync.set(text("key"), "first")
        yield* Effect.sleep("1 second")

        const writing = yield* Effect.forkScoped(b!.sync.set(text("key"), "last"), { startImmediately: true })
        yield* Effect.sleep("10 seconds")
        yield* a!.sync.set(text("key"), "meanwhile")
        const waited = writing.pollUnsafe()
        yield* Fiber.join(writing)
        yield* Effect.sleep("1 second")

        assert.isUndefined(waited)
        for (const { sync } of [a!, b!]) assert.deepStrictEqual(yield* sync.get(text("key")), Option.some("last"))
      })))
})

describe("a write behind one of a node whose clock is further ahead than copies may be, though not than broadcasts", () => {
  const cases = [["5 seconds", "1 minute", "50 seconds"], ["1 minute", "10 minutes", "5 minutes"]] as const
  for (const [copies, broadcasts, ahead] of cases) {
    for (const who of ["one that heard of it", "one that came later"] as const) {
      it(`is not undone when that time has come: ${ahead}, by ${who}`, () =>
        run(`further ahead: ${ahead}, ${who}`, {}, (simulation) =>
          Effect.gen(function*() {
            const sync = { leasing: false, maxClockSkew: copies }
            const nodes = yield* start(simulation, ["a", "b", "c"], { maxClockSkew: broadcasts, sync })
            yield* simulation.skew("a", ahead)
            if (who === "one that came later") yield* simulation.crash("c")
            yield* nodes["a"]!.sync.set(text("key"), "first")
            yield* Effect.sleep("1 second")
            if (who === "one that came later") yield* simulation.restart("c")
            yield* Effect.sleep("10 seconds")

            yield* nodes["c"]!.sync.set(text("key"), "last")
            yield* Effect.sleep("10 minutes")

            for (const { sync } of Object.values(nodes)) {
              assert.deepStrictEqual(yield* sync.get(text("key")), Option.some("last"))
            }
          })))
    }
  }
})

describe("a write of a key that somebody writes ever later", () => {
  it("waits no longer than for two of those", () =>
    run("ever later", {}, (simulation) =>
      Effect.gen(function*() {
        const { a } = yield* start(simulation, ["a"], { sync: { leasing: false } })
        const player = yield* startPlayer(simulation, "player", { leasing: false, bootstrap: ["a:4444"] })
        yield* Effect.sleep("5 seconds")
        const write = Effect.gen(function*() {
          const time = Math.floor((yield* Clock.currentTimeMillis) / 1000) + 60
          const origin = { owner: player.id, time }
          yield* player.whisperPayload(a!.mesh.id, { _tag: "SyncStore", key: "key", value: "later", origin })
        })
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(write, Effect.sleep("5 seconds"))))
        yield* Effect.sleep("1 second")

        const done = yield* Effect.timeoutOption(a!.sync.set(text("key"), "mine"), "2 minutes")

        assert.isTrue(Option.isSome(done))
      })))
})

describe("a write of a clock that was a day ahead", () => {
  for (const who of ["that of its author", "that of all"] as const) {
    it(`is in nobody's way once the clock is right: ${who}`, () =>
      run(`a day ahead: ${who}`, {}, (simulation) =>
        Effect.gen(function*() {
          const names = ["a", "b", "c"]
          const nodes = yield* start(simulation, names, { sync: { leasing: false } })
          const wrong = who === "that of all" ? names : ["a"]
          const { sync } = nodes["a"]!
          for (const name of wrong) yield* simulation.skew(name, "1 day")
          yield* sync.set(text("key"), "old")
          yield* sync.set(Point, { x: 1, y: 1 })
          yield* Effect.sleep("1 second")
          for (const name of wrong) yield* simulation.skew(name, 0)

          yield* Effect.timeout(sync.set(text("key"), "new"), "1 minute")
          yield* Effect.timeout(sync.change(Point, { y: 2 }), "1 minute")
          yield* Effect.sleep("2 minutes")

          for (const { sync } of Object.values(nodes)) {
            assert.deepStrictEqual(yield* sync.get(text("key")), Option.some("new"))
            assert.deepStrictEqual(yield* sync.get(Point), Option.some({ x: 1, y: 2 }))
          }
        })))
  }
})
