import { assert, describe, it } from "@effect/vitest"
import * as ChildProcess from "node:child_process"
import { packed as main } from "./command.ts"

const simulate = (...args: ReadonlyArray<string>) =>
  ChildProcess.spawnSync(process.execPath, [main, "simulate", "attack", ...args], { encoding: "utf8" })

describe("p2p simulate attack", () => {
  const flags = ["--nodes", "6", "--ratio", "0.5", "--seed", "seven"]

  it("prints the figures and the hash of the run as one JSON object", () => {
    const { status, stderr, stdout } = simulate("eclipse", ...flags, "--claim-ids", "--latency", "20ms", "--json")
    const figures = JSON.parse(stdout)

    assert.deepStrictEqual([status, stderr], [0, ""])
    assert.deepInclude(figures, { attack: "eclipse", honest: 6, sybils: 3, seed: "seven" })
    assert.deepInclude(figures.baseline, { deliveredFraction: 1, missed: 0, doubled: 0 })
    assert.isAtMost(figures.baseline.latencyMillis.p50, 60)
    assert.isAbove(figures.wallSeconds, 0)
  })

  it("prints the same hash for people, for the same seed, and another one for another", () => {
    const { hash } = JSON.parse(simulate("cold-boot", ...flags, "--json").stdout)
    const { status, stdout } = simulate("cold-boot", ...flags)

    assert.strictEqual(status, 0)
    assert.match(stdout, /^attack {13}cold-boot, 3 sybils on 6 honest nodes, seed seven$/m)
    assert.include(stdout, hash)
    assert.notInclude(simulate("cold-boot", ...flags.slice(0, -1), "eight").stdout, hash)
  })

  it("says what is wrong with its arguments, and lists the attacks", () => {
    for (
      const [args, expected] of [
        [["sunburn"], ["sunburn", "cold-boot", "covert-flash", "eclipse", "degradation", "flood"]],
        [[], ["name"]],
        [["eclipse", "--nodes", "3"], ["--nodes", "4 to 10000"]],
        [["eclipse", "--ratio", "101"], ["--ratio", "0 to 100"]],
        [["eclipse", "--latency", "5"], ["--latency", "50ms, 10s or 5m"]],
        [["flood", "--claim-ids"], ["--claim-ids is for eclipse"]]
      ] as const
    ) {
      const { status, stderr } = simulate(...args)
      assert.strictEqual(status, 2, stderr)
      for (const text of expected) assert.include(stderr, text)
    }
  })
})
