/** What keeps a node from starting is told before it says that it listens. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { packed, source } from "./command.ts"
import { run, start, startFile } from "./CommandLine.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "start-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

describe.each(["mesh", "chord"])("p2p %s", (command) => {
  /** Starts it with a flag, where the import of a package fails with this error (an expression). */
  const startWithout = (missing: string, error: string, flag: string) => {
    const hook = `import { registerHooks } from "node:module"; registerHooks({ resolve(name, context, next) {
      if (name === "${missing}") throw ${error}
      return next(name, context)
    } })`
    return ChildProcess.spawnSync(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(hook)}`, packed, command, flag],
      { encoding: "utf8", input: "" }
    )
  }

  it.live("does not start with a file of addresses that it could not write", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryDirectory
      const missing = path.join(folder, "none", "peers.txt")

      const ended = yield* run([command, "--peers", missing])
      const directory = yield* run([command, "--peers", folder])
      const fine = yield* run([command, "--peers", path.join(folder, "peers.txt")])

      assert.deepStrictEqual([ended.status, ended.stdout, ended.stderr], [
        1,
        [],
        `p2p: cannot use ${missing} as a file of addresses: no such directory\n`
      ])
      assert.include(directory.stderr, `cannot use ${folder} as a file of addresses: it is a directory`)
      assert.strictEqual(fine.status, 0)
      assert.deepStrictEqual(fs.readdirSync(folder), [])
    }))

  it("does not start when it lacks the package for the LAN", () => {
    const error = `Object.assign(new Error(name), { code: "ERR_MODULE_NOT_FOUND" })`

    const { status, stderr, stdout } = startWithout("multicast-dns", error, "--lan")

    assert.deepStrictEqual([status, stdout], [1, ""])
    assert.match(stderr, /^p2p: .*it needs one package more: npm install multicast-dns\n$/)
  })

  it("does not start when it cannot load what TLS needs, and says why", () => {
    const failing: ReadonlyArray<readonly [error: string, said: RegExp]> = [
      [
        `Object.assign(new Error("Cannot find package '" + name + "'"), { code: "ERR_MODULE_NOT_FOUND" })`,
        /^p2p: TLS needs two packages more: npm install @peculiar\/x509 reflect-metadata\n$/
      ],
      [
        `Object.assign(new Error("Cannot find package 'of its own'"), { code: "ERR_MODULE_NOT_FOUND" })`,
        /^p2p: could not load @peculiar\/x509, which TLS needs: Error: Cannot find package 'of its own'\n$/
      ],
      [`new Error("it is broken")`, /^p2p: could not load @peculiar\/x509, which TLS needs: Error: it is broken\n$/]
    ]
    for (const [error, said] of failing) {
      const { status, stderr, stdout } = startWithout("@peculiar/x509", error, "--tls")

      assert.deepStrictEqual([status, stdout], [1, ""])
      assert.match(stderr, said)
    }
  })

  it.live("does not start where its page cannot be served", () =>
    Effect.gen(function*() {
      const first = yield* start("mesh", "--json")
      const { address } = yield* first.take("listening")

      for (const flag of ["--dashboard", "--metrics"]) {
        // From the source: the page is no part of what tests run.
        const program = yield* startFile(source, command, flag, address!)
        const { status, stderr, stdout } = yield* program.finished
        assert.deepStrictEqual([status, stdout], [1, []])
        assert.include(stderr, address!)
      }
    }))
})
