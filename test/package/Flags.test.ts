import { assert, describe, it } from "@effect/vitest"
import { read } from "../../bench/flags.ts"

const options = { minutes: { type: "string", default: "5" }, quick: { type: "boolean", default: false } } as const

describe("the flags of the programs for those who work on this project", () => {
  it("are read", () => {
    assert.deepEqual(read(options, ["--quick"]), { minutes: "5", quick: true })
  })

  it("that are wrong are answered with what is wrong and those there are", () => {
    const are = "The flags are --minutes ..., --quick."

    assert.strictEqual(read(options, ["--minuets", "3"]), `Unknown option '--minuets'. ${are}`)
    assert.strictEqual(read(options, ["--minutes"]), `Option '--minutes <value>' argument missing. ${are}`)
    assert.match(String(read(options, ["7"])), /^Unexpected argument '7'.* The flags are --minutes \.\.\., --quick\.$/)
  })
})
