import { assert, describe, it } from "@effect/vitest"
import * as Invariant from "../../src/Chord/Invariant.ts"
import * as Membership from "../../src/Chord/Membership.ts"
import { Draws } from "./model/Draws.ts"
import { real } from "./model/Operations.ts"
import { settle } from "./model/Settle.ts"
import { type Slot, Stage, World } from "./model/World.ts"

/** `count` places on a ring of 2^32, of which these are taken by an ideal ring. */
const makeWorld = (count: number, successorCount: number, initial: ReadonlyArray<Slot>): World => {
  const draws = new Draws(count)
  const positions = new Set<bigint>()
  while (positions.size < count) positions.add(BigInt(draws.between(0, 2 ** 32 - 1)))
  const sorted = [...positions].toSorted((a, b) => a < b ? -1 : 1)
  return World.ideal(new Stage(32, sorted, successorCount, real), initial)
}

const slots = (count: number): ReadonlyArray<Slot> => Array.from({ length: count }, (_, slot) => slot)

/** How many rounds it takes until the ring is ideal. */
const roundsToIdeal = (world: World): number => {
  const { members, problem, rounds } = settle(world)
  assert.isUndefined(problem, `astray: ${members.join(" ")}`)
  return rounds
}

describe("a small ring", () => {
  it.each([2, 3, 5, 8])("grows one by one past r + 1 = 1 + %i, and shrinks to one that knows it is alone", (r) => {
    const count = r + 4
    const world = makeWorld(count, r, [0])
    const order = new Draws(r).shuffle(slots(count).slice(1))

    for (const slot of order) {
      world.askToJoin(slot, 0)
      roundsToIdeal(world)
    }
    assert.strictEqual(world.live.length, count)
    for (const [index, slot] of order.toReversed().entries()) {
      if (index % 2 === 0) world.crash(slot)
      else world.leave(slot)
      roundsToIdeal(world)
    }

    assert.isTrue(Membership.isAlone(world.states[0]!))
  })

  it("keeps whoever is left, whoever else of five that know each other fails at once", () => {
    for (let left = 1; left < 32; left++) {
      const world = makeWorld(5, 5, slots(5))
      for (const slot of slots(5)) {
        if ((left & (1 << slot)) === 0) world.crash(slot)
      }

      roundsToIdeal(world)

      const isAlone = world.live.length === 1
      for (const slot of world.live) assert.strictEqual(Membership.isAlone(world.states[slot]!), isAlone)
    }
  })

  it("lets all but one leave at once", () => {
    const world = makeWorld(6, 6, slots(6))

    for (const slot of slots(6).slice(1)) world.leave(slot)
    roundsToIdeal(world)

    assert.isTrue(Membership.isAlone(world.states[0]!))
  })

  it.each([[1, 2, 8], [1, 8, 8], [1, 9, 8], [1, 40, 12], [1, 100, 14], [100, 200, 16]])(
    "of %i becomes one of %i by joins in one round, ideal within 2r rounds (r = %i)",
    (before, after, r) => {
      const world = makeWorld(after, r, slots(after).filter((slot) => slot % (after / before) === 0))
      assert.strictEqual(world.live.length, before)

      for (const slot of slots(after)) {
        if (!world.isLive(slot)) world.askToJoin(slot, 0)
      }
      const rounds = roundsToIdeal(world)

      assert.strictEqual(world.live.length, after)
      assert.isAtMost(rounds, 2 * r)
    }
  )

  it("says that it is whole as long as it has no more than r members", () => {
    const small = makeWorld(4, 4, slots(4)).snapshot()
    const large = makeWorld(5, 4, slots(5)).snapshot()

    assert.isTrue(small.members.every(Membership.isWhole))
    assert.isFalse(large.members.some(Membership.isWhole))
    assert.strictEqual(Invariant.regimeOf(small), "small")
    assert.strictEqual(Invariant.regimeOf(large), "proven")
  })

  it("of one that more failures left behind takes itself for alone, and is found by those that notify it", () => {
    const world = makeWorld(6, 2, slots(6))
    for (const slot of [1, 2, 5]) world.crash(slot)

    roundsToIdeal(world)

    assert.deepStrictEqual(world.live, [0, 3, 4])
  })
})
