/** What a node whose clock is wrong does to the values of others. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Option, Result, Schema } from "effect"
import type * as Record from "../../src/Chord/Record.ts"
import { RecordBatch, RecordIndex } from "../../src/Chord/RecordIndex.ts"
import { findKey, simulate, startNode, startRing, untilIdeal } from "../utils/ChordRing.ts"
import { arbitraryRecord } from "./records.ts"

const keys = Array.from({ length: 20 }, (_, count) => `key ${count}`)

describe("values with a time, beside a node whose clock is two hours ahead", () => {
  it.each([4, 9])("are there up to it, and not after it, in a ring of %d", (nodeCount) => {
    const counts = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, nodeCount)
        const countAt = (index: number) =>
          Effect.map(
            Effect.forEach(keys, (key) => nodes[index]!.get(key), { concurrency: 5 }),
            (values) => values.filter(Option.isSome).length
          )
        yield* simulation.skew("3", "2 hours")
        yield* Effect.forEach(keys, (key) => nodes[1]!.set(key, "value", { ttl: "5 minutes" }), { concurrency: 5 })
        yield* Effect.sleep("30 seconds")
        const others = yield* countAt(2)
        yield* simulation.skew("3", 0)
        yield* Effect.sleep("30 seconds")
        const itself = yield* countAt(3)
        yield* Effect.sleep("5 minutes")
        return { others, itself, after: yield* countAt(2) }
      })
    )

    assert.deepStrictEqual(counts, { others: keys.length, itself: keys.length, after: 0 })
  })
})

describe("a node whose clock is wrong", () => {
  it("writes again as soon as it is right, though it wrote while it was two hours ahead", () => {
    const results = simulate((simulation) =>
      Effect.gen(function*() {
        const [, writer, reader] = yield* startRing(simulation, 6)
        yield* simulation.skew("1", "2 hours")
        const ahead = yield* Effect.result(writer!.set("ahead", "value"))
        yield* simulation.skew("1", 0)
        yield* Effect.sleep("30 seconds")
        yield* writer!.set("key", "value")
        return [Result.isFailure(ahead), yield* reader!.get("key")]
      })
    )

    assert.deepStrictEqual(results, [true, Option.some("value")])
  })

  it.each([2, 5])("leaves nothing behind of what nobody took, in a ring of %d", (nodeCount) => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, nodeCount)
        yield* simulation.skew("1", "4 minutes")
        for (const key of keys) yield* Effect.flip(nodes[1]!.set(key, "ahead", { timeout: "2 seconds" }))
        yield* simulation.skew("1", 0)
        yield* Effect.forEach(keys, (key) => nodes[0]!.set(key, "written"))
        const found = new Set<string | undefined>()
        for (const minutes of [1, 5]) {
          yield* Effect.sleep(`${minutes} minutes`)
          for (const node of nodes) {
            for (const key of keys) found.add(Option.getOrUndefined(yield* node.get(key, { fallback: false })))
          }
        }
        return [...found]
      })
    )

    assert.deepStrictEqual(found, ["written"])
  })

  it("keeps nobody from writing other keys, though some just take its versions and are ahead of others themselves", () => {
    const failed = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 8)
        for (let index = 0; index < 7; index++) yield* simulation.skew(`${index}`, index % 2 === 0 ? 400 : -400)
        yield* simulation.skew("7", "60 seconds")
        const beat = Effect.ignore(nodes[7]!.set("beat", "value", { timeout: "2 seconds" }))
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(beat, Effect.sleep("200 millis"))))
        yield* Effect.sleep("5 seconds")
        const failed: Array<number> = []
        for (const [index, node] of nodes.slice(0, 7).entries()) {
          for (const key of keys.slice(0, 5)) {
            if (Result.isFailure(yield* Effect.result(node.set(`${key} of ${index}`, "value")))) failed.push(index)
          }
        }
        return failed
      })
    )

    assert.deepStrictEqual(failed, [])
  })

  it("has nobody's write hidden by one before it that failed: neither knew what the other stored", () => {
    const found = Array.from({ length: 8 }, (_, seed) =>
      simulate((simulation) =>
        Effect.gen(function*() {
          const nodes = yield* startRing(simulation, 16, {
            copies: 2,
            maxClockSkew: "6 minutes",
            repairInterval: "1 hour"
          })
          const { key, owners } = yield* findKey(nodes[0]!)
          const far = owners.slice(1)
          const ahead = nodes.findIndex((_, index) => index > 0 && !owners.includes(`${index}`))
          const { network } = simulation
          yield* simulation.skew(`${ahead}`, "5 minutes")
          yield* nodes[ahead]!.set("of the future", "value")
          yield* nodes[0]!.set("of the future", "value")
          yield* nodes[0]!.set(key, "old")
          yield* Effect.forEach(far, (host) => Effect.andThen(network.cut("0", host), network.cut(host, "0")))
          const failed = yield* Effect.result(nodes[0]!.set(key, "failed", { timeout: "3 seconds" }))
          yield* Effect.forEach(far, (host) => network.reset("0", host))
          yield* Effect.sleep("9 seconds")
          yield* Effect.forEach(far, (host) => Effect.andThen(network.mend("0", host), network.mend(host, "0")))
          yield* Effect.sleep("1 second")
          yield* nodes[0]!.set(key, "written")
          const values: Array<string> = []
          for (let count = 0; count < 5; count++) {
            values.push(Option.getOrThrow(yield* nodes[0]!.get(key)))
            yield* Effect.sleep("1 second")
          }
          return [Result.isFailure(failed), ...new Set(values)]
        }), { seed: `s${seed + 3}` }))

    for (const each of found) assert.deepStrictEqual(each, [true, "written"])
  })

  it("keeps copies of what is not of its future, though there is some of that as well", () => {
    const held = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 4)
        yield* nodes[0]!.update(keys.map((key) => [key, "value"]))
        yield* Effect.sleep("10 minutes")
        yield* nodes[0]!.update(keys.map((key) => [`new ${key}`, "value"]))
        yield* simulation.crash("2")
        yield* simulation.skew("2", "-5 minutes")
        const behind = yield* startNode(simulation, "2", { bootstrap: ["0:5555"] })
        yield* untilIdeal([...nodes.filter((_, index) => index !== 2), behind])
        yield* Effect.sleep("20 seconds")
        return (yield* behind.holdings()).map(({ key }) => key)
      })
    )

    assert.sameMembers(held, keys)
  })
})

/** Behind, right and ahead, by milliseconds. */
const skews = [-2, 0, 3]
const oneOf = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: skews.length - 1 })))
const step = Arbitrary.all([oneOf, oneOf, arbitraryRecord(1)])

