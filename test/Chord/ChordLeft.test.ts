/** A ring that all of its nodes have left. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { simulate, startRing, untilIdeal } from "../utils/ChordRing.ts"

describe("a ring that all nodes have left", () => {
  const leaveAll = (virtualNodes: number) =>
    simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 3, { virtualNodes })
        const [first, second, third] = nodes
        yield* first!.set("key", "value")
        yield* Effect.forEach(nodes, (node) => node.leave, { concurrency: "unbounded" })
        yield* Effect.sleep("5 seconds")
        const refusals = [yield* Effect.flip(first!.get("key")), yield* Effect.flip(second!.join("0:5555"))]
        yield* first!.join("0:5555")
        yield* second!.join("0:5555")
        yield* third!.join("1:5555")
        yield* untilIdeal(nodes)
        const values = yield* Effect.forEach(nodes, (node) => node.get("key"))
        return { messages: refusals.map(({ message }) => message), values }
      })
    )

  it.each([1, 4])("begins anew when one joins its own address, with what was stored: %i positions each", (count) => {
    const { values } = leaveAll(count)

    assert.deepStrictEqual(values, [Option.some("value"), Option.some("value"), Option.some("value")])
  })

  it("has its nodes say so, to their users and to each other", () => {
    const { messages } = leaveAll(1)

    for (const message of messages) assert.match(message, /has left its ring: join .* own address to begin/)
  })

  it("is no place for a node that is in a ring: its own address is none to join", () => {
    const error = simulate((simulation) =>
      Effect.flatMap(startRing(simulation, 2), ([first]) => Effect.flip(first!.join("0:5555")))
    )

    assert.include(error.message, "that address is this node itself")
  })
})
