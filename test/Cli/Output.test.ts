/** Standard output that cannot be written. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { packed } from "./command.ts"
import { run, start } from "./CommandLine.ts"

/** A disk that is full. */
const full = "/dev/full"

const commands: ReadonlyArray<string> = [
  "--help",
  "--version",
  "--completions bash",
  "demo",
  "encode",
  "invite --connect 10.0.0.1:4444",
  "mesh --stay",
  "simulate mesh --nodes 3 --broadcasts 1 --json"
]

describe("standard output", () => {
  it.skipIf(!fs.existsSync(full)).each(commands)("has a full disk told by p2p %s", (args) => {
    const output = fs.openSync(full, "w")
    try {
      const { status, stderr } = spawnSync(process.execPath, [packed, ...args.split(" ")], {
        input: "{\"type\":\"broadcast\",\"payload\":[\"00\"]}\n",
        stdio: ["pipe", output, "pipe"],
        encoding: "utf8"
      })

      assert.deepStrictEqual([status, stderr], [
        1,
        "p2p: could not write to standard output: no space left on device\n"
      ])
    } finally {
      fs.closeSync(output)
    }
  })

  it.live("may be closed by who has read enough of a help, and ends a node that goes on", () =>
    Effect.gen(function*() {
      const node = yield* start("mesh", "--stay", "--json")
      yield* node.take("listening")
      yield* node.closeOutput
      yield* node.send("one", "two")
      const help = yield* run(["--help"])
      const { status, stderr } = yield* node.finished

      assert.strictEqual(help.status, 0)
      assert.deepStrictEqual([status, stderr], [
        1,
        "p2p: standard output was closed by the program that read it; stopped\n"
      ])
    }))
})
