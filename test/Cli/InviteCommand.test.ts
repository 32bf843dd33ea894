import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { read } from "../../src/Cli/InviteFlag.ts"
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

  it.live("refuses bits for a mesh, which has none", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* run(["invite", "--connect", "10.0.0.1:4444", "--bits", "6"])

      assert.deepStrictEqual([status, stderr.trim()], [2, "p2p: --bits is for --chord: nodes of a mesh have none"])
    }))
})

describe("--invite", () => {
  const text = Option.some(Invite.encode({ kind: "chord", addresses: ["10.0.0.1:4444"], subnet: "chord", bits: 6 }))
  const flags = { subnet: Option.none(), tls: Option.none() }

  it.effect("has the bits of a ring, and refuses others beside it", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* read("chord", text, flags)).bits, 6)
      assert.strictEqual((yield* read("chord", text, { ...flags, bits: Option.some(6) })).bits, 6)
      assert.strictEqual((yield* read("chord", Option.none(), { ...flags, bits: Option.some(7) })).bits, 7)
      const error = yield* Effect.flip(read("chord", text, { ...flags, bits: Option.some(7) }))
      assert.strictEqual(error.message, "--invite: it is for --bits 6, not --bits 7")
    }))
})
