import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/Chord/Membership.ts"
import { Draws } from "./model/Draws.ts"
import { real } from "./model/Operations.ts"
import { settle } from "./model/Settle.ts"
import { type Slot, Stage, World } from "./model/World.ts"

/** Two ideal rings on one circle, of members drawn from a seed, each with one member at least. */
const makeRings = (draws: Draws, count: number, successorCount: number) => {
  const positions = new Set<bigint>()
  while (positions.size < count) positions.add(BigInt(draws.between(0, 2 ** 30 - 1)))
  const stage = new Stage(30, [...positions].toSorted((a, b) => a < b ? -1 : 1), successorCount, real)
  const share = draws.pick([0.1, 0.5, 0.9])
  const isFirst = stage.contacts.map((_, slot) => slot === 0 || (slot > 1 && draws.chance() < share))
  const slots = stage.contacts.map((_, slot) => slot)
  const rings = [slots.filter((slot) => isFirst[slot]), slots.filter((slot) => !isFirst[slot])] as const
  const [one, other] = [World.ideal(stage, rings[0]), World.ideal(stage, rings[1])]
  const world = new World(stage, slots.map((slot) => one.states[slot] ?? other.states[slot]))
  return { world, otherThan: (slot: Slot) => isFirst[slot] ? rings[1] : rings[0] }
}

/** A member finds where it would stand in the other ring. */
const meet = (world: World, slot: Slot, other: ReadonlyArray<Slot>): void =>
  world.merge(slot, other.findLast((at) => at < slot) ?? other.at(-1)!, other.find((at) => at > slot) ?? other[0]!)

describe("Membership.merge", () => {
  it.each([[2, 2, 300], [3, 8, 300], [8, 3, 300], [8, 8, 300], [20, 8, 100], [40, 3, 30], [100, 14, 10]])(
    "makes one ring of two with %i members, r = %i, wherever they meet and in whatever order messages come (%i seeds)",
    (count, r, seedCount) => {
      for (let seed = 0; seed < seedCount; seed++) {
        const draws = new Draws(seed)
        const { otherThan, world } = makeRings(draws, count, r)
        for (let meetings = draws.pick([1, 2, 5]); meetings > 0; meetings--) {
          const slot = draws.between(0, count - 1)
          meet(world, slot, otherThan(slot))
        }

        for (let steps = draws.between(0, 400); steps > 0; steps--) {
          if (world.messages.length === 0 || draws.chance() < 0.2) world.stabilize(draws.pick(world.live))
          else world.deliver(draws.pick(world.messages))
        }
        const { members, problem, rounds } = settle(world)

        assert.isUndefined(problem, `seed ${seed}: astray ${members.join(" ")}`)
        assert.isAtMost(rounds, r + 1, `seed ${seed}`)
      }
    }
  )

  it("brings two together that took each other for dead", () => {
    const world = World.ideal(new Stage(8, [10n, 20n], 3, real), [0, 1])
    for (const slot of [0, 1]) world.stabilize(slot)
    for (const message of world.messages) {
      if (message.kind === "ask") world.alarm(message)
    }
    assert.isTrue(world.live.every((slot) => Membership.isAlone(world.states[slot]!)))

    world.merge(0, 1, 1)
    const { problem } = settle(world)

    assert.isUndefined(problem)
    assert.isFalse(Membership.isAlone(world.states[1]!))
  })
})

describe("Membership, after false alarms", () => {
  it("becomes ideal again, though one in ten of those asked was taken for dead", () => {
    let alarmCount = 0
    for (let seed = 0; seed < 300; seed++) {
      const draws = new Draws(seed)
      const positions = Array.from({ length: 12 }, (_, slot) => BigInt(slot * 20 + draws.between(0, 19)))
      const world = World.ideal(new Stage(8, positions, 8, real), positions.map((_, slot) => slot))

      for (let step = 0; step < 150; step++) {
        const message = world.messages.length > 0 ? draws.pick(world.messages) : undefined
        if (message === undefined || draws.chance() < 0.3) world.stabilize(draws.pick(world.live))
        else if (message.kind === "ask" && draws.chance() < 0.1) {
          world.alarm(message)
          alarmCount++
        } else world.deliver(message)
      }
      const { members, problem } = settle(world)

      assert.isUndefined(problem, `seed ${seed}: astray ${members.join(" ")}`)
    }
    assert.isAbove(alarmCount, 600)
  })
})
