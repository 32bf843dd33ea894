import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { TimerHeap } from "../../../src/Layers/Simulation/TimerHeap.ts"

/** A time to set a timer for, or "take" to take the first one out. */
const Steps = Schema.Array(Schema.Union([Schema.Literals([0, 1, 2, 3, 5, 8, 13, 1e300]), Schema.Literal("take")]))

describe("the timers of a virtual clock", () => {
  it.prop("come by their times, and for the same time as they were set", [Steps], ([steps]) => {
    const heap = new TimerHeap()
    let expected: Array<{ readonly at: number; readonly timer: object }> = []
    const take = () => {
      assert.strictEqual(heap.first, expected[0]?.timer)
      assert.strictEqual(heap.firstMillis, expected[0]?.at ?? Infinity)
      heap.removeFirst()
      expected = expected.slice(1)
    }
    for (const at of steps) {
      if (at === "take") take()
      else {
        const timer = { run: undefined }
        heap.add(at, timer)
        const index = expected.findIndex((other) => other.at > at)
        expected.splice(index === -1 ? expected.length : index, 0, { at, timer })
      }
    }
    while (expected.length > 0) take()
    assert.isUndefined(heap.first)
  })

  it("are as many as need be", () => {
    const heap = new TimerHeap()
    for (let at = 1000; at > 0; at--) heap.add(at, { run: undefined })
    const times = Array.from({ length: 1000 }, () => {
      const at = heap.firstMillis
      heap.removeFirst()
      return at
    })
    assert.deepStrictEqual(times, Array.from({ length: 1000 }, (_, index) => index + 1))
  })
})
