import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulate, startNode, startRing } from "../utils/ChordRing.ts"

describe("a node that joins beside one that died a moment ago", () => {
  // Of so many newcomers some come to the place before the dead one, and some to that behind it.
  it.each(["a", "b", "c", "d", "e", "f", "g", "h"])("has its place before anybody's next round: %s", (newcomer) => {
    const millis = simulate((simulation) =>
      Effect.gen(function*() {
        const interval = { seconds: 1 }
        const settings = { stabilizeInterval: interval, fingerInterval: interval }
        yield* startRing(simulation, 6, settings)
        interval.seconds = 100_000
        yield* Effect.sleep("5 seconds")
        yield* simulation.crash("3")
        yield* simulation.crash("5")
        const entries = ["0:5555", "1:5555", "2:5555"]
        const node = yield* startNode(simulation, newcomer, { ...settings, bootstrap: entries })
        for (let waited = 0; waited < 60_000; waited += 500) {
          yield* Effect.sleep("500 millis")
          const [member] = yield* node.ring
          if (member !== undefined && member.membership.successors.length > 0) return waited
        }
        return Infinity
      })
    )

    assert.isBelow(millis, 10_000)
  })
})

describe("a node that is told to join while it joins", () => {
  it("takes its place once", () => {
    const positions = simulate((simulation) =>
      Effect.gen(function*() {
        yield* startRing(simulation, 3)
        const node = yield* startNode(simulation, "new", { bootstrap: ["0:5555"] })
        yield* Effect.all([node.join("1:5555"), node.join("2:5555")], { concurrency: "unbounded" })
        yield* Effect.sleep("5 seconds")
        return (yield* node.ring).map(({ membership }) => membership.self.position)
      })
    )

    assert.lengthOf(positions, 1)
  })
})
