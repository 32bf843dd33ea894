import { assert, describe, it } from "@effect/vitest"
import { type Bounds, explore } from "./model/Exhaustive.ts"
import { real } from "./model/Operations.ts"
import { settle } from "./model/Settle.ts"
import type { World } from "./model/World.ts"

const isLong = process.env["SIMULATE"] === "long"

const positions = [0n, 8n, 16n, 24n, 32n]

const ring = (count: number, initial: ReadonlyArray<number>, successorCount: number): Omit<Bounds, "contract"> => ({
  bits: 8,
  positions: positions.slice(0, count),
  successorCount,
  initial,
  maxFailures: count,
  maxStates: 14_000_000
})

/** Looks whether every `each`-th state becomes ideal when it is left alone. */
const settling = (each: number) => {
  let count = 0
  return (world: World) => count++ % each === 0 ? settle(world.clone()).problem : undefined
}

/** All interleavings: complete, sound, and as many states as ever. */
const exploreAll = (bounds: Bounds, stateCount: number, each: number): void => {
  const report = explore(bounds, real, settling(each))
  const { failure, isComplete } = report
  if (failure !== undefined) assert.fail(`${failure.clause} after ${failure.path.join(", ")}`)

  assert.isTrue(isComplete)
  assert.strictEqual(report.stateCount, stateCount)
}

describe("Membership, in all interleavings", () => {
  it("keeps the invariant when one joins three, r = 2, with all failures that the contract allows", () => {
    exploreAll({ ...ring(4, [0, 1, 2], 2), contract: "fail" }, 35_984, 20)
  })

  it("keeps the invariant when any of four fails, r = 2", () => {
    exploreAll({ ...ring(4, [0, 1, 2, 3], 2), contract: "fail" }, 18_144, 20)
  })

  it("grows from one to three and shrinks to none again, r = 3", () => {
    exploreAll({ ...ring(3, [0], 3), contract: "connected" }, 29_295, 20)
  })
})

describe.runIf(isLong)("Membership, in all interleavings of five", () => {
  it("keeps the invariant when one joins four, with all failures that the contract allows", () => {
    exploreAll({ ...ring(5, [0, 1, 2, 3], 2), contract: "fail" }, 5_088_080, 500)
  }, 1_800_000)

  it("keeps the invariant when any of five fail", () => {
    exploreAll({ ...ring(5, [0, 1, 2, 3, 4], 2), contract: "fail" }, 1_606_824, 500)
  }, 1_800_000)

  it("keeps the invariant when two join three, with one failure", () => {
    exploreAll({ ...ring(5, [0, 2, 4], 2), contract: "fail", maxFailures: 1 }, 5_881_656, 500)
  }, 1_800_000)
})
