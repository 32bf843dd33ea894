import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option } from "effect"
import { isWithin } from "../../src/Chord/internal/Member.ts"
import { simulate, startNode, startRing, untilIdeal } from "../utils/ChordRing.ts"

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

describe("a join that nobody waits for any more", () => {
  it.each([300, 400, 430, 450])("is done to its end, or not begun: after %i ms", (millis) => {
    const { isSyncing, values } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        for (let count = 0; count < 20; count++) yield* nodes[0]!.set(`key ${count}`, "value")
        const late = yield* startNode(simulation, "late")
        yield* Effect.sleep("1 second")
        yield* Effect.timeoutOption(late.join("0:5555"), millis)
        yield* Effect.sleep("1 minute")
        const ring = yield* late.ring
        const values = yield* Effect.forEach(Array.from({ length: 20 }, (_, count) => `key ${count}`), (key) =>
          nodes[0]!.get(key, { quorum: 5, fallback: false }))
        return {
          isSyncing: ring.map((member) =>
            member.isSyncing
          ),
          values
        }
      })
    )

    assert.deepStrictEqual(isSyncing, [false])
    assert.deepStrictEqual(values, Array.from({ length: 20 }, () => Option.some("value")))
  })
})

describe("a node whose leave is interrupted", () => {
  it("stays, and looks after its place", () => {
    const { members, repairs } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        const node = nodes[2]!
        yield* nodes[0]!.set("key", "value")
        yield* Effect.timeoutOption(node.leave, "10 millis")
        const before = (yield* node.stats).repairs
        yield* Effect.sleep("1 minute")
        return { members: yield* node.ring, repairs: (yield* node.stats).repairs - before }
      })
    )

    assert.lengthOf(members, 1)
    assert.isAbove(repairs, 0)
  })
})

describe("a node that leaves when it cannot reach its neighbors any more", () => {
  // Some end while it hands over, some while it says goodbye.
  it.each([3, 9, 13, 16])("is gone in its time: %d s", (seconds) => {
    const millis = simulate((simulation) =>
      Effect.gen(function*() {
        const interval = "1 hour"
        const rounds = { stabilizeInterval: interval, fingerInterval: interval, repairInterval: interval } as const
        yield* startRing(simulation, 3, { ...rounds, leaveTimeout: 1000 * seconds })
        yield* simulation.network.partition([["0"]])
        for (const other of ["1", "2"]) yield* simulation.network.reset("0", other)
        const begin = yield* Clock.currentTimeMillis
        yield* simulation.stop("0")
        return (yield* Clock.currentTimeMillis) - begin
      })
    )

    assert.isAtMost(millis, 1000 * seconds)
  })
})

describe("a node that leaves when its heir lost its power a moment ago", () => {
  const leaving = (seconds: number) =>
    simulate((simulation) =>
      Effect.gen(function*() {
        // The heir had the only other copies: what the node does not hand over is gone.
        const nodes = yield* startRing(simulation, 8, { copies: 2, leaveTimeout: 1000 * seconds })
        yield* Effect.forEach(Array.from({ length: 40 }), (_, count) => nodes[0]!.set(`key ${count}`, "value"))
        const { predecessor, self, successors } = (yield* nodes[0]!.ring)[0]!.membership
        const [heir, next] = successors.map(({ address }) => address.host)
        yield* simulation.crash(heir!, { silently: true })
        const owned = (yield* nodes[0]!.holdings()).filter(({ positions }) =>
          positions.some((position) => isWithin(predecessor!.position, position, self.position))
        )
        yield* simulation.stop("0")
        yield* Effect.sleep("100 millis")
        const before = yield* nodes[Number(predecessor!.address.host)]!.ring
        const held = new Set((yield* nodes[Number(next)]!.holdings()).map(({ key }) => key))
        return {
          owned: owned.length,
          lost: owned.filter(({ key }) => !held.has(key)).length,
          isKnown: before[0]!.membership.successors.every(({ address }) => address.host !== "0")
        }
      })
    )

  it("hands over to the next one, and tells the others", () => {
    const { isKnown, lost, owned } = leaving(5)

    assert.isAbove(owned, 0)
    assert.deepStrictEqual({ lost, isKnown }, { lost: 0, isKnown: true })
  })

  it("tells the others also where its time is over before that", () => {
    assert.isTrue(leaving(0.5).isKnown)
  })
})

describe("members of one node that join over a slow line", () => {
  it("are new in their places until all of their records have come", () => {
    const { isSyncing, missing } = simulate((simulation) =>
      Effect.gen(function*() {
        const value = "x".repeat(4000)
        const [first] = yield* startRing(simulation, 1)
        for (let count = 0; count < 1000; count++) yield* first!.set(`key ${count}`, value)
        const joined = yield* startNode(simulation, "joined", { bootstrap: ["0:5555"], virtualNodes: 3 })
        while ((yield* joined.ring).length < 3) yield* Effect.sleep("1 millis")
        yield* simulation.network.setConditions({ bandwidth: 150_000 })
        const missing: Array<string> = []
        for (let second = 0; second < 120; second++) {
          yield* Effect.sleep("1 second")
          const all = yield* first!.holdings()
          const held = new Set((yield* joined.holdings()).map(({ key }) => key))
          const ring = yield* joined.ring
          for (const { isSyncing, membership: { predecessor, self } } of ring) {
            if (isSyncing || predecessor === undefined) continue
            const isOwn = (position: bigint) => isWithin(predecessor.position, position, self.position)
            const lost = all.filter(({ key, positions }) => positions.some(isOwn) && !held.has(key))
            if (lost.length > 0) missing.push(`${second} s: ${lost.length}`)
          }
        }
        return { isSyncing: (yield* joined.ring).map((member) => member.isSyncing), missing }
      }), { latency: "1 millis" })

    assert.deepStrictEqual(missing, [])
    assert.deepStrictEqual(isSyncing, [false, false, false])
  })
})

describe("a node of several positions that loses the one by which it joins", () => {
  it("takes the rest of them later", () => {
    const count = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 4)
        const bootstrap = ["0:5555", "1:5555"]
        const node = yield* startNode(simulation, "new", { bootstrap, virtualNodes: 6 })
        while ((yield* node.ring).length < 2) yield* Effect.sleep("10 millis")
        yield* simulation.network.stall("new", "0")
        yield* Effect.sleep("30 seconds")
        yield* simulation.network.unstall("new", "0")
        yield* Effect.sleep("1 minute")
        yield* untilIdeal([...nodes, node])
        return (yield* node.ring).length
      })
    )

    assert.strictEqual(count, 6)
  })
})
