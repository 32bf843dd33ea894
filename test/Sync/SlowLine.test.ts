/** A node that joins late, behind a slow line, and has thousands of keys to hear of. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as MemorySync from "../../src/Layers/MemorySync.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import { type Node, run, start, startPlayer, text } from "./SyncNetwork.ts"

const keyCount = 1000
/** 600 kB and more, at 5 kB a second. */
const line = { windowBytes: 65_536, bandwidth: (_: string, to: string) => to === "late" ? 5000 : 1e9 }

/** Nodes that hold it all, and the late one; gives how many links with the first of them have ended, and how much it holds. */
const startLate = Effect.fnUntraced(function*(simulation: Simulation.Simulation, names: ReadonlyArray<string>) {
  const { a } = yield* start(simulation, names)
  for (let i = 0; i < keyCount; i++) yield* a!.sync.set(text(`key ${i}`), `${i}`.padEnd(500, "."))
  yield* Effect.sleep("5 seconds")
  let late: Sync["Service"] | undefined
  let leftCount = 0
  yield* a!.mesh.events.pipe(
    Stream.runForEach((event) => Effect.sync(() => event._tag === "PeerLeft" && leftCount++)),
    Effect.forkScoped({ startImmediately: true })
  )
  const keep = Layer.effectDiscard(Effect.map(Sync, (sync) => late = sync))
  const layer = MemorySync.layerTransport({ host: "late", bootstrap: names.map((name) => `${name}:4444`) })
  yield* simulation.start("late", Layer.provideMerge(keep, layer))
  const heldCount = Effect.suspend(() => Effect.map(late!.entries, (entries) => entries.length))
  return { heldCount, leftCount: () => leftCount }
})

/** A node that dials nobody of its own accord. */
const startAlone = Effect.fnUntraced(function*(simulation: Simulation.Simulation, host: string) {
  const made: Array<Node> = []
  const keep = Layer.effectDiscard(Effect.gen(function*() {
    made.push({ sync: yield* Sync, mesh: yield* Mesh })
  }))
  const node = MemorySync.layerTransport({ host, maxOutboundLinks: 0 })
  yield* simulation.start(host, Layer.provideMerge(keep, node))
  return made[0]!
})

describe("a node behind a slow line", () => {
  it("hears of all keys as fast as that carries them, over the links that it has", () =>
    run("slow line", line, (simulation) =>
      Effect.gen(function*() {
        const { heldCount, leftCount } = yield* startLate(simulation, ["a", "b", "c"])
        yield* Effect.sleep("3 minutes")

        assert.strictEqual(yield* heldCount, keyCount)
        assert.strictEqual(leftCount(), 0)
      })))

  it("gets on with it though its link breaks twice a minute", () =>
    run("broken line", line, (simulation) =>
      Effect.gen(function*() {
        const { heldCount, leftCount } = yield* startLate(simulation, ["a"])
        for (let i = 0; i < 12; i++) {
          yield* Effect.sleep("30 seconds")
          yield* simulation.network.reset("a", "late")
        }

        assert.strictEqual(yield* heldCount, keyCount)
        assert.isAtLeast(leftCount(), 10)
      })))

  it("gets the rest over the other link, where each dialed the other at once and one of the two links goes", () => {
    for (const seed of ["dd 17", "dd 23"]) {
      const latency = `${5 + Number(seed.slice(3))} millis` as const
      const [held, dialers] = run(
        seed,
        { ...line, bandwidth: () => 200_000, latency },
        (simulation) =>
          Effect.gen(function*() {
            const [a, late] = [yield* startAlone(simulation, "a"), yield* startAlone(simulation, "late")]
            for (let i = 0; i < 200; i++) yield* a.sync.set(text(`key ${i}`), `${i}`.padEnd(500, "."))
            yield* Effect.sleep("1 second")
            let dialerCount = 0
            for (const { mesh } of [a, late]) {
              yield* mesh.events.pipe(
                Stream.runForEach((event) =>
                  Effect.sync(() => event._tag === "PeerJoined" && event.direction === "outbound" && dialerCount++)
                ),
                Effect.forkScoped({ startImmediately: true })
              )
            }
            yield* Effect.all([a.mesh.connect("late:4444"), late.mesh.connect("a:4444")], { concurrency: 2 })
            yield* Effect.sleep("10 seconds")
            return [(yield* late.sync.entries).length, dialerCount] as const
          })
      )

      assert.strictEqual(held, 200)
      assert.strictEqual(dialers, 2, "each took the link that it had dialed for the first one")
    }
  })

  it("is not sent what was overwritten while it waited", () =>
    run("stale", { ...line, windowBytes: 1024 }, (simulation) =>
      Effect.gen(function*() {
        const { a } = yield* start(simulation, ["a"])
        for (let i = 0; i < 200; i++) yield* a!.sync.set(text(`key ${i}`), "old".padEnd(1000, "."))
        const late = yield* startPlayer(simulation, "late", { bootstrap: ["a:4444"] })
        const values: Array<string> = []
        yield* late.handle("sync", ({ kind, packets }) =>
          Effect.sync(() =>
            kind === "whisper" && values.push(packets.map((packet) => Buffer.from(packet)).join(" "))
          ))
        yield* Effect.sleep("5 seconds")
        yield* late.whisper(a!.mesh.id, [new Uint8Array(256).fill(7), Uint8Array.of(1)], { subFlag: "sync-digest" })
        yield* Effect.sleep("2 seconds")
        for (let i = 0; i < 200; i++) yield* a!.sync.set(text(`key ${i}`), "new")
        yield* Effect.sleep("2 minutes")

        const oldCount = values.filter((value) => value.includes("old.")).length
        assert.isBelow(oldCount, 100)
        assert.isAbove(values.length - oldCount, 100)
      })))
})
