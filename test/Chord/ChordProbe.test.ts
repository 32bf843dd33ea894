import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { type Settings, simulate, startNode, untilIdeal } from "../utils/ChordRing.ts"

describe("the search for a second ring", () => {
  it("finds it by the nodes it was told to join, when nobody is left who met the others", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        const settings: Settings = { bootstrap: ["0:5555", "1:5555", "2:5555"] }
        const start = (name: string) => startNode(simulation, name, settings)
        const names = ["0", "1", "2", "3", "4", "5"]
        const nodes = []
        for (const name of names) {
          nodes.push(yield* start(name))
          yield* Effect.sleep("300 millis")
        }
        yield* untilIdeal(nodes)
        yield* nodes[5]!.set("key", "value")
        // Those that start again meet only each other, and have new ids; the others know the old ones.
        yield* simulation.network.partition([["0", "1"]])
        yield* simulation.crash("0")
        yield* simulation.crash("1")
        const again = [yield* start("0"), yield* start("1")]
        yield* Effect.sleep("1 minute")
        assert.lengthOf((yield* again[0]!.ring)[0]!.membership.successors, 1)

        yield* simulation.network.heal
        yield* untilIdeal([...again, ...nodes.slice(2)])

        assert.deepStrictEqual(yield* again[0]!.get("key"), Option.some("value"))
      })
    )
  })
})
