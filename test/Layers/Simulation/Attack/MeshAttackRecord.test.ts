import { assert, it } from "@effect/vitest"
import { fraction } from "../../../../src/Layers/Simulation/Attack/MeshAttackRecord.ts"
import { percent } from "../../../../src/Layers/Simulation/Figures.ts"

it("never takes a part for the whole, however large it is", () => {
  assert.strictEqual(percent(fraction(999_999, 1_000_000)), "99.99 %")
  assert.deepStrictEqual([fraction(7, 10), fraction(3, 3), fraction(0, 5), fraction(0, 0)], [0.7, 1, 0, 1])
})
