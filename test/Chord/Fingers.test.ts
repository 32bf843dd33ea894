import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Contact } from "../../src/Chord/Contact.ts"
import { FingerTable } from "../../src/Chord/internal/FingerTable.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { simulate, startNode, startRing } from "../utils/ChordRing.ts"

describe("the fingers of a member", () => {
  it("are asked more seldom while all of them are right", () => {
    const calls = simulate((simulation) =>
      Effect.gen(function*() {
        const stabilizeInterval = { seconds: 1 }
        const nodes = yield* startRing(simulation, 24, {
          stabilizeInterval,
          fingerInterval: "2 seconds",
          repairInterval: "1 hour",
          probeInterval: "1 hour"
        })
        // From now on nothing but fingers is looked after.
        stabilizeInterval.seconds = 3600
        yield* Effect.sleep("2 minutes")
        const count = Effect.map(
          Effect.forEach(nodes, (node) => node.stats),
          (stats) => stats.reduce((sum, { calls }) => sum + calls.calls, 0)
        )
        const before = yield* count
        yield* Effect.sleep("2 minutes")
        return (yield* count) - before
      })
    )

    // One each two seconds would be 60 for each of the 24 nodes; a quarter of that is 15.
    assert.isAbove(calls, 24 * 10)
    assert.isBelow(calls, 24 * 25)
  })

  it("are those of its neighbor until it has looked", () => {
    const counts = simulate((simulation) =>
      Effect.gen(function*() {
        const fingerInterval = { seconds: 1 }
        yield* startRing(simulation, 24, { fingerInterval })
        yield* Effect.sleep("20 seconds")
        // From now on nobody looks after a finger.
        fingerInterval.seconds = 36_000
        const node = yield* startNode(simulation, "new", { fingerInterval, bootstrap: ["0:5555"] })
        yield* Effect.sleep("2 seconds")
        return (yield* node.ring).map(({ fingers }) => fingers.size)
      })
    )

    assert.lengthOf(counts, 1)
    assert.isAbove(counts[0]!, 0)
  })
})

describe("a table of fingers", () => {
  const contactAt = (position: bigint) =>
    new Contact(position, new PeerAddress({ host: "10.0.0.1", port: 1 }), `node ${position}`)

  it("takes whom it hears of as the finger nearest before it, and the nearest of several", () => {
    const fingers = new FingerTable(8, 250n)
    for (const distance of [1n, 7n, 4n, 5n, 128n, 255n, 0n]) fingers.hint(contactAt((250n + distance) % 256n))
    assert.deepStrictEqual(
      [...fingers.byIndex].map(([index, contact]) => [index, contact.position]),
      [[0, 251n], [2, 254n], [7, 122n]]
    )
  })

  it("gives the widest first, in turn, and forgets those that the successors cover", () => {
    const fingers = new FingerTable(8, 0n)
    for (const position of [3n, 20n, 40n, 200n]) fingers.hint(contactAt(position))
    const turn = Array.from({ length: 5 }, () => fingers.next(contactAt(17n)))
    assert.deepStrictEqual(turn, [7, 6, 5, 7, 6])
    assert.deepStrictEqual([...fingers.byIndex.keys()], [5, 7])
  })
})
