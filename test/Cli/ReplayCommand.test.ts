import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { MeshTrace } from "effect-p2p/simulation"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Ring from "../compliance/chord.ts"
import { source } from "./command.ts"
import { run, startFile } from "./CommandLine.ts"

it.live("p2p replay serves a trace, and tells where as JSON", () =>
  Effect.gen(function*() {
    const file = path.join(yield* Ring.directory, "mesh.jsonl")
    fs.writeFileSync(file, new MeshTrace().toText({ nodes: 0, seed: "1" }))

    const replay = yield* startFile(source, "replay", file, "--json")
    const { url } = yield* replay.take("dashboard")

    assert.include(yield* Effect.promise(async () => (await fetch(String(url))).text()), "<svg")
    assert.strictEqual(replay.stderr, "")
  }))

it.live("p2p replay refuses what is no file, and would be read without end", () =>
  Effect.gen(function*() {
    const device = process.platform === "win32" ? "\\\\.\\NUL" : "/dev/zero"

    const { status, stderr } = yield* run(["replay", device])

    assert.match(stderr, /^p2p: cannot play .*: it is no file but a pipe or a device/)
    assert.strictEqual(status, 1)
  }))
