/** The shared dictionary on whole nodes, over both wire versions, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Option, Schema, Stream } from "effect"
import * as MemorySync from "../../src/Layers/MemorySync.ts"
import * as Faults from "../../src/Layers/Simulation/Faults.ts"
import { wireVersions } from "../../src/Layers/WireVersion.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"
import { type Node, run, start, text } from "./SyncNetwork.ts"

const Profile = SyncKey.make(
  "profile",
  Schema.Struct({
    name: Schema.String,
    age: Schema.optional(Schema.Int),
    tags: Schema.optional(Schema.Array(Schema.String))
  })
)
const valueAt = (node: Node, key: string) => Effect.map(node.sync.read(key), Option.getOrUndefined)
const valuesAt = (nodes: Readonly<Record<string, Node>>, key: string) =>
  Effect.forEach(Object.values(nodes), (node) => Effect.map(valueAt(node, key), (entry) => entry?.value))
/** All that a node holds, for comparison. */
const all = (node: Node) =>
  Effect.map(
    node.sync.entries,
    (entries) => entries.map(({ key, owner, time, value }) => JSON.stringify([key, owner, time, value])).sort()
  )
const assertAgree = (nodes: Readonly<Record<string, Node>>) =>
  Effect.gen(function*() {
    const [first, ...others] = yield* Effect.forEach(Object.values(nodes), all)
    for (const other of others) assert.deepStrictEqual(other, first)
    return first!
  })

