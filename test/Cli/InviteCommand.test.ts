import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Invite from "../../src/Layers/Invite.ts"
import { run } from "./CommandLine.ts"

describe("p2p invite", () => {
  it.live("prints an invitation as JSON, and what it says", () =>
    Effect.gen(function*() {
      const made = yield* run(["invite", "--connect", "10.0.0.1:4444", "--chord", "--bits", "6", "--json"])
      const { event, text } = JSON.parse(made.stdout[0]!)

      assert.strictEqual(event, "invite")
      assert.deepStrictEqual(yield* Invite.decode(text), {
        kind: "chord",
        addresses: ["10.0.0.1:4444"],
        subnet: "chord",
        bits: 6
      })
    }))
})
