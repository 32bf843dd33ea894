/** Files that `p2p simulate` and `p2p replay` are given, and cannot use. */
import { assert, describe, it } from "@effect/vitest"
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { packed as main } from "./command.ts"

const p2p = (...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = ChildProcess.spawnSync(process.execPath, [main, ...args], { encoding: "utf8" })
  return { status, stderr, stdout }
}

const small = ["--nodes", "3", "--duration", "1s"]

const withFolder = (test: (folder: string) => void): void => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "simulate-"))
  try {
    test(folder)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

describe("files of a simulation", () => {
  it.each(["mesh --trace", "mesh --svg", "chord --trace"])(
    "are tried before the work: %s",
    (args) =>
      withFolder((folder) => {
        const missing = path.join(folder, "none", "file")
        const taken = path.join(folder, "taken")
        fs.mkdirSync(taken)
        // Hours of work, were it not refused.
        const long = ["simulate", ...args.split(" ")]
        const more = ["--nodes", "2000", "--duration", "24h"]

        assert.deepStrictEqual(p2p(...long, missing, ...more), {
          status: 1,
          stderr: `p2p: could not write ${missing}: no such directory\n`,
          stdout: ""
        })
        assert.include(p2p(...long, taken, ...more).stderr, `could not write ${taken}: it is a directory`)
        assert.deepStrictEqual(fs.readdirSync(folder), ["taken"])
      })
  )

  it.each(["mesh --trace", "mesh --svg", "chord --trace"])(
    "are written where a link leads: %s",
    (args) =>
      withFolder((folder) => {
        const [link, target] = [path.join(folder, "link"), path.join(folder, "target")]
        fs.symlinkSync("target", link)

        const { status } = p2p("simulate", ...args.split(" "), link, ...small)

        assert.strictEqual(status, 0)
        assert.isTrue(fs.lstatSync(link).isSymbolicLink())
        assert.isAbove(fs.statSync(target).size, 0)
      })
  )

  it.skipIf(!fs.existsSync("/dev/full"))("do not cost the figures when the disk is full in the end", () => {
    for (
      const run of [
        ["mesh", ...small, "--svg", "/dev/full"],
        ["mesh", ...small, "--faults", "1", "--trace", "/dev/full"],
        ["chord", ...small, "--keys", "1", "--lookups", "1", "--trace", "/dev/full"]
      ]
    ) {
      const { status, stderr, stdout } = p2p("simulate", ...run, "--json")

      assert.strictEqual(JSON.parse(stdout).nodes, 3)
      assert.deepStrictEqual([status, stderr], [1, "p2p: could not write /dev/full: no space left on device\n"])
    }
  })

  it.skipIf(!fs.existsSync("/dev/full"))("are written though the figures cannot be", () =>
    withFolder((folder) => {
      const full = fs.openSync("/dev/full", "w")
      for (const [index, run] of [["mesh"], ["mesh", "--faults", "1"], ["chord", "--lookups", "1"]].entries()) {
        const trace = path.join(folder, `${index}.jsonl`)
        const args = [main, "simulate", ...run, ...small, "--trace", trace]
        const { status } = ChildProcess.spawnSync(process.execPath, args, { stdio: ["ignore", full, "ignore"] })

        assert.strictEqual(status, 1)
        assert.match(fs.readFileSync(trace, "utf8"), /^\{"trace":/)
      }
      fs.closeSync(full)
    }))

  it("are told in plain words where they cannot be read", () =>
    withFolder((folder) => {
      const file = path.join(folder, "none.json")

      const replay = p2p("replay", file)
      const faults = p2p("simulate", "mesh", ...small, "--faults", file)

      assert.deepStrictEqual([replay.status, faults.status], [1, 1])
      assert.include(replay.stderr, `p2p: cannot play ${file}: no such file or directory. p2p simulate mesh --trace`)
      assert.include(faults.stderr, `p2p: cannot play the faults of ${file}: no such file or directory. --faults takes`)
    }))

  it("name nodes that there are", () =>
    withFolder((folder) => {
      const file = path.join(folder, "faults.json")
      const play = (fault: object, ...flags: ReadonlyArray<string>) => {
        fs.writeFileSync(file, JSON.stringify([{ atMillis: 0, forMillis: 100, fault }]))
        return p2p("simulate", "mesh", ...small, "--broadcasts", "1", "--faults", file, ...flags)
      }

      const crash = play({ _tag: "Crash", node: "3" })
      const partition = play({ _tag: "Partition", groups: [["0", "1"], ["node 2"]] })
      const one = p2p("simulate", "mesh", "--nodes", "1", "--faults", "2")

      assert.deepStrictEqual([crash.status, partition.status, one.status], [1, 1, 2])
      assert.include(crash.stderr, `${file}: there is no node "3", nodes are "0" to "2"`)
      assert.include(partition.stderr, `there is no node "node 2", nodes are "0" to "2"`)
      assert.include(one.stderr, "--faults N is for --nodes 2 or more")
      // One that may join later.
      assert.strictEqual(play({ _tag: "Crash", node: "3" }, "--churn", "10s").status, 0)
    }))
})