describe.each(wireVersions)("Sync over wire version %s", (protocol) => {
  it("gives every node what one of them set, changed or deleted, with types, and tells of it", () =>
    run("basics", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b", "c"], { protocol })
        const told = yield* Effect.forkScoped(
          nodes["c"]!.sync.updates.pipe(Stream.take(4), Stream.map(({ key, value }) => [key, value]), Stream.runCollect)
        )
        yield* Effect.yieldNow
        yield* nodes["a"]!.sync.set(Profile, { name: "Ada", age: 36 })
        yield* Effect.sleep("1 second")
        yield* nodes["a"]!.sync.change(Profile, { age: 37, tags: ["x"] })
        yield* nodes["b"]!.sync.set(text("motd"), "hi")
        yield* Effect.sleep("1 second")
        yield* nodes["b"]!.sync.delete("motd")
        yield* Effect.sleep("1 second")

        for (const node of Object.values(nodes)) {
          assert.deepStrictEqual(yield* node.sync.get(Profile), Option.some({ name: "Ada", age: 37, tags: ["x"] }))
          assert.deepStrictEqual(yield* node.sync.get(text("motd")), Option.none())
        }
        assert.deepStrictEqual(
          (yield* Fiber.join(told)).map(([key]) => key),
          ["profile", "profile", "motd", "motd"]
        )
        assert.strictEqual((yield* valueAt(nodes["c"]!, "profile"))?.owner, nodes["a"]!.mesh.id)
      })))

  it("gives a key's value again for what changed while it was looked at", () =>
    run("watch", {}, (simulation) =>
      Effect.gen(function*() {
        const { a } = yield* start(simulation, ["a"], { protocol })
        const write = yield* Effect.cached(a!.sync.set(text("motd"), "hi"))

        const seen = yield* a!.sync.watch(text("motd")).pipe(
          Stream.tap(() => write),
          Stream.take(2),
          Stream.runCollect,
          Effect.timeoutOption("5 seconds")
        )

        assert.deepStrictEqual(seen, Option.some([Option.none(), Option.some("hi")]))
      })))

  it("keeps the last changes for readers that are slow, and all for the others", () =>
    run("slow readers", {}, (simulation) =>
      Effect.gen(function*() {
        const { a } = yield* start(simulation, ["a"], { protocol })
        const { set, updates, watch } = a!.sync
        const read = <A>(stream: Stream.Stream<A>, wait: Effect.Effect<void>) => {
          const seen: Array<A> = []
          const each = (item: A) => Effect.andThen(Effect.sync(() => void seen.push(item)), wait)
          return Effect.as(Effect.forkScoped(Stream.runForEach(stream, each), { startImmediately: true }), seen)
        }
        const motd = text("motd")
        const stuck = yield* read(updates, Effect.never)
        const slow = yield* read(updates, Effect.sleep("1 second"))
        const quick = yield* read(updates, Effect.void)
        const watched = yield* read(watch(motd), Effect.sleep("1 second"))

        yield* set(motd, "first")
        yield* Effect.sleep("1 second")
        for (let i = 0; i < 30; i++) yield* set(motd, `motd ${i}`)
        for (let i = 0; i < 1500; i++) {
          yield* set(text(`key ${i}`), "")
          yield* Effect.yieldNow
        }
        yield* Effect.sleep("1 hour")

        assert.lengthOf(stuck, 1)
        assert.strictEqual(slow.at(-1)?.key, "key 1499")
        assert.lengthOf(quick, 1531)
        assert.deepStrictEqual(watched.at(-1), Option.some("motd 29"))
      })))

  it("tells a newcomer all, and the value when it is not of the schema", () =>
    run("newcomer", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b"], { protocol })
        for (let i = 0; i < 50; i++) yield* nodes["a"]!.sync.set(text(`key ${i}`), `value ${i}`)
        yield* nodes["a"]!.sync.delete("key 0")
        const context = yield* simulation.start(
          "c",
          MemorySync.layerTransport({ protocol, host: "c", bootstrap: ["b:4444"] })
        )
        yield* Effect.sleep("5 seconds")

        const late: Node = { sync: Context.get(context, Sync), mesh: Context.get(context, Mesh) }
        assert.lengthOf(yield* assertAgree({ ...nodes, late }), 49)
        const error = yield* Effect.flip(late.sync.get(SyncKey.make("key 1", Schema.Int)))
        assert.strictEqual(error._tag, "SchemaError")
      })))

  it("leaves a key to who leased it, until an hour after its last write", () =>
    run("lease", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b"], { protocol })
        yield* nodes["a"]!.sync.set(text("k"), "a's")
        yield* Effect.sleep("2 seconds")
        const refused = yield* Effect.flip(nodes["b"]!.sync.set(text("k"), "b's"))
        const alsoRefused = yield* Effect.flip(nodes["b"]!.sync.delete("k"))
        yield* Effect.sleep("50 minutes")
        yield* nodes["a"]!.sync.set(text("k"), "a's again")
        yield* Effect.sleep("50 minutes")
        assert.strictEqual((yield* Effect.flip(nodes["b"]!.sync.set(text("k"), "b's")))._tag, "LeaseHeld")
        yield* Effect.sleep("11 minutes")

        yield* nodes["b"]!.sync.set(text("k"), "b's")
        yield* Effect.sleep("1 second")

        assert.strictEqual(alsoRefused._tag, "LeaseHeld")
        assert.deepInclude(refused, { _tag: "LeaseHeld", key: "k", owner: nodes["a"]!.mesh.id })
        assert.match(refused.message, /belongs to .*leasing: false.*identity/)
        assert.deepStrictEqual(yield* valuesAt(nodes, "k"), ["b's", "b's"])
      })))

  it("without leases keeps what was written last, also by one node many times in a second", () =>
    run("last", {}, (simulation) =>
      Effect.gen(function*() {
        const nodes = yield* start(simulation, ["a", "b", "c"], { protocol, sync: { leasing: false } })
        yield* nodes["a"]!.sync.set(text("k"), "first")
        yield* Effect.sleep("2 seconds")
        yield* nodes["b"]!.sync.set(text("k"), "second")
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(yield* valuesAt(nodes, "k"), ["second", "second", "second"])

        for (let i = 0; i < 15; i++) yield* nodes["c"]!.sync.set(text("k"), `c${i}`)
        yield* Effect.sleep("1 second")

        assert.deepStrictEqual(yield* valuesAt(nodes, "k"), ["c14", "c14", "c14"])
        // Written by clocks that differ by up to as much, the later write still is the later one.
        yield* nodes["a"]!.sync.set(text("k"), "a at once")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(yield* valuesAt(nodes, "k"), ["a at once", "a at once", "a at once"])
      })))

  it("refuses what is over its limits, own and others'", () =>
    run("limits", {}, (simulation) =>
      Effect.gen(function*() {
        const sync = { leasing: false, maxEntries: 2, maxKeyBytes: 4, maxValueBytes: 20 }
        const nodes = yield* start(simulation, ["small"], { protocol, sync })
        const large = yield* simulation.start(
          "large",
          MemorySync.layerTransport({ protocol, host: "large", bootstrap: ["small:4444"], sync: { leasing: false } })
        )
        yield* Effect.sleep("5 seconds")
        const small = nodes["small"]!.sync
        const tags = [
          yield* Effect.flip(small.set(text("longer"), "")),
          yield* Effect.flip(small.set(text("é€"), "")),
          yield* Effect.flip(small.set(text("k"), "x".repeat(20)))
        ].map((error) => error._tag)
        for (const key of ["a", "b", "c", "longer"]) yield* Context.get(large, Sync).set(text(key), "v")
        yield* Effect.sleep("2 minutes")

        assert.deepStrictEqual(tags, ["EntryTooLarge", "EntryTooLarge", "EntryTooLarge"])
        const deep = Schema.decodeUnknownSync(Schema.Json)(JSON.parse(`${"[".repeat(33)}${"]".repeat(33)}`))
        const json = SyncKey.make("j", Schema.Json)
        assert.strictEqual((yield* Effect.flip(small.set(json, [deep])))._tag, "EntryTooDeep")
        assert.lengthOf(yield* small.entries, 2)
        assert.strictEqual((yield* Effect.flip(small.set(text("d"), "")))._tag, "SyncFull")
        const inText = SyncKey.make("t", Schema.fromJsonString(Schema.Struct({ x: Schema.Int })))
        assert.strictEqual((yield* Effect.flip(small.change(inText, { x: 1 })))._tag, "NotAMap")
      })))

  for (const leasing of [true, false]) {
    it(`agrees again after a partition in which both sides wrote, ${leasing ? "with" : "without"} leases`, () =>
      run(`partition ${leasing}`, {}, (simulation) =>
        Effect.gen(function*() {
          const nodes = yield* start(simulation, ["a", "b", "c", "d"], { protocol, sync: { leasing } })
          yield* nodes["a"]!.sync.set(text("old"), "before")
          yield* nodes["a"]!.sync.set(Profile, { name: "Ada" })
          yield* Effect.sleep("5 seconds")

          yield* simulation.network.partition([["a", "b"], ["c", "d"]])
          yield* nodes["a"]!.sync.set(text("left"), "by a")
          yield* nodes["a"]!.sync.set(text("both"), "by a")
          yield* nodes["a"]!.sync.delete("old")
          yield* Effect.sleep("10 seconds")
          yield* nodes["d"]!.sync.set(text("both"), "by d, later")
          yield* nodes["d"]!.sync.set(text("right"), "by d")
          // Longer than links last, and than broadcasts are passed on.
          yield* Effect.sleep("5 minutes")
          assert.deepStrictEqual(yield* valuesAt(nodes, "both"), ["by a", "by a", "by d, later", "by d, later"])
          yield* simulation.network.heal
          yield* Effect.sleep("3 minutes")

          yield* assertAgree(nodes)
          assert.deepStrictEqual(
            yield* valueAt(nodes["a"]!, "both").pipe(Effect.map((entry) => entry?.value)),
            "by d, later"
          )
          assert.deepStrictEqual(yield* valuesAt(nodes, "left"), ["by a", "by a", "by a", "by a"])
          assert.deepStrictEqual(yield* valuesAt(nodes, "right"), ["by d", "by d", "by d", "by d"])
          assert.deepStrictEqual(yield* valuesAt(nodes, "old"), [undefined, undefined, undefined, undefined])
        })))
  }

  it("agrees after a storm of crashes, partitions and broken connections, on the last write of each key", () =>
    run("storm", { lossChance: 0.002 }, (simulation) =>
      Effect.gen(function*() {
        const names = ["a", "b", "c", "d", "e"]
        const nodes = yield* start(simulation, names, { protocol, sync: { leasing: false } })
        const faults = Faults.random({
          seed: "storm",
          nodes: names.slice(1),
          count: 8,
          fromMillis: 0,
          toMillis: 120_000
        })
        const playing = yield* Effect.forkScoped(Faults.play(simulation, faults))
        for (let i = 0; i < 60; i++) {
          yield* Effect.ignore(nodes["a"]!.sync.set(text(`key ${i % 7}`), `value ${i}`))
          yield* Effect.sleep("2 seconds")
        }
        yield* Fiber.join(playing)
        yield* Effect.sleep("5 minutes")

        const running = yield* simulation.running
        const alive = Object.fromEntries(Object.entries(nodes).filter(([name]) => running.includes(name)))
        const held = yield* all(nodes["a"]!)
        assert.lengthOf(held, 7)
        assert.isTrue(held.every((line) => /value 5[3-9]/.test(line)))
        yield* assertAgree(alive)
      })))
})
