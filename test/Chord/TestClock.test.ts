import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import { Chord } from "../../src/Chord/Chord.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"

const node = (host: string, bootstrap: ReadonlyArray<string> = []) =>
  Effect.map(Layer.build(MemoryChord.layer({ host, bootstrap })), Context.get(Chord))

describe("a chord under TestClock", () => {
  it.effect("is a dictionary of two nodes, and ends with its scope", () =>
    Effect.gen(function*() {
      const a = yield* node("a")
      const b = yield* node("b", ["a:5555"])
      yield* TestClock.adjust("30 seconds")
      const set = yield* Effect.forkChild(a.set("color", "blue"))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(set)
      const got = yield* Effect.forkChild(b.get("color"))
      yield* TestClock.adjust("5 seconds")

      assert.deepStrictEqual(yield* Fiber.join(got), Option.some("blue"))
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "50 millis" })), Random.withSeed("two")))
})