describe("a key at nodes whose clocks differ", () => {
  it.prop("has the same record everywhere in the end, however they wrote and exchanged it", [
    Arbitrary.array(step, { maxLength: 12 })
  ], ([steps]) => {
    const shares = skews.map(() => new RecordIndex({ maxBytes: 1e6, maxRecords: 10, tombstoneTtlMillis: 1e6 }))
    let nowMillis = 1996
    const change = (index: number, act: (batch: RecordBatch) => void): void => {
      const batch = new RecordBatch(shares[index]!, nowMillis + skews[index]!)
      act(batch)
      shares[index]!.commit(batch)
    }
    const put = (index: number, records: Iterable<Record.Record>): void =>
      change(index, (batch) => {
        for (const record of records) batch.put(record)
      })
    const exchange = (one: number, other: number): void => {
      const given = [...shares[one]!.records()]
      put(one, shares[other]!.records())
      put(other, given)
    }
    for (const [one, other, record] of steps) {
      nowMillis++
      if (one === other) put(one, [record])
      else exchange(one, other)
    }
    // By all clocks all are over.
    nowMillis = 3000
    for (const index of [0, 1, 2]) change(index, (batch) => void batch.sweep())
    for (const [one, other] of [[0, 1], [1, 2], [0, 1]] as const) exchange(one, other)

    const [first, ...others] = shares.map((share) => [...share.records()])
    for (const other of others) assert.deepStrictEqual(other, first)
  }, { arbitrary: { runs: 1000 } })
})
