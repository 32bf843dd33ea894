/** What is kept of the keys that an application uses. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Keys } from "../../src/Chord/internal/Keys.ts"
import { KeyPlacement, tables } from "../../src/Chord/KeyPlacement.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { simulate, startNode } from "../utils/ChordRing.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const heldBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

/** Cut out of a text of a megabyte, as a program does that reads large ones. */
const cutKey = (index: number): string => `${index} `.repeat(2 ** 19).slice(0, 40)

/** Keys whose digests are counted. */
const counted = Effect.map(Hashing, (hashing) => {
  const counts = { digests: 0 }
  const placement = new KeyPlacement({
    ...hashing,
    digest: (...args) => {
      counts.digests++
      return hashing.digest(...args)
    }
  }, 160)
  return { keys: new Keys(placement), plain: new KeyPlacement(hashing, 160), counts }
})

describe("Keys", () => {
  it.effect("takes the digests of a key that is used again and again once", () =>
    Effect.gen(function*() {
      const { counts, keys, plain } = yield* counted

      // Others come between, as many as are forgotten at once and more.
      for (let index = 0; index < 2000; index++) {
        keys.of("often")
        keys.of(`once ${index}`)
      }

      assert.strictEqual(counts.digests, 2001 * tables.length)
      assert.deepStrictEqual(keys.of("often").positions, plain.of("often").positions)
    }).pipe(Effect.provide(NodeHashing.layer)))

  it.effect("forgets those that are not used, and never keeps long ones", () =>
    Effect.gen(function*() {
      const { counts, keys } = yield* counted
      const long = "k".repeat(1000)
      keys.of("once")
      for (let index = 0; index < 2000; index++) keys.of(`other ${index}`)
      const before = counts.digests

      keys.of("once")
      keys.of(long)
      keys.of(long)

      assert.strictEqual(counts.digests - before, 3 * tables.length)
    }).pipe(Effect.provide(NodeHashing.layer)))

  it.effect("keeps nothing of the texts out of which keys were cut", () =>
    Effect.gen(function*() {
      const { keys } = yield* counted
      keys.of("first")
      const before = heldBytes()

      for (let index = 0; index < 50; index++) keys.of(cutKey(index))

      assert.isBelow(heldBytes() - before, 10_000_000)
      assert.strictEqual(keys.of(cutKey(7)), keys.of(cutKey(7)))
    }).pipe(Effect.provide(NodeHashing.layer)))

  it("nor does the share of the node that wrote them", () => {
    const held = simulate((simulation) =>
      Effect.gen(function*() {
        const node = yield* startNode(simulation, "0")
        yield* node.set("first", "value")
        const before = heldBytes()
        for (let index = 0; index < 50; index++) yield* node.set(cutKey(index), "value")
        return heldBytes() - before
      })
    )

    assert.isBelow(held, 10_000_000)
  })
})
