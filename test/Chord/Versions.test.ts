/** The versions that one node makes. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Duration, Schema } from "effect"
import { Versions } from "../../src/Chord/internal/Versions.ts"
import * as Version from "../../src/Chord/Version.ts"

const small = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -3, maximum: 3 })))
const what = Arbitrary.schema(Schema.Literals(["clock", "seen", "next", "above", "aboveSeen"]))

describe("the versions that a node makes", () => {
  it.prop("are all different, and above what is known of their key, however clocks differ and go back", [
    Arbitrary.array(Arbitrary.all([what, small]), { maxLength: 20 })
  ], ([steps]) => {
    let nowMillis = 1000
    const versions = new Versions("own", { maxClockSkew: Duration.seconds(1) }, () => nowMillis, undefined)
    const made: Array<string> = []
    for (const [what, by] of steps) {
      const seen = new Version.Version(nowMillis + by, Math.abs(by), "other")
      if (what === "clock") nowMillis += by
      else if (what === "seen") versions.observe(seen)
      else if (what === "next") made.push(String(versions.next()))
      else {
        const before = what === "above" ? undefined : seen
        if (before !== undefined) versions.observe(before)
        const version = versions.above(before)
        made.push(String(version))
        if (before !== undefined) assert.isAbove(Version.compare(version, before), 0)
      }
    }
    assert.strictEqual(new Set(made).size, made.length)
  }, { arbitrary: { runs: 1000 } })
})
