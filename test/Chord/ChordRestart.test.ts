/** Nodes that stand still or go down, and come back with what they held. */
import { assert, describe, it } from "@effect/vitest"
import { Context, type Duration, Effect, Layer, Option, Result } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import { tables } from "../../src/Chord/KeyPlacement.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { maxPackets } from "../../src/Protocol/Message.ts"
import { quick, type Settings, simulate, startRing, untilIdeal } from "../utils/ChordRing.ts"
import { record } from "./records.ts"

const nodeCount = 16
const settings = { ...quick, copies: 1, repairInterval: "20 seconds" } as const
const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`)

/** Starts all nodes at once, on hosts of these names, and waits until their ring is ideal. */
const startAll = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  shares: ReadonlyArray<Context.Context<ChordStorage>>,
  nameOf: (index: number) => string
) {
  const nodes = yield* Effect.forEach(shares, (share, index) => {
    const host = nameOf(index)
    const node = MemoryChord.layerStorage({
      ...settings,
      host,
      bootstrap: index === 0 ? [] : [`${nameOf(0)}:5555`]
    })
    return Effect.map(
      simulation.start(host, node.pipe(Layer.provide(Layer.succeedContext(share)))),
      Context.get(Chord)
    )
  })
  yield* untilIdeal(nodes)
  return nodes
})

/** Keys that fewer than three of their five placements have. */
const missing = (chord: Chord["Service"], all: ReadonlyArray<string> = keys) =>
  Effect.filter(
    all,
    (key) => Effect.map(chord.read(key, { quorum: 5 }), (entry) => Option.isNone(entry) || entry.value.isDegraded),
    { concurrency: 8 }
  )

/** Has all nodes of a ring go down, and come back on hosts of other names if need be. */
const comeBack = (nameOf: (index: number) => string, pause: Duration.Input) =>
  simulate((simulation) =>
    Effect.gen(function*() {
      const shares = yield* Effect.forEach(
        Array.from({ length: nodeCount }),
        () => Layer.build(Layer.fresh(ChordStorage.layerMemory()))
      )
      const before = yield* startAll(simulation, shares, String)
      yield* before[0]!.update(keys.map((key) => [key, "value"]))
      for (let index = 0; index < nodeCount; index++) yield* simulation.crash(`${index}`)
      const after = yield* startAll(simulation, shares, nameOf)
      yield* Effect.sleep(pause)
      return { before: before.map(({ id }) => id), after: after.map(({ id }) => id), lost: yield* missing(after[3]!) }
    })
  )

describe("a ring of which all nodes come back", () => {
  it("is as it was at the same addresses: everybody in its place, with its share", () => {
    const { after, before, lost } = comeBack(String, 0)

    assert.deepStrictEqual(after, before)
    assert.deepStrictEqual(lost, [])
  })

  it("has everything where it belongs after some repairs, at other addresses", () => {
    const { after, before, lost } = comeBack((index) => `other-${index}`, "3 minutes")

    assert.notIncludeMembers(before, after)
    assert.deepStrictEqual(lost, [])
  })
})

/** A key of which all placements lie with that node. */
const keyOf = Effect.fnUntraced(function*(asker: Chord["Service"], owner: Chord["Service"]) {
  for (let count = 0;; count++) {
    const key = `key ${count}`
    const owners = yield* Effect.forEach(
      tables,
      (table) => Effect.map(asker.lookup(key, { table }), (found) => found.owner.nodeId)
    )
    if (owners.every((id) => id === owner.id)) return key
  }
})

/** The node `away`, on a share that outlives it. */
const startAway = (simulation: Simulation.Simulation, share: Context.Context<ChordStorage>, changes: Settings = {}) => {
  const options = { ...quick, host: "away", bootstrap: ["0:5555"], ...changes }
  const node = MemoryChord.layerStorage(options).pipe(Layer.provide(Layer.succeedContext(share)))
  return Effect.map(simulation.start("away", node), Context.get(Chord))
}

describe("a node that comes back with its share", () => {
  it("gives nothing of what others replaced while it was away, from the first moment on", () => {
    const values = simulate((simulation) =>
      Effect.gen(function*() {
        const share = yield* Layer.build(Layer.fresh(ChordStorage.layerMemory()))
        const [first, reader] = yield* startRing(simulation, 2)
        const away = yield* startAway(simulation, share)
        yield* untilIdeal([first!, reader!, away])
        const key = yield* keyOf(reader!, away)
        yield* reader!.set(key, "before")
        yield* simulation.crash("away")
        yield* Effect.sleep("30 seconds")
        yield* reader!.set(key, "after")
        const found = new Set<string | undefined>()
        yield* Effect.forkScoped(startAway(simulation, share))
        for (let count = 0; count < 200; count++) {
          yield* Effect.forkScoped(
            Effect.map(reader!.get(key), (value) => void found.add(Option.getOrUndefined(value)))
          )
          yield* Effect.sleep("5 millis")
        }
        yield* Effect.sleep("20 seconds")
        const [member] = yield* reader!.ring
        return [[...found], member!.membership.successors.length]
      })
    )

    assert.deepStrictEqual(values, [["after"], 2])
  })

  it("gives nothing at all while it does not find its ring", () => {
    const values = simulate((simulation) =>
      Effect.gen(function*() {
        const share = yield* Layer.build(Layer.fresh(ChordStorage.layerMemory()))
        const interval = { seconds: 1 }
        const nodes = yield* startRing(simulation, 4, { stabilizeInterval: interval })
        const away = yield* startAway(simulation, share, { stabilizeInterval: interval })
        yield* untilIdeal([...nodes, away])
        const key = yield* keyOf(nodes[0]!, away)
        yield* nodes[0]!.set(key, "before")
        // Nobody learns of a death by a round.
        interval.seconds = 100_000
        yield* Effect.sleep("2 seconds")
        yield* simulation.crash("away")
        yield* nodes[0]!.set(key, "after")
        yield* Effect.forkScoped(startAway(simulation, share, { bootstrap: ["nobody:1"] }))
        const found = new Set<string | undefined>()
        for (let count = 0; count < 1000; count++) {
          yield* Effect.forkScoped(
            Effect.map(nodes[count % 4]!.get(key), (value) => void found.add(Option.getOrUndefined(value)))
          )
          yield* Effect.sleep("10 millis")
        }
        yield* Effect.sleep("20 seconds")
        return [...found]
      })
    )

    assert.deepStrictEqual(values, ["after"])
  })
})

describe("a node that comes between another one and its heir", () => {
  it("has what the other one holds before the next repair, and gives it when that one dies", () => {
    const lost = simulate((simulation) =>
      Effect.gen(function*() {
        const settings = { copies: 2, repairInterval: "1 hour", minSuccessors: 4 } as const
        const share = yield* Layer.build(Layer.fresh(ChordStorage.layerMemory()))
        const nodes = yield* startRing(simulation, 7, settings)
        const heir = yield* startAway(simulation, share, settings)
        yield* untilIdeal([...nodes, heir])
        const [place] = yield* heir.ring
        const owner = nodes.find(({ id }) => id === place!.membership.predecessor?.nodeId)!
        const reader = nodes.find((node) => node !== owner)!
        yield* simulation.crash("away")
        yield* untilIdeal(nodes)
        const many = Array.from({ length: 400 }, (_, index) => `key ${index}`)
        yield* reader.update(many.map((key) => [key, "value"]))
        yield* startAway(simulation, share, settings)
        yield* Effect.sleep("5 seconds")
        yield* simulation.crash(owner.address.host)
        yield* Effect.sleep("10 seconds")
        return yield* missing(reader, many)
      })
    )

    assert.deepStrictEqual(lost, [])
  })
})

describe("a node that comes with more small records than a message has packets", () => {
  it("hands them over all the same", () => {
    const count = 6000
    const { held, sent } = simulate((simulation) =>
      Effect.gen(function*() {
        const share = yield* Layer.build(Layer.fresh(ChordStorage.layerMemory()))
        const records = Array.from({ length: count }, (_, index) => record(`${index}`, 1e12, "v", { writer: "w" }))
        yield* Context.get(share, ChordStorage).putAll(records)
        const [other] = yield* startRing(simulation, 1, { repairInterval: "1 hour" })
        const away = yield* startAway(simulation, share)
        yield* Effect.sleep("30 seconds")
        return { held: (yield* other!.holdings(count + 1)).length, sent: (yield* away.stats).recordsSent }
      })
    )

    assert.strictEqual(held, count)
    // The other one may have asked for some by itself.
    assert.isAbove(sent, maxPackets)
  })
})

describe("a node that stood still", () => {
  it("does not answer with what it held before others took its place", () => {
    const [own, other] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 3)
        const [asleep, awake] = [nodes[1]!, nodes[2]!]
        const key = yield* keyOf(awake, asleep)
        yield* awake.set(key, "before")
        yield* simulation.pause("1")
        yield* Effect.sleep("30 seconds")
        yield* awake.set(key, "after")
        yield* simulation.resume("1")
        return [yield* asleep.get(key), yield* awake.get(key)]
      })
    )

    assert.deepStrictEqual([own, other].map((value) => Option.getOrUndefined(value!)), ["after", "after"])
  })
})

describe("a node that was cut off", () => {
  it("gives the others nothing of before once they ask it again", () => {
    const values = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 3)
        const [apart, reader] = [nodes[1]!, nodes[2]!]
        const key = yield* keyOf(reader, apart)
        yield* reader.set(key, "before")
        yield* simulation.network.partition([["1"]])
        yield* Effect.sleep("60 seconds")
        yield* reader.set(key, "after")
        yield* simulation.network.heal
        const found = new Set<string | undefined>()
        for (let count = 0; count < 1000; count++) {
          found.add(Option.getOrUndefined(yield* reader.get(key)))
          yield* Effect.sleep("20 millis")
        }
        return [[...found], (yield* reader.lookup(key)).owner.nodeId === apart.id]
      })
    )

    assert.deepStrictEqual(values, [["after"], true])
  })

  it("acknowledges nothing by itself, and goes on when it is left alone for long", () => {
    const [cutOff, alone] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        const others = ["0", "2", "3", "4", "5"]
        yield* simulation.network.partition([["1"]])
        const isAlone = Effect.map(nodes[1]!.ring, ([member]) => member!.membership.successors.length === 0)
        yield* Effect.repeat(Effect.delay(isAlone, "100 millis"), { until: (is) => is })
        const cutOff = yield* Effect.result(nodes[1]!.set("key", "value", { timeout: "1 second" }))
        for (const host of others) yield* simulation.crash(host)
        yield* Effect.sleep("10 seconds")
        return [cutOff, yield* Effect.result(nodes[1]!.set("key", "value"))]
      })
    )

    assert.isTrue(Result.isFailure(cutOff!))
    assert.isTrue(Result.isSuccess(alone!))
  })

  it("from all but one does not take the ring for its own, and goes on when that one is gone, too", () => {
    const { alone, outcomes, written } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 9, settings)
        const [member] = yield* nodes[1]!.ring
        const left = member!.membership.successors[1]!.address.host
        yield* nodes[0]!.update(keys.map((key) => [key, "value"]))
        for (const { address: { host } } of member!.membership.successors) {
          if (host === left) continue
          yield* simulation.network.cut("1", host)
          yield* simulation.network.cut(host, "1")
        }
        const outcomes = new Set<string>()
        for (let count = 0; count < 7; count++) {
          yield* Effect.forEach(keys, (key) =>
            Effect.match(nodes[1]!.get(key, { timeout: "1 second" }), {
              onFailure: ({ _tag }) => outcomes.add(_tag),
              onSuccess: (value) => outcomes.add(Option.getOrElse(value, () => "nothing"))
            }), { concurrency: "unbounded", discard: true })
          yield* Effect.sleep("15 seconds")
        }
        const written = yield* Effect.result(nodes[1]!.set("key", "value", { timeout: "1 second" }))
        for (const { address: { host } } of member!.membership.successors) yield* simulation.crash(host)
        yield* Effect.sleep("60 seconds")
        return { outcomes, written, alone: yield* Effect.result(nodes[1]!.set("key", "value")) }
      })
    )

    assert.isFalse(outcomes.has("nothing"), [...outcomes].join())
    assert.isTrue(outcomes.has("QuorumError"))
    assert.isTrue(Result.isFailure(written))
    assert.isTrue(Result.isSuccess(alone))
  })
})
