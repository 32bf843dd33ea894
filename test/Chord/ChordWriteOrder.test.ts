/** Which of two writes of a key stays. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { findKey, simulate, startRing } from "../utils/ChordRing.ts"

describe("of two writes", () => {
  it("the later one stays, though the earlier one comes to most placements after it", () => {
    const [values, versions] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 10)
        const { key, owners } = yield* findKey(nodes[0]!)
        const late = owners.slice(2)
        yield* nodes[0]!.set(key, "first")
        const early = yield* Effect.forkChild(nodes[0]!.set(key, "early"))
        // It has asked for versions, and is on its way to the placements.
        yield* Effect.sleep("50 millis")
        for (const host of late) yield* simulation.network.stall("0", host)
        yield* Effect.sleep("3 seconds")
        const before = yield* nodes[Number(owners[0])]!.get(key)
        const second = yield* nodes[Number(owners[0])]!.set(key, "late")
        for (const host of late) yield* simulation.network.unstall("0", host)

        const first = yield* Fiber.join(early)

        yield* Effect.sleep("10 seconds")
        const after = yield* Effect.forEach(nodes, (node) => node.get(key))
        return [[before, ...after], [first.millis, second.millis]]
      })
    )

    assert.deepStrictEqual(values!.map(Option.getOrUndefined), ["early", ...Array.from({ length: 10 }, () => "late")])
    assert.isBelow(versions![0]!, versions![1]!)
  })

  it("the later one stays, though the clock of the earlier one's node is far ahead", () => {
    const values = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 10)
        yield* simulation.skew("3", "20 seconds")
        const found = []
        for (let count = 0; count < 20; count++) {
          yield* nodes[3]!.set(`key ${count}`, "early")
          yield* nodes[5]!.set(`key ${count}`, "late")
          found.push(yield* nodes[count % 10]!.get(`key ${count}`))
        }
        return found
      })
    )

    assert.deepStrictEqual(values.map(Option.getOrUndefined), Array.from({ length: 20 }, () => "late"))
  })
})
