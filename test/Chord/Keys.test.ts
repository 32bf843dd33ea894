/** What is kept of the keys that an application uses. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Keys } from "../../src/Chord/internal/Keys.ts"
import { KeyPlacement, tables } from "../../src/Chord/KeyPlacement.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { simulate, startNode } from "../utils/ChordRing.ts"
import { cutText, heldBytes } from "../utils/heldBytes.ts"

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

  it.effect("keeps nothing of the texts out of which they were cut", () =>
    Effect.gen(function*() {
      const { keys } = yield* counted
      keys.of("first")
      const before = heldBytes()

      for (let index = 0; index < 50; index++) keys.of(cutText(index))

      assert.isBelow(heldBytes() - before, 10_000_000)
      assert.strictEqual(keys.of(cutText(7)), keys.of(cutText(7)))
    }).pipe(Effect.provide(NodeHashing.layer)))

  it("are kept by the share of a node that wrote them without the texts out of which they were cut", () => {
    const held = simulate((simulation) =>
      Effect.gen(function*() {
        const node = yield* startNode(simulation, "0")
        yield* node.set("first", "value")
        const before = heldBytes()
        for (let index = 0; index < 50; index++) yield* node.set(cutText(index), "value")
        return heldBytes() - before
      })
    )

    assert.isBelow(held, 10_000_000)
  })
})
