/** Rows as tests. Nothing may escape while they run: no exception, and no rejection that nobody handles. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Guard } from "./Guard.ts"
import type { Row } from "./Row.ts"

export const suite = (name: string, rows: ReadonlyArray<Row>): void => {
  describe(name, () => {
    const guard = new Guard()
    beforeAll(() => guard.start())
    afterAll(() => {
      guard.stop()
      assert.deepStrictEqual(guard.escaped, [])
    })

    it.live.each([...rows])("$number: $what", (row) =>
      Effect.map(row.play(false), ({ limit, millis }) => {
        assert.isNotEmpty(limit)
        assert.isAtLeast(millis, 0)
      }))
  })
}
