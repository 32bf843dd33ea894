/** Nodes of one ring that take records of different sizes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import { ownersOf, simulate, startNode, startRing, untilIdeal } from "../utils/ChordRing.ts"

const keys = Array.from({ length: 100 }, (_, count) => `key ${count}`)
const largeKeys = Array.from({ length: 10 }, (_, count) => `large ${count}`)
const large = "x".repeat(100)

describe("a node that takes no values as large as the others do", () => {
  const { held, read, refused } = simulate((simulation) =>
    Effect.gen(function*() {
      const nodes = yield* startRing(simulation, 4)
      yield* nodes[0]!.update([...keys, ...largeKeys].map((key) => [key, largeKeys.includes(key) ? large : "value"]))
      const small = yield* startNode(simulation, "small", { bootstrap: ["0:5555"], maxValueBytes: 50 })
      yield* untilIdeal([...nodes, small])
      yield* Effect.sleep("20 seconds")
      const [elsewhere] = yield* Effect.filter(
        largeKeys,
        (key) => Effect.map(ownersOf(small, key), (owners) => owners.some((owner) => owner !== "small"))
      )
      return {
        held: (yield* small.holdings()).map(({ key }) => key),
        read: yield* small.get(elsewhere!),
        refused: yield* Effect.result(nodes[0]!.set("another", large, { quorum: 5 }))
      }
    })
  )

  it("takes over and keeps all others", () => {
    assert.sameMembers(held, keys)
  })

  it("reads them, as the others hold them", () => {
    assert.deepStrictEqual(read, Option.some(large))
  })

  it("tells who writes one why it does not keep it", () => {
    assert.include(Result.isFailure(refused) ? refused.failure.message : "", "the limit is 50 (maxValueBytes)")
  })
})
