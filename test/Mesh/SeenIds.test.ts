import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { SeenIds } from "../../src/Mesh/SeenIds.ts"

const secret = [0x9e3779b9, 0x7f4a7c15] as const
/** An id for a text. */
const of = (text: string): Uint8Array => new TextEncoder().encode(text.padEnd(24))

describe("SeenIds", () => {
  it("knows an id up to the last second of its lifetime and no longer", () => {
    const seen = new SeenIds(120, 10, secret)

    assert.isTrue(seen.add(of("a"), 1000))
    assert.isFalse(seen.add(of("a"), 1000))
    assert.isFalse(seen.add(of("a"), 1120))
    assert.isTrue(seen.add(of("a"), 1121))
  })

  it("forgets the id noted longest ago when it is full", () => {
    const seen = new SeenIds(120, 3, secret)
    for (const id of ["a", "b", "c", "d"]) seen.add(of(id), 0)

    assert.strictEqual(seen.count, 3)
    assert.isFalse(seen.add(of("b"), 0))
    assert.isTrue(seen.add(of("a"), 0))
  })

  it("holds nothing that has expired once time has gone on", () => {
    const seen = new SeenIds(10, 1000, secret)
    for (let i = 0; i < 500; i++) seen.add(of(`old ${i}`), 0)

    seen.add(of("new"), 11)

    assert.strictEqual(seen.count, 1)
  })

  it("does not forget early when the clock goes back", () => {
    const seen = new SeenIds(60, 1000, secret)
    seen.add(of("a"), 5000)

    assert.isFalse(seen.add(of("a"), 1400))
    assert.isFalse(seen.add(of("a"), 5060))
  })

  const Steps = Schema.Array(Schema.Tuple([
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))
  ]))

  it.prop("agrees with a plain list of ids and times", [Steps], ([steps]) => {
    const seen = new SeenIds(8, 1_000_000, secret)
    const noted = new Map<string, number>()
    let now = 0
    for (const [number, pause] of steps) {
      now += pause
      const id = String(number)
      const last = noted.get(id)
      const isNew = last === undefined || now > last + 8
      assert.strictEqual(seen.add(of(id), now), isNew)
      if (isNew) noted.set(id, now)
    }
  })
})
