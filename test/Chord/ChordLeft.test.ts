/** What nodes that leave or end may say of their ring: one that all have left, and writes under way at an end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
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

describe("a node that ends in a ring of two", () => {
  it("calls no write acknowledged that the other one has not got", () => {
    const writes = Array.from({ length: 12 }, (_, count) =>
      simulate((simulation) =>
        Effect.gen(function*() {
          const [first, second] = yield* startRing(simulation, 2, { leaveTimeout: 0 })
          const writing = yield* Effect.forkScoped(Effect.option(second!.set("key", "value")))
          yield* Effect.sleep(10 * count)
          yield* simulation.stop("1")
          const written = yield* Fiber.join(writing)
          yield* Effect.sleep("5 seconds")
          return { isAcknowledged: Option.isSome(written), isThere: yield* first!.has("key") }
        })
      ))

    assert.deepStrictEqual(writes.filter((write) => write.isAcknowledged && !write.isThere), [])
    assert.isTrue(writes.some((write) => !write.isAcknowledged))
  })
})
