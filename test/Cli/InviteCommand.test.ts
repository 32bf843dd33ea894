import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
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

describe("p2p invite, called wrongly", () => {
  const text = Invite.encode({ kind: "mesh", addresses: ["10.0.0.1:4444"], subnet: "mesh" })

  it.live.each(
    [
      [["--connect", "0.0.0.0:4444"], "an address that others can dial"],
      [["--connect", "[::]:4444"], "an address that others can dial"],
      [[text, "--subnet", "lab"], "--subnet is to make an invitation, not to show one"],
      [[text, "--connect", "10.0.0.1:4444"], "--connect is to make an invitation, not to show one"],
      [[text, "--chord"], "--chord is to make an invitation, not to show one"]
    ] as const
  )("ends with status 2 for %j", ([args, says]) =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["invite", ...args])

      assert.deepStrictEqual([status, stdout], [2, []])
      assert.include(stderr, says)
    }))

  it.live("takes no identity that is not there, and makes none", () =>
    Effect.gen(function*() {
      const none = path.join(os.tmpdir(), "no such identity")

      const { status, stderr, stdout } = yield* run(
        ["invite", "--connect", "10.0.0.1:4444", "--tls", "--identity", none]
      )

      assert.deepStrictEqual([status, stdout], [1, []])
      assert.match(
        stderr,
        /identity\.key is missing: ".* identity --identity '.*no such identity'" makes an identity there/
      )
      assert.isFalse(fs.existsSync(none))
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
