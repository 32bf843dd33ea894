import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulate, startRing } from "../utils/ChordRing.ts"

describe("a lookup", () => {
  it("asks an owner once more that did not answer in time, before it takes another one for it", () => {
    const [owner, expected, timeouts] = simulate((simulation) =>
      Effect.gen(function*() {
        const interval = { seconds: 1 }
        const nodes = yield* startRing(simulation, 8, { stabilizeInterval: interval, fingerInterval: interval })
        // Nobody repairs anything from here on.
        interval.seconds = 100_000
        yield* Effect.sleep("5 seconds")
        const [member] = yield* nodes[0]!.ring
        const hosts = member!.membership.successors.map((contact) => contact.address.host)
        // The third behind the asker is silent for a moment, the one behind that is dead.
        const host = hosts[2]!
        let count = 0
        const keyOf = Effect.gen(function*() {
          while (true) {
            const key = `key ${count++}`
            if ((yield* nodes[0]!.lookup(key)).owner.address.host === host) return key
          }
        })
        const key = yield* keyOf
        yield* simulation.crash(hosts[3]!)
        yield* simulation.network.stall("0", host)
        yield* Effect.forkScoped(Effect.delay(simulation.network.unstall("0", host), "1200 millis"))
        const found = yield* nodes[0]!.lookup(key)
        return [found.owner.address.host, host, found.timeouts]
      })
    )

    assert.strictEqual(owner, expected)
    assert.isAtLeast(Number(timeouts), 1)
  })
})
