import { assert, describe, it } from "@effect/vitest"
import { joined } from "../../src/Transport/internal/Joined.ts"

const frame = (fill: number, bytes = 100) => new Uint8Array(bytes).fill(fill)

describe("frames that many links write", () => {
  it("are joined once for all of them", () => {
    const frames = [frame(1), frame(2), frame(3)]

    const blocks = joined([...frames])

    assert.deepStrictEqual(Buffer.concat(blocks), Buffer.concat(frames))
    assert.strictEqual(joined([...frames]), blocks)
  })

  it("are joined anew where one link has others, more or fewer, equal ones as well", () => {
    const frames = [frame(1), frame(2), frame(3)]

    for (
      const others of [[frame(1), frame(2), frame(3)], frames.slice(0, 2), [...frames, frame(4)], frames.toReversed()]
    ) {
      const blocks = joined([...frames])
      assert.notStrictEqual(joined(others), blocks)
      assert.deepStrictEqual(Buffer.concat(joined(others)), Buffer.concat(others))
    }
  })

  it("are as they were where there is one, or none", () => {
    const alone = [frame(1)]

    assert.strictEqual(joined(alone), alone)
    assert.deepStrictEqual(joined([]), [])
  })

  it("are not kept where they are large", () => {
    const large = Array.from({ length: 20 }, (_, fill) => frame(fill, 15_000))

    const blocks = joined(large)

    assert.notStrictEqual(joined(large), blocks)
    assert.deepStrictEqual(joined(large), blocks)
  })
})
