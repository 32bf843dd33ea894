import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as MemoryChord from "../../../../src/Layers/MemoryChord.ts"
import { ChordObserver } from "../../../../src/Layers/Simulation/Chord/ChordObserver.ts"
import * as Simulation from "../../../../src/Layers/Simulation/Simulation.ts"

it("counts the messages of nodes that ended, too", () => {
  const exit = Simulation.run({ seed: "ended" }, (simulation, clock) =>
    Effect.gen(function*() {
      const observer = new ChordObserver(clock)
      const layer = MemoryChord.layerTransport({ host: "a" })
      yield* simulation.start("a", observer.watch("a", layer))
      const bootstrap = [observer.nodes.get("a")!.chord.address]
      yield* simulation.start("b", observer.watch("b", MemoryChord.layerTransport({ host: "b", bootstrap })))
      yield* Effect.sleep("1 minute")
      const before = yield* observer.messageCount
      yield* simulation.crash("b")
      return [before > 0, (yield* observer.messageCount) >= before]
    }))

  assert.deepStrictEqual(exit, Exit.succeed([true, true]))
})
