import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { Readers, type Sized } from "../../src/Transport/Readers.ts"

/** So many bytes at the start of a chunk. */
class Item implements Sized<Item> {
  readonly bytes: Uint8Array
  readonly number: number
  constructor(number: number, bytes: Uint8Array) {
    this.number = number
    this.bytes = bytes
  }
  get heldBytes(): number {
    return this.bytes.length
  }
  get sharedMemory(): ArrayBufferLike | undefined {
    return this.bytes.buffer.byteLength > 2 * this.bytes.length ? this.bytes.buffer : undefined
  }
  copy(): Item {
    return new Item(this.number, this.bytes.slice())
  }
}

const items = (count: number, bytes: number, chunkBytes: number): Array<Item> =>
  Array.from({ length: count }, (_, number) => new Item(number, new Uint8Array(chunkBytes).subarray(0, bytes)))

const memoryOf = (all: ReadonlyArray<Item>): number =>
  [...new Set(all.map(({ bytes }) => bytes.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)

/** Publishes all items to a reader that hangs with the first one, and gives what it has when it goes on. */
const lag = Effect.fnUntraced(function*(readers: Readers<Item>, all: ReadonlyArray<Item>) {
  const goOn = yield* Deferred.make<void>()
  const taken: Array<Item> = []
  const reader = yield* readers.stream.pipe(
    Stream.runForEach((item) => Effect.andThen(Deferred.await(goOn), Effect.sync(() => taken.push(item)))),
    Effect.forkScoped({ startImmediately: true })
  )
  readers.publish(all[0]!)
  yield* Effect.yieldNow
  for (const item of all.slice(1)) readers.publish(item)
  yield* Deferred.succeed(goOn, undefined)
  yield* readers.end
  yield* Fiber.join(reader)
  return taken
})

describe("Readers", () => {
  it.effect("keeps for a reader that is behind an eighth more than its bound of what others fill", () =>
    Effect.gen(function*() {
      const readers = Readers.ofMessages<Item>(10_000, 80_000, () => {})
      const all = items(500, 100, 4000)

      const taken = yield* lag(readers, all)

      assert.deepStrictEqual(taken.map(({ number }) => number), all.map(({ number }) => number))
      // Two chunks, beside that of the first item, which the reader has.
      assert.isAtMost(memoryOf(taken), 4000 + 10_000 + 500 * 100)
    }))

  it.effect("copies nothing of what came together, nor what is most of its memory", () =>
    Effect.gen(function*() {
      const chunk = new Uint8Array(4000)
      const together = Array.from({ length: 40 }, (_, number) => new Item(number, chunk.subarray(0, 100)))
      const whole = items(5, 2500, 4000)

      for (const all of [together, whole]) {
        const readers = Readers.ofMessages<Item>(10_000, 20_000, () => {})
        assert.deepStrictEqual((yield* lag(readers, all)).map((item) => all.includes(item)), all.map(() => true))
      }
    }))

  it.effect("copies nothing for a reader that takes each item at once", () =>
    Effect.gen(function*() {
      const readers = Readers.ofMessages<Item>(10_000, 1000, () => {})
      const taken: Array<Item> = []
      yield* readers.stream.pipe(
        Stream.runForEach((item) => Effect.sync(() => taken.push(item))),
        Effect.forkScoped({ startImmediately: true })
      )
      const all = items(20, 100, 4000)

      for (const item of all) {
        readers.publish(item)
        yield* Effect.yieldNow
        yield* Effect.yieldNow
      }

      assert.deepStrictEqual(taken.map((item) => all.includes(item)), all.map(() => true))
    }))

  it.effect("loses the oldest items past the bound in bytes, and tells how many", () =>
    Effect.gen(function*() {
      let lost = 0
      const readers = Readers.ofMessages<Item>(10_000, 1000, (count) => lost = count)

      const taken = yield* lag(readers, items(31, 100, 100))

      assert.deepStrictEqual(taken.map(({ number }) => number), [0, ...Array.from({ length: 10 }, (_, i) => i + 21)])
      assert.strictEqual(lost, 20)
    }))
})
