/** Which of two writes of a key stays. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { findKey, simulate, startRing } from "../utils/ChordRing.ts"

describe("of two writes", () => {
  it("the later one stays, though the earlier one comes to most placements after it", () => {
    const [values, versions] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 10)
        const { key, owners } = yield* findKey(nodes[0]!)
        const late = owners.slice(2)
        yield* nodes[0]!.set(key, "first")
        const early = yield* Effect.forkChild(nodes[0]!.set(key, "early"))
        // It has asked for versions, and is on its way to the placements.
        yield* Effect.sleep("50 millis")
        for (const host of late) yield* simulation.network.stall("0", host)
        yield* Effect.sleep("3 seconds")
        const before = yield* nodes[Number(owners[0])]!.get(key)
        const second = yield* nodes[Number(owners[0])]!.set(key, "late")
        for (const host of late) yield* simulation.network.unstall("0", host)

        const first = yield* Fiber.join(early)

        yield* Effect.sleep("10 seconds")
        const after = yield* Effect.forEach(nodes, (node) => node.get(key))
        return [[before, ...after], [first.millis, second.millis]]
      })
    )

    assert.deepStrictEqual(values!.map(Option.getOrUndefined), ["early", ...Array.from({ length: 10 }, () => "late")])
    assert.isBelow(versions![0]!, versions![1]!)
  })

  it("the later one stays, though the clock of the earlier one's node is far ahead", () => {
    const values = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 10)
        yield* simulation.skew("3", "20 seconds")
        const found = []
        for (let count = 0; count < 20; count++) {
          yield* nodes[3]!.set(`key ${count}`, "early")
          yield* nodes[5]!.set(`key ${count}`, "late")
          found.push(yield* nodes[count % 10]!.get(`key ${count}`))
        }
        return found
      })
    )

    assert.deepStrictEqual(values.map(Option.getOrUndefined), Array.from({ length: 20 }, () => "late"))
  })
})

describe("a node whose clock is ten minutes ahead", () => {
  it("does not have its write, nor keep others from writing that key", () => {
    const { error, values, written } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 12)
        const { key, owners } = yield* findKey(nodes[0]!)
        yield* nodes[0]!.set(key, "first")
        const wrong = Number(owners[1])
        yield* simulation.skew(owners[1]!, "10 minutes")
        const error = yield* Effect.flip(nodes[wrong]!.set(key, "from the future"))
        const values: Array<string> = []
        const written: Array<string> = []
        for (const [index, node] of nodes.entries()) {
          if (index === wrong) continue
          yield* node.set(key, `by ${index}`)
          written.push(`by ${index}`)
          const read = yield* nodes[0]!.read(key, { fallback: false })
          values.push(Option.match(read, { onNone: () => "none", onSome: ({ value }) => value }))
        }
        return { error, values, written }
      })
    )

    assert.include(error.message, "ahead")
    assert.deepStrictEqual(values, written)
  })

  it("says so where no quorum is of its mind", () => {
    const error = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        yield* nodes[0]!.set("key", "value")
        yield* simulation.skew("3", "-10 minutes")
        return yield* Effect.flip(nodes[3]!.set("key", "from the past"))
      })
    )

    assert.strictEqual(error._tag, "VersionTooFarAhead")
  })
})

describe("a read that finds a write which failed", () => {
  it("gives it once all others find it, too, though the reader goes a moment later", () => {
    const { after, written } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 12, { repairInterval: "1 hour" })
        const { key, owners } = yield* findKey(nodes[0]!)
        yield* nodes[0]!.set(key, "old")
        const writing = yield* Effect.forkChild(Effect.exit(nodes[0]!.set(key, "new", { timeout: "1 second" })))
        // It has asked for versions, and is on its way to the placements.
        yield* Effect.sleep("50 millis")
        for (const host of owners.slice(1)) yield* simulation.network.stall("0", host)
        const written = yield* Fiber.join(writing)

        const [reader, ...others] = nodes.slice(1).filter((_, index) => !owners.includes(`${index + 1}`))
        // A read asks three placements, from one on that is drawn.
        while (Option.getOrUndefined(yield* reader!.get(key)) !== "new") yield* Effect.sleep("1 second")
        yield* simulation.crash(`${nodes.indexOf(reader!)}`)

        return { written, after: yield* Effect.forEach(others, (node) => Effect.replicateEffect(node.get(key), 5)) }
      })
    )

    assert.isTrue(Exit.isFailure(written))
    assert.deepStrictEqual(new Set(after.flat().map(Option.getOrUndefined)), new Set(["new"]))
  })
})
