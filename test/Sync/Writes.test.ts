/** Writes that meet others on their way. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option, Schema } from "effect"
import type { Payload } from "../../src/Protocol/Payload.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"
import { run, start, startPlayer } from "./SyncNetwork.ts"

const Point = SyncKey.make("point", Schema.Struct({ x: Schema.Int, y: Schema.optional(Schema.Int) }))
const deletion: Payload = { _tag: "SyncStore", key: "point", value: null, origin: null }
const older: Payload = { _tag: "SyncDelta", key: "point", changes: { y: 2 } }

describe("a change of a key that is deleted later", () => {
  for (const isFirst of [true, false]) {
    it(`leaves it deleted, ${isFirst ? "when it comes first" : "and when it comes last"}`, () =>
      run(`deleted ${isFirst}`, {}, (simulation) =>
        Effect.gen(function*() {
          const { a } = yield* start(simulation, ["a"], { sync: { leasing: false } })
          const one = yield* startPlayer(simulation, "one", { leasing: false, bootstrap: ["a:4444"] })
          const two = yield* startPlayer(simulation, "two", { leasing: false, bootstrap: ["a:4444"] })
          yield* a!.sync.set(Point, { x: 1 })
          yield* Effect.sleep("5 seconds")
          const notBefore = Math.ceil((yield* Clock.currentTimeMillis) / 1000) + 10
          const change = one.broadcastPayload(older)
          const remove = two.broadcastPayload(deletion, { notBefore })

          for (const write of isFirst ? [change, remove] : [remove, change]) {
            yield* write
            yield* Effect.sleep("1 second")
          }

          assert.deepStrictEqual(yield* a!.sync.get(Point), Option.none())
        })))
  }
})
