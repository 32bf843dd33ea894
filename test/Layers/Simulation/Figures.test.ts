import { assert, describe, it } from "@effect/vitest"
import { percent, quantile, spreadOf } from "../../../src/Layers/Simulation/Figures.ts"

describe("the figures of simulations", () => {
  it("never round a percentage up", () => {
    assert.deepStrictEqual([1, 0.9996, 0.99999, 0.57, 0].map(percent), ["100 %", "99.96 %", "99.99 %", "57 %", "0 %"])
  })

  it("are quantiles by the nearest rank, and zeros of nothing", () => {
    assert.deepStrictEqual([0, 0.5, 0.99, 1].map((fraction) => quantile([1, 2, 3, 4], fraction)), [1, 3, 4, 4])
    assert.deepStrictEqual(spreadOf([3, 1, 2]), { p50: 2, p99: 3, max: 3 })
    assert.deepStrictEqual(spreadOf([]), { p50: 0, p99: 0, max: 0 })
  })
})
