/** A node that is silent and still in the lists of others, as for some rounds after its machine lost its power. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import type { Chord } from "../../src/Chord/Chord.ts"
import { simulate, startRing } from "../utils/ChordRing.ts"

/** Rounds as they are by default: lists are right again after several of them. */
const rounds = { stabilizeInterval: "10 seconds", fingerInterval: "10 seconds", repairInterval: "60 seconds" } as const

describe("a silent node", () => {
  it("is waited for by a few writes, and not by all that it is to keep a copy of", () => {
    const slow = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5, rounds)
        yield* simulation.pause("2")
        let slow = 0
        for (let count = 0; count < 60; count++) {
          const before = yield* Clock.currentTimeMillis
          yield* nodes[0]!.set(`key ${count}`, "value")
          if ((yield* Clock.currentTimeMillis) - before > 1000) slow++
        }
        return slow
      })
    )

    assert.isBelow(slow, 6)
  })

  it("is not asked by each of those who once got no answer", () => {
    const done = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 8, rounds)
        let done = 0
        const work = (chord: Chord["Service"], name: number, count: number): Effect.Effect<never> =>
          Effect.suspend(() =>
            Effect.andThen(
              Effect.ignore(Effect.tap(chord.set(`${name} ${count % 10}`, "value"), () => Effect.sync(() => done++))),
              work(chord, name, count + 1)
            )
          )
        for (let name = 0; name < 16; name++) yield* Effect.forkScoped(work(nodes[0]!, name, 0))
        yield* simulation.pause("4")
        yield* Effect.sleep("20 seconds")
        const before = done
        yield* Effect.sleep("3 seconds")
        return done - before
      })
    )

    assert.isAbove(done, 200)
  })

  it("gets copies again soon after it has come back", () => {
    const missing = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5, { ...rounds, repairInterval: "1 hour" })
        const write = (from: number, to: number) =>
          Effect.forEach(
            Array.from({ length: to - from }, (_, index) => `key ${from + index}`),
            (key) => Effect.andThen(nodes[0]!.set(key, "value"), Effect.sleep("100 millis"))
          )
        yield* simulation.pause("2")
        yield* Effect.forkScoped(write(0, 40))
        yield* Effect.sleep("5 seconds")
        yield* simulation.resume("2")
        yield* Effect.sleep("5 seconds")
        yield* write(100, 110)
        yield* write(200, 240)
        yield* Effect.sleep("1 second")
        const held = new Set((yield* nodes[2]!.holdings()).map(({ key }) => key))
        return Array.from({ length: 40 }, (_, index) => `key ${200 + index}`).filter((key) => !held.has(key))
      })
    )

    assert.deepStrictEqual(missing, [])
  })
})
