/** Standard output that cannot be written, and standard input that cannot be read. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch } from "effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as Output from "../../src/Cli/Output.ts"
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

describe("standard input", () => {
  it.skipIf(process.platform === "win32").each(["encode", "mesh", "chord"])(
    "that is a directory is told by p2p %s",
    (command) => {
      const directory = fs.openSync(import.meta.dirname, "r")
      try {
        const { status, stderr } = spawnSync(process.execPath, [packed, command], {
          stdio: [directory, "ignore", "pipe"],
          encoding: "utf8"
        })

        assert.deepStrictEqual([status, stderr], [1, "p2p: could not read standard input: it is a directory\n"])
      } finally {
        fs.closeSync(directory)
      }
    }
  )
})

/** Lets all others do what they can. */
const turns = Effect.repeat(Effect.yieldNow, { times: 5000 })

describe("a writer of lines", () => {
  it.effect.each([["a million characters", 2 ** 20, 100, 16], ["one character", 1, 5000, 1024]] as const)(
    "has whoever prints wait for who does not read, with lines of %s, and then writes all, bit by bit",
    ([, length, count, most]) =>
      Effect.gen(function*() {
        const reads = yield* Latch.make(false)
        const written: Array<number> = []
        const writer = yield* Output.makeLineWriter((text) =>
          Effect.andThen(reads.await, Effect.sync(() => written.push(text.length)))
        )
        let printed = 0
        const print = Effect.tap(writer.print(["x".repeat(length)]), () => Effect.sync(() => printed++))
        const printing = yield* Effect.forkScoped(Effect.repeat(print, { times: count - 1 }))
        yield* turns

        assert.strictEqual(printed, most)
        yield* reads.open
        yield* Fiber.join(printing)
        yield* turns
        assert.strictEqual(written.reduce((sum, each) => sum + each, 0), count * (length + 1))
        assert.isAtMost(Math.max(...written), most * (length + 1))
      })
  )

  it.effect("ends the program by a defect, rather than be silent from then on", () =>
    Effect.gen(function*() {
      const writer = yield* Output.makeLineWriter(() => Effect.die(new RangeError("too long")))
      yield* writer.print(["a line"])
      const exit = yield* Effect.exit(writer.closed)

      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "too long")
    }))
})
