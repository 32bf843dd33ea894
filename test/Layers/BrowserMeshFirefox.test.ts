/** A browser node in Firefox, where it is installed: a page that reports over the mesh itself. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Queue, Stream } from "effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as Http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { bundle } from "../browser/bundle.ts"
import { firefox, firefoxPreferences } from "../browser/firefox.ts"
import type { PageReport } from "../browser/PageReport.ts"
import { vectors } from "../fixtures/Vectors.ts"
import { eventually } from "../utils/eventually.ts"

/** A node that serves a page, which finds it at its own address. */
const serve = (script: string) =>
  NodeMesh.layer({
    listenFurther: ["ws://127.0.0.1:0"],
    webSocket: {
      server: () =>
        Http.createServer((request, response) => {
          const isPage = request.url === "/"
          response.writeHead(200, { "Content-Type": isPage ? "text/html; charset=utf-8" : "text/javascript" })
          response.end(
            isPage ? `<!doctype html><title>test</title><script type="module" src="page.js"></script>` : script
          )
        })
    }
  })

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "effect-p2p-firefox-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
)

/** Firefox without a window, at a page; it and all its processes are gone with the scope. */
const open = Effect.fnUntraced(function*(url: string) {
  const profile = yield* folder
  const preferences = Object.entries(firefoxPreferences)
  const lines = preferences.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
  fs.writeFileSync(path.join(profile, "user.js"), lines.join(""))
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(firefox!, ["--headless", "--no-remote", "--profile", profile, url], {
        stdio: "ignore",
        detached: true,
        env: { ...process.env, HOME: profile }
      })
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("close", () => resume(Effect.void))
        if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
        else resume(Effect.void)
      })
  )
})

if (firefox === undefined) {
  process.stderr.write("No Firefox is here, so its test does not run: install firefox-esr, or name one by FIREFOX.\n")
}

describe("a browser node in Firefox", () => {
  it.live.skipIf(firefox === undefined)("reads all recordings, and hears and says", () =>
    Effect.gen(function*() {
      const script = yield* Effect.promise(() => bundle(path.join(import.meta.dirname, "../browser/page.ts")))
      const mesh = Context.get(yield* Layer.build(serve(script)), Mesh)
      const heard = yield* Queue.unbounded<string>()
      yield* mesh.messages.pipe(
        Stream.runForEach(({ text }) => Queue.offer(heard, text)),
        Effect.forkScoped({ startImmediately: true })
      )

      yield* open(mesh.addresses[1]!.toString().replace("ws:", "http:"))
      yield* eventually(Effect.map(mesh.peers, (peers) => assert.lengthOf(peers, 1)))
      yield* mesh.broadcast("report")
      const report = JSON.parse(yield* Queue.take(heard)) as PageReport
      yield* mesh.broadcast("a word")

      assert.strictEqual(yield* Queue.take(heard), "heard a word")
      assert.include(report.agent, "Firefox")
      assert.deepStrictEqual(report.faults, [])
      assert.strictEqual(report.messages, vectors.messages.length)
      assert.strictEqual(report.compressed, vectors.compressed.length)
      assert.includeMembers([...report.methods], ["zlib", "gzip", "snappy", "lz-string", "bz2", "lzma"])
    }))
})
