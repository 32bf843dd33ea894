/** Reads and writes whose answers do not come: how they end, and what they leave behind. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Option } from "effect"
import type { Chord } from "../../src/Chord/Chord.ts"
import type { ReadOptions } from "../../src/Chord/ChordOperation.ts"
import { findKey, simulate, startRing } from "../utils/ChordRing.ts"

/** Ten nodes, of which those that own the key stand still, as node 0 sees it. */
const stalledRing = Effect.fnUntraced(function*(simulation: Parameters<Parameters<typeof simulate>[0]>[0]) {
  const nodes = yield* startRing(simulation, 10)
  const { key, owners } = yield* findKey(nodes[0]!)
  yield* nodes[0]!.set(key, "there")
  for (const host of owners) yield* simulation.network.stall("0", host)
  return { chord: nodes[0]!, key, owners }
})

const operations = {
  get: (chord: Chord["Service"], key: string, options?: ReadOptions) => Effect.asVoid(chord.get(key, options)),
  set: (chord: Chord["Service"], key: string, options?: ReadOptions) => Effect.asVoid(chord.set(key, "else", options))
}

describe("while no owner of a key answers", () => {
  for (const operation of ["get", "set"] as const) {
    const operate = operations[operation]

    it(`a ${operation} fails when its own time is over, and says so`, () => {
      const { error, tookMillis } = simulate((simulation) =>
        Effect.gen(function*() {
          const { chord, key } = yield* stalledRing(simulation)
          const before = yield* Clock.currentTimeMillis
          const error = yield* Effect.flip(operate(chord, key, { timeout: "400 millis" }))
          return { error, tookMillis: (yield* Clock.currentTimeMillis) - before }
        })
      )

      assert.strictEqual(error._tag, "QuorumError")
      assert.include(error.message, "it took too long")
      assert.strictEqual(tookMillis, 400)
    })

    it(`a ${operation} that is interrupted waits for no answer any more`, () => {
      const { exit, pending } = simulate((simulation) =>
        Effect.gen(function*() {
          const { chord, key } = yield* stalledRing(simulation)
          const fiber = yield* Effect.forkChild(operate(chord, key))
          yield* Effect.sleep("100 millis")
          const before = (yield* chord.stats).calls.pendingCalls
          yield* Fiber.interrupt(fiber)
          return {
            exit: yield* Fiber.await(fiber),
            pending: [before, (yield* chord.stats).calls.pendingCalls]
          }
        })
      )

      assert.isTrue(Exit.hasInterrupts(exit))
      assert.isAtLeast(pending[0]!, 3)
      assert.strictEqual(pending[1], 0)
    })

    it(`a ${operation} fails when its node is stopped`, () => {
      const { exit, tookMillis } = simulate((simulation) =>
        Effect.gen(function*() {
          const { chord, key } = yield* stalledRing(simulation)
          const fiber = yield* Effect.forkChild(Effect.exit(operate(chord, key)))
          yield* Effect.sleep("100 millis")
          const before = yield* Clock.currentTimeMillis
          yield* simulation.stop("0")
          const exit = yield* Fiber.join(fiber)
          return { exit, tookMillis: (yield* Clock.currentTimeMillis) - before }
        })
      )

      assert.isTrue(Exit.isFailure(exit))
      assert.isAtMost(tookMillis, 10_000)
    })
  }

  it("a get asks the others, too, when two of them are silent", () => {
    const { asked, value } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 10)
        const { key, owners } = yield* findKey(nodes[0]!)
        yield* nodes[0]!.set(key, "there")
        for (const host of owners.slice(0, 2)) yield* simulation.network.stall("0", host)
        const before = (yield* nodes[0]!.stats).calls.calls
        const value = yield* nodes[0]!.get(key, { fallback: false })
        return { value, asked: (yield* nodes[0]!.stats).calls.calls - before }
      })
    )

    assert.deepStrictEqual(value, Option.some("there"))
    assert.isAtLeast(asked, 3)
  })
})
