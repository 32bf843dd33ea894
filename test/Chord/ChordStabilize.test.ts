import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulate, startRing } from "../utils/ChordRing.ts"

describe("a round of stabilization", () => {
  it("drops all dead successors in front of a living one, not one in each round", () => {
    const [first, expected] = simulate((simulation) =>
      Effect.gen(function*() {
        const interval = { seconds: 1 }
        const nodes = yield* startRing(simulation, 16, { stabilizeInterval: interval })
        const hosts = (yield* nodes[0]!.ring)[0]!.membership.successors.map((contact) => contact.address.host)
        interval.seconds = 60
        yield* Effect.sleep("2 seconds")
        for (const host of hosts.slice(0, 4)) yield* simulation.crash(host)
        // Half a round less than two.
        yield* Effect.sleep("95 seconds")
        return [(yield* nodes[0]!.ring)[0]!.membership.successors[0]!.address.host, hosts[4]]
      })
    )

    assert.strictEqual(first, expected)
  })
})
