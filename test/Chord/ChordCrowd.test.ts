/** More reads and writes at once than a node makes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Result } from "effect"
import { simulate, startRing } from "../utils/ChordRing.ts"

const keysUpTo = (count: number) => Array.from({ length: count }, (_, index) => `key ${index}`)
const atOnce = { concurrency: "unbounded" } as const

describe("a node that is asked for much at once", () => {
  it("writes all of it, and reads all of it", () => {
    const keys = keysUpTo(600)
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const [, writer, reader] = yield* startRing(simulation, 3)
        yield* Effect.forEach(keys, (key) => writer!.set(key, key), atOnce)
        return yield* Effect.forEach([...keys, ...keys, ...keys], (key) => reader!.get(key), atOnce)
      })
    )

    assert.deepStrictEqual(found, [...keys, ...keys, ...keys].map(Option.some))
  })

  it("writes in a ring of many nodes, far from each other, what a small one could not have in that time", () => {
    const keys = keysUpTo(300)
    const failed = simulate(
      (simulation) =>
        Effect.gen(function*() {
          const [, writer] = yield* startRing(simulation, 16)
          const write = (key: string) => Effect.result(writer!.set(key, key, { timeout: "5 seconds" }))
          return (yield* Effect.forEach(keys, write, atOnce)).filter(Result.isFailure).length
        }),
      { latency: "100 millis" }
    )

    assert.strictEqual(failed, 0)
  })

  it("tells those that waited for their whole time what to do", () => {
    const messages = simulate((simulation) =>
      Effect.gen(function*() {
        const [, writer] = yield* startRing(simulation, 3)
        const results = yield* Effect.forEach(
          keysUpTo(300),
          (key) => Effect.result(writer!.set(key, "value", { timeout: "200 millis" })),
          atOnce
        )
        return results.flatMap((result) => Result.isFailure(result) ? [result.failure.message] : [])
      })
    )

    assert.isAtLeast(messages.filter((message) => message.includes("ask for fewer at once")).length, 1)
  })

  it("goes on after those were given up that it made and that waited", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const [, writer] = yield* startRing(simulation, 3)
        const writes = Effect.forEach(keysUpTo(300), (key) => writer!.set(key, "value"), atOnce)
        for (const pause of ["0 millis", "1 millis", "50 millis"] as const) {
          const fiber = yield* Effect.forkChild(writes)
          yield* Effect.sleep(pause)
          yield* Fiber.interrupt(fiber)
        }
        yield* Effect.forEach(keysUpTo(40), (key) => writer!.set(key, "another"), atOnce)
        return yield* writer!.get("key 39")
      })
    )

    assert.deepStrictEqual(found, Option.some("another"))
  })
})
