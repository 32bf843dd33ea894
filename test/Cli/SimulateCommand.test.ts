import { assert, describe, it } from "@effect/vitest"
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { packed as main } from "./command.ts"

const simulate = (...flags: ReadonlyArray<string>) =>
  ChildProcess.spawnSync(process.execPath, [main, "simulate", "mesh", ...flags], { encoding: "utf8" })

describe("p2p simulate mesh", () => {
  const flags = ["--nodes", "25", "--fail", "0.3", "--broadcasts", "30", "--duration", "30s", "--seed", "seven"]

  it("prints the figures and the hash of the run as one JSON object", () => {
    const { status, stderr, stdout } = simulate(...flags, "--json")
    const figures = JSON.parse(stdout)

    assert.deepStrictEqual([status, stderr], [0, ""])
    assert.deepInclude(figures, { nodes: 25, seed: "seven", broadcasts: 30, deliveredFraction: 1, doubled: 0 })
    assert.strictEqual(figures.virtualSeconds, 60)
    // A flood never sends back: degree 8 of four links each, less the one it came over.
    assert.isBelow(figures.copiesPerDelivery, 8)
    assert.isAtLeast(figures.copiesPerDelivery, 1)
    for (const name of ["wallSeconds", "messagesPerNodeSecond", "bytesPerNodeSecond", "healMillis"]) {
      assert.isAbove(figures[name], 0, name)
    }
    for (const { max, p50, p99 } of [figures.latencyMillis, figures.hops]) {
      assert.isTrue(0 < p50 && p50 <= p99 && p99 <= max)
    }
  })

  it("prints the same hash for the same seed in every process, with and without --json, and another for another", () => {
    const { hash } = JSON.parse(simulate(...flags, "--json").stdout)

    assert.include(simulate(...flags).stdout, hash)
    assert.notInclude(simulate(...flags.slice(0, -1), "eight").stdout, hash)
  })

  it("draws the mesh into a file", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "simulate-"))
    try {
      const file = path.join(folder, "mesh.svg")
      const { status, stdout } = simulate(...flags, "--svg", file, "--json")

      assert.strictEqual(status, 0)
      const svg = fs.readFileSync(file, "utf8")
      assert.match(svg, /^<svg [\s\S]*<\/svg>\n$/)
      assert.include(svg, JSON.parse(stdout).hash)
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  it("checks a mesh in storms of faults, seed by seed", () => {
    const storm = ["--nodes", "6", "--duration", "30s", "--broadcasts", "10", "--faults", "5", "--seeds", "3"]
    const { status, stdout } = simulate(...storm, "--json")
    const runs = stdout.trim().split("\n").map((line) => JSON.parse(line))

    assert.strictEqual(status, 0)
    assert.deepStrictEqual(runs.map(({ faults, seed }) => [seed, faults]), [["1", 5], ["2", 5], ["3", 5]])
    assert.include(simulate(...storm).stdout, "3 seeds, 5 faults each: all invariants held")
  })

  it("keeps the last of several seeds", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "simulate-"))
    try {
      const [trace, svg] = [path.join(folder, "mesh.jsonl"), path.join(folder, "mesh.svg")]
      const storm = ["--nodes", "3", "--duration", "1s", "--broadcasts", "1", "--faults", "1", "--seeds", "2"]
      const { stdout } = simulate(...storm, "--trace", trace, "--svg", svg, "--json")
      const [, last] = stdout.trim().split("\n").map((line) => JSON.parse(line))

      assert.strictEqual(last.seed, "2")
      assert.include(fs.readFileSync(svg, "utf8"), last.hash)
      assert.deepInclude(JSON.parse(fs.readFileSync(trace, "utf8").split("\n")[0]!), { nodes: 3, seed: "2" })
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  it("plays the faults of a file", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "simulate-"))
    try {
      const file = path.join(folder, "faults.json")
      fs.writeFileSync(file, JSON.stringify([{ atMillis: 1000, forMillis: 4000, fault: { _tag: "Crash", node: "3" } }]))
      const { status, stdout } = simulate("--nodes", "8", "--duration", "20s", "--broadcasts", "20", "--faults", file)
      fs.writeFileSync(file, "[{\"fault\":\"flood\"}]")
      const wrong = simulate("--faults", file)

      assert.strictEqual(status, 0)
      assert.include(stdout, "1, all invariants held")
      assert.strictEqual(wrong.status, 1)
      assert.include(wrong.stderr, "--faults takes a number up to 9999, or a file with a JSON list")
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  it("says which flag is wrong, and what to write", () => {
    for (
      const [flag, text, expected, ...others] of [
        ["--nodes", "0", "1 to 100000"],
        ["--duration", "5", "50ms, 10s or 5m"],
        ["--duration", "-5s", "50ms, 10s or 5m"],
        ["--duration", "0s", "a time above zero"],
        ["--duration", "25h", "24h at most"],
        ["--trace", "", "the name of a file"],
        ["--svg", "a-file", "a file each", "--trace", "a-file"],
        ["--nodes", "-5", "1 to 100000"],
        ["--fail", "1", "0 to 0.95"],
        ["--seeds", "2", "for --faults N"],
        ["--trace", "mesh.jsonl", "2000 nodes at most", "--nodes", "2001"],
        ["--trace", "mesh.jsonl", "--churn makes that 2005", "--nodes", "5", "--churn", "30ms"]
      ] as const
    ) {
      const { status, stderr } = simulate(flag, text, ...others)
      assert.strictEqual(status, 2)
      assert.include(stderr, flag)
      assert.include(stderr, expected)
    }
  })
})
