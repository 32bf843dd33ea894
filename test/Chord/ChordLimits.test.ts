/** Nodes of one ring that take records of different sizes, and those that take no more. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Result } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import { ownersOf, quick, simulate, startNode, startRing, untilIdeal } from "../utils/ChordRing.ts"

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

describe("a ring whose messages are short", () => {
  it("has all copies everywhere, of values large and small", () => {
    const counts = simulate((simulation) =>
      Effect.gen(function*() {
        const settings = { maxMessageBytes: 20_000 }
        const nodes = yield* startRing(simulation, 3, settings)
        const many = Array.from({ length: 400 }, (_, count) => `key ${count}`)
        yield* nodes[0]!.update(many.map((key, index) => [key, "x".repeat(index % 10 === 0 ? 15_000 : 200)]))
        const late = yield* startNode(simulation, "late", { ...settings, bootstrap: ["0:5555"] })
        yield* untilIdeal([...nodes, late])
        yield* Effect.sleep("20 seconds")
        return yield* Effect.forEach(
          [...nodes, late],
          (node) => Effect.map(node.stats, ({ storage }) => storage.records)
        )
      })
    )

    assert.deepStrictEqual(counts, [400, 400, 400, 400])
  })
})

describe("values that no message holds", () => {
  const settings = { ...quick, maxMessageBytes: 20_000 }
  const larger = "x".repeat(30_000)

  it("are refused, and not kept where nobody could get them", () => {
    const { held, messages } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 3, settings)
        const messages = yield* Effect.forEach(nodes, (node) => Effect.flip(node.set("key", larger)))
        const held = yield* Effect.forEach(nodes, (node) => node.holdings())
        return { held: held.flat(), messages: messages.map(({ message }) => message) }
      })
    )

    for (const message of messages) assert.include(message, "the limit is 20000 (maxMessageBytes)")
    assert.deepStrictEqual(held, [])
  })

  it("keep no others from being copied, where they come from when messages could be longer", () => {
    const held = simulate((simulation) =>
      Effect.gen(function*() {
        const storage = yield* Layer.build(ChordStorage.layerMemory())
        const start = (options: Partial<MemoryChord.MemoryChordOptions>) =>
          simulation.start(
            "a",
            MemoryChord.layerStorage({ ...quick, ...options, host: "a" }).pipe(
              Layer.provide(Layer.succeedContext(storage))
            )
          )
        const before = Context.get(yield* start({}), Chord)
        yield* before.update([...keys, ...largeKeys].map((key) => [key, largeKeys.includes(key) ? larger : "value"]))
        yield* simulation.stop("a")
        const node = Context.get(yield* start(settings), Chord)
        const late = yield* startNode(simulation, "late", { ...settings, bootstrap: ["a:5555"] })
        yield* untilIdeal([node, late])
        yield* Effect.sleep("20 seconds")
        return (yield* late.holdings()).map(({ key }) => key)
      })
    )

    assert.sameMembers(held, keys)
  })
})

describe("a key that is longer than keys may be", () => {
  it.each([1, 4])("is not there, in a ring of %d", (count) => {
    const found = simulate((simulation) =>
      Effect.flatMap(startRing(simulation, count), ([reader]) => reader!.get("x".repeat(2000)))
    )

    assert.deepStrictEqual(found, Option.none())
  })
})

describe("a write that nobody takes", () => {
  it("tells that shares are full, and how much they take", () => {
    const message = simulate((simulation) =>
      Effect.gen(function*() {
        const node = MemoryChord.layerStorage({ host: "a" }).pipe(
          Layer.provide(Layer.fresh(ChordStorage.layerMemory({ maxRecords: 1 })))
        )
        const chord = Context.get(yield* simulation.start("a", node), Chord)
        yield* chord.set("first", "value")
        return (yield* Effect.flip(chord.set("second", "value"))).message
      })
    )

    assert.include(message, "it takes 1 records (maxRecords)")
  })

  it("tells that the clock of its writer is days behind", () => {
    const message = simulate((simulation) =>
      Effect.gen(function*() {
        const [writer] = yield* startRing(simulation, 3)
        yield* simulation.skew("0", "-3 days")
        return (yield* Effect.flip(writer!.set("key", "value", { ttl: "1 hour" }))).message
      })
    )

    assert.include(message, "set this one or the clock of its writer")
  })
})
