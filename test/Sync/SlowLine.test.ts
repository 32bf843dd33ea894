/** A node that joins late, behind a slow line, and has thousands of keys to hear of. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as MemorySync from "../../src/Layers/MemorySync.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import { run, start, text } from "./SyncNetwork.ts"

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
})
