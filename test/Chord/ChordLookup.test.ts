import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option } from "effect"
import type { Chord } from "../../src/Chord/Chord.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { findKey, ownersOf, quick, simulate, startNode, startRing } from "../utils/ChordRing.ts"

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

describe("a node whose predecessor died", () => {
  it("looks itself who is before it now, rather than believe one who missed those in between", () => {
    const [predecessor, expected] = simulate((simulation) =>
      Effect.gen(function*() {
        const interval = { seconds: 1 }
        const nodes = yield* startRing(simulation, 8, { stabilizeInterval: interval, fingerInterval: interval })
        interval.seconds = 100_000
        yield* Effect.sleep("5 seconds")
        const asker = nodes[0]!
        const [own] = yield* asker.ring
        const [, , before, dead, node] = own!.membership.successors.map((contact) => contact.address.host)
        let count = 0
        let key = ""
        do key = `key ${count++}`
        while ((yield* asker.lookup(key)).owner.address.host !== before)
        yield* simulation.crash(dead!)
        yield* simulation.network.stall(asker.address.host, before!)
        yield* Effect.ignore(asker.lookup(key))
        yield* Effect.ignore(asker.set(key, "value", { timeout: "5 seconds" }))
        const [member] = yield* nodes[Number(node)]!.ring
        return [member!.membership.predecessor?.address.host, before]
      })
    )

    assert.strictEqual(predecessor, expected)
  })
})

describe("a dead node", () => {
  it("is tried by one lookup only of all those whose lists name it, before any round", () => {
    const [first, others] = simulate((simulation) =>
      Effect.gen(function*() {
        const interval = { seconds: 1 }
        const settings = { stabilizeInterval: interval, fingerInterval: interval, minSuccessors: 12 }
        const nodes = yield* startRing(simulation, 20, settings)
        interval.seconds = 100_000
        yield* Effect.sleep("5 seconds")
        const dead = nodes[0]!
        const [member] = yield* dead.ring
        const { predecessor, self, successors } = member!.membership
        // What lies right behind it is looked for by asking it, as the nearest before that.
        let count = 0
        let key = ""
        do key = `key ${count++}`
        while ((yield* dead.lookup(key)).owner.position !== successors[0]!.position)
        const listing: Array<Chord["Service"]> = []
        for (const node of nodes) {
          const [own] = yield* node.ring
          if (own!.membership.successors.some(({ position }) => position === self.position)) listing.push(node)
        }
        yield* simulation.crash(dead.address.host)
        const nearest = nodes.find(({ address }) => address.host === predecessor!.address.host)!
        const first = (yield* nearest.lookup(key)).timeouts
        yield* Effect.sleep("3 seconds")
        const others = yield* Effect.forEach(
          listing,
          (node) => Effect.map(node.lookup(key), ({ timeouts }) => timeouts)
        )
        return [first, others] as const
      })
    )

    assert.isAtLeast(first, 1)
    assert.deepStrictEqual(others, Array.from({ length: 12 }, () => 0))
  })
})

describe("a read", () => {
  /** Rounds that can be stopped. */
  const interval = { seconds: 1 }
  const settings = { stabilizeInterval: interval, fingerInterval: interval, repairInterval: "1 hour" } as const
  const entries = Array.from({ length: 30 }, (_, index) => [`key ${index}`, `value ${index}`] as const)

  /** A ring that holds the entries, and in which nobody repairs anything any more. */
  const startStill = Effect.fnUntraced(function*(simulation: Simulation.Simulation) {
    interval.seconds = 1
    const nodes = yield* startRing(simulation, 8, settings)
    yield* nodes[0]!.update(entries)
    interval.seconds = 100_000
    yield* Effect.sleep("5 seconds")
    return nodes
  })

  it("asks three owners and nobody else, where the asker's list reaches that far", () => {
    const [found, calls] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startStill(simulation)
        const callCount = Effect.map(nodes[3]!.stats, ({ calls }) => calls.calls)
        const before = yield* callCount
        const found = yield* Effect.forEach(entries, ([key]) => nodes[3]!.get(key))
        return [found, (yield* callCount) - before]
      })
    )

    assert.deepStrictEqual(found, entries.map(([, value]) => Option.some(value)))
    assert.isAtMost(calls, 3 * entries.length)
  })

  it("finds what a newcomer owns, before the asker's list has heard of it", () => {
    const [found, isKnown] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startStill(simulation)
        const newcomer = yield* startNode(simulation, "new", { ...quick, ...settings, bootstrap: ["0:5555"] })
        yield* newcomer.get("key 0")
        const found = yield* Effect.forEach(nodes, (node) => Effect.forEach(entries, ([key]) => node.get(key)))
        const known = yield* Effect.forEach(nodes, (node) =>
          Effect.map(node.ring, ([member]) =>
            member!.membership.successors.some((contact) =>
              contact.address.host === "new"
            )))
        return [found, known]
      })
    )

    assert.include(isKnown, false)
    for (const values of found) assert.deepStrictEqual(values, entries.map(([, value]) => Option.some(value)))
  })

  it("finds what is left at placements that it did not ask first", () => {
    const lost = simulate((simulation) =>
      Effect.gen(function*() {
        interval.seconds = 1
        const nodes = yield* startRing(simulation, 10, { ...settings, copies: 1 })
        const keys = Array.from({ length: 80 }, (_, index) => `key ${index}`)
        yield* nodes[0]!.update(keys.map((key) => [key, "value"]))
        yield* Effect.sleep("5 seconds")
        const gone = ["1", "2", "3", "4", "5"]
        const left = yield* Effect.filter(keys, (key) =>
          Effect.map(ownersOf(nodes[0]!, key), (owners) => owners.some((host) => !gone.includes(host))))
        for (const host of gone) {
          yield* simulation.crash(host)
        }
        yield* Effect.sleep("10 seconds")
        return yield* Effect.filter(left, (key) =>
          Effect.map(nodes[0]!.get(key), Option.isNone))
      })
    )

    assert.deepStrictEqual(lost, [])
  })

  it("asks another placement, too, when one is silent for two seconds", () => {
    const millis = simulate((simulation) =>
      Effect.gen(function*() {
        const patient = { minTimeout: "30 seconds", initialTimeout: "30 seconds", maxTimeout: "30 seconds" } as const
        const nodes = yield* startRing(simulation, 10, { ...patient, stabilizeInterval: "1 second" })
        const { key, owners } = yield* findKey(nodes[0]!)
        yield* nodes[0]!.set(key, "value")
        for (const host of owners.slice(0, 2)) yield* simulation.network.stall("0", host)
        return yield* Effect.forEach(Array.from({ length: 10 }), () =>
          Effect.gen(function*() {
            const start = yield* Clock.currentTimeMillis
            assert.deepStrictEqual(yield* nodes[0]!.get(key), Option.some("value"))
            return (yield* Clock.currentTimeMillis) - start
          }))
      })
    )

    assert.isBelow(Math.max(...millis), 5000)
    assert.isAbove(Math.max(...millis), 2000)
  })
})
