import { assert, it } from "@effect/vitest"
import { rows } from "./rows.ts"

it("there is a row for each of the fifty hostile inputs and behaviors", () => {
  assert.deepStrictEqual(rows.map(({ number }) => number), Array.from({ length: 50 }, (_, i) => i + 1))
})
