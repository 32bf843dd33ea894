/** The corpus, every finding, and some new inputs for each target; `npm run fuzz` runs longer. */
import { assert, describe, it } from "@effect/vitest"
import { failureOf, fuzz, kept } from "./Fuzzer.ts"
import { targets } from "./Targets.ts"

describe.each(targets)("bytes from strangers: $name", (target) => {
  it("bear what was found before", () => {
    for (const bytes of [...kept("corpus", target.name), ...kept("findings", target.name)]) {
      assert.isUndefined(failureOf(target, bytes), Buffer.from(bytes).toString("hex"))
    }
  })

  it("bear what is drawn for a moment", async () => {
    const { count, findings } = await fuzz(target, { millis: 150, seed: "test", writes: false })

    assert.deepStrictEqual(findings, [])
    assert.isAbove(count, 0)
  })
})
