import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/Chord/Membership.ts"
import { Draws } from "./model/Draws.ts"
import { at, bits, member } from "./model/States.ts"

describe("Membership.estimateSize", () => {
  it.each([200, 1000, 10_000])("comes close to the size of a ring of %i, on average and for most", (count) => {
    const draws = new Draws(count)
    const positions = Array.from({ length: count }, () => BigInt(draws.between(0, 2 ** 32 - 1)))
      .toSorted((a, b) => a < b ? -1 : 1)
    const r = Membership.successorCount(count)
    const contact = (index: number) => ({ ...at(0), position: positions[(index + count) % count]! })

    const estimates = positions.map((_, index) =>
      Membership.estimateSize({
        bits: 32,
        self: contact(index),
        predecessor: contact(index - 1),
        successors: Array.from({ length: r }, (_, offset) => contact(index + 1 + offset)),
        successorCount: r
      })
    )

    const mean = estimates.reduce((sum, estimate) => sum + estimate, 0) / count
    assert.approximately(mean / count, 1, 0.1)
    const isNear = estimates.filter((estimate) => estimate > count / 2 && estimate < count * 2)
    assert.isAbove(isNear.length, 0.97 * count)
  })

  it("is exact for a list of the whole ring", () => {
    assert.strictEqual(Membership.estimateSize(Membership.make(bits, at(10), 8)), 1)
    assert.strictEqual(Membership.estimateSize(member(10, 90, [], 8)), 2)
    assert.strictEqual(Membership.estimateSize(member(10, 90, [20, 40, 90], 8)), 4)
    assert.strictEqual(Membership.estimateSize(member(10, 90, [20, 40, 90])), 4)
  })

  it("works on the widest ring", () => {
    const wide = (part: bigint) => ({ ...at(0), position: part << 504n })
    const state = { bits: 512, self: wide(0n), predecessor: undefined, successorCount: 3 }

    assert.approximately(
      Membership.estimateSize({ ...state, successors: [wide(1n), wide(2n), wide(3n)] }),
      1 + 2 * 256 / 3,
      1e-6
    )
  })
})

describe("Membership.successorCount", () => {
  it.each([[1, 8], [16, 8], [17, 10], [100, 14], [1000, 20], [10_000, 28]])(
    "is, for a ring of %i, %i",
    (size, count) => {
      assert.strictEqual(Membership.successorCount(size), count)
    }
  )

  it("grows at once and shrinks with reluctance", () => {
    assert.strictEqual(Membership.successorCount(1000, 18), 20)
    assert.strictEqual(Membership.successorCount(1000, 22), 22)
    assert.strictEqual(Membership.successorCount(1000, 24), 20)
  })
})
