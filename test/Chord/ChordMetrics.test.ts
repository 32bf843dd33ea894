import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { TestClock } from "effect/testing"
import { Chord } from "../../src/Chord/Chord.ts"
import * as ChordMetrics from "../../src/Chord/ChordMetrics.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"

const node = ChordMetrics.layer({ interval: "5 seconds" }).pipe(
  Layer.provideMerge(MemoryChord.layer({ host: "watched" })),
  Layer.provide(MemoryNetwork.layer())
)

/** The metrics of this library by name, as far as they are of that node. */
const metrics = (id: string) =>
  Effect.map(Metric.snapshot, (all) =>
    new Map(
      all.filter((metric) => metric.attributes?.["node"] === id).map(({ id: name, state }) => [
        name,
        "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : undefined
      ])
    ))

describe("ChordMetrics", () => {
  it.effect("publishes what a node has counted and holds, at each interval and no sooner", () =>
    Effect.gen(function*() {
      const chord = yield* Chord
      yield* chord.set("color", "blue")
      yield* chord.get("color")
      yield* chord.get("shape")
      assert.isUndefined((yield* metrics(chord.id)).get("effect_p2p_chord_gets_total"))

      yield* TestClock.adjust("5 seconds")

      const first = yield* metrics(chord.id)
      assert.deepStrictEqual(
        ["sets_total", "gets_total", "records", "pending_calls"].map((name) => first.get(`effect_p2p_chord_${name}`)),
        [1, 2, 1, 0]
      )
      assert.isAbove(first.get("effect_p2p_chord_stored_bytes") ?? 0, 0)

      yield* chord.get("color")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* metrics(chord.id)).get("effect_p2p_chord_gets_total"), 3)
    }).pipe(Effect.provide(node)))
})
