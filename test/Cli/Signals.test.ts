/** SIGINT and SIGTERM while a simulation holds the process up. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { start } from "./CommandLine.ts"

/** Each takes minutes. */
const runs: ReadonlyArray<readonly [args: string, signal: NodeJS.Signals]> = [
  ["simulate mesh --nodes 1000 --broadcasts 20000 --duration 1h --json", "SIGINT"],
  ["simulate mesh --nodes 20 --duration 1h --broadcasts 2000 --faults 15 --seeds 500 --json", "SIGINT"],
  ["simulate chord --nodes 1000 --duration 1h --json", "SIGTERM"],
  ["simulate attack cold-boot --nodes 500 --ratio 10 --json", "SIGINT"]
]

describe("p2p simulate", () => {
  it.live("ends at once by a signal", () =>
    Effect.forEach(runs, ([args, signal]) =>
      Effect.gen(function*() {
        const program = yield* start(...args.split(" "))
        // By then it has begun; if not, the signal ends it in order.
        yield* Effect.sleep("4 seconds")
        yield* program.kill(signal)
        const { status } = yield* Effect.timeout(program.finished, "15 seconds")

        assert.include([signal, 130], status, args)
      }), { concurrency: "unbounded" }))

  it.live.skipIf(process.platform === "win32")(
    "ends by a signal while it waits for the other end of a pipe",
    () =>
      Effect.gen(function*() {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "signals-"))),
          (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
        )
        yield* Effect.forEach(["--faults", "--svg"], (flag) =>
          Effect.gen(function*() {
            const pipe = path.join(folder, flag)
            ChildProcess.execFileSync("mkfifo", [pipe])
            const program = yield* start("simulate", "mesh", "--nodes", "2", "--duration", "1s", flag, pipe)
            // The figures come before the picture. That faults are waited for, nothing tells.
            if (flag === "--svg") yield* program.line(/^hash/)
            yield* Effect.sleep("2 seconds")
            yield* program.kill("SIGTERM")
            const { status } = yield* Effect.timeout(program.finished, "15 seconds")

            assert.include(["SIGTERM", 130], status, flag)
          }), { concurrency: "unbounded" })
      })
  )
})
