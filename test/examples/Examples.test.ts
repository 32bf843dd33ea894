/** Examples that talk to others: each runs as a user runs it, and a node of this process talks to it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { Mesh, Topic } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { createInterface } from "node:readline"

const root = `${import.meta.dirname}/../..`

/** An example, and its lines. */
const example = (file: string, args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--conditions=effect-p2p-source", `examples/${file}`, ...args], {
          cwd: root,
          env: { ...process.env, ...env }
        })
      ),
      (child) => Effect.sync(() => child.kill())
    ),
    (child) => ({ child, line: reader(child) })
  )

/** Waits for a line that matches; gives what it holds in brackets. */
const reader = (child: ChildProcessWithoutNullStreams) => {
  const lines: Array<string> = []
  let errors = ""
  let look = () => {}
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line)
    look()
  })
  child.stderr.on("data", (data) => errors += String(data))
  return (pattern: RegExp) =>
    Effect.callback<string>((resume) => {
      look = () => {
        const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null)
        if (found !== undefined && found !== null) resume(Effect.succeed(found[1] ?? found[0]))
      }
      look()
    }).pipe(Effect.timeoutOrElse({
      duration: "40 seconds",
      orElse: () => Effect.die(new Error(`no line ${pattern}: ${lines.join("\n")}\n${errors}`))
    }))
}

const outputOf = (file: string) =>
  Effect.callback<string>((resume) => {
    const child = spawn(process.execPath, ["--conditions=effect-p2p-source", `examples/${file}`], { cwd: root })
    let text = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => text += String(data))
    child.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => child.kill())
  })

const Said = Topic.make("chat", Schema.Struct({ name: Schema.String, text: Schema.String }))
const Notice = Topic.make("notices", Schema.String)

describe("the examples", { concurrent: true }, () => {
  it.live("chat", () =>
    Effect.gen(function*() {
      const mesh = yield* Mesh
      const { child, line } = yield* example("chat.ts", ["ann", String(mesh.address)])
      yield* line(/\(1 linked\)/)
      const said = yield* mesh.subscribe(Said).pipe(
        Stream.take(1),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      child.stdin.write("hello\n")
      const [heard] = yield* Fiber.join(said)
      yield* mesh.publish(Said, { name: "bob", text: "hi, ann" })

      assert.deepStrictEqual(heard?.value, { name: "ann", text: "hello" })
      yield* line(/^bob: hi, ann$/)
    }).pipe(Effect.scoped, Effect.provide(NodeMesh.layer({}))))

  it.live("forget in one process what changed in another", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* outputOf("cache-invalidation.ts"),
        "user 7, load 1\nuser 7, load 1\nuser 7, load 2\n"
      )
    }))

  it.live("switch features on and off everywhere", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* outputOf("feature-flags.ts"),
        "a node that came late has dark-mode on\nswitched off there, it is off here\n"
      )
    }))

  it.live("make an HTTP application a node", () =>
    Effect.gen(function*() {
      const mesh = yield* Mesh
      const env = { PORT: "0", P2P_BOOTSTRAP: String(mesh.address) }
      const { line } = yield* example("http-app.ts", [], env)
      const url = yield* line(/(http:\/\/127\.0\.0\.1:\d+)/)
      yield* mesh.changes.pipe(Stream.filter((peers) => peers.length === 1), Stream.take(1), Stream.runDrain)
      const told = yield* mesh.subscribe(Notice).pipe(
        Stream.take(1),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      const fetched = (path: string, init?: RequestInit) => Effect.promise(() => fetch(`${url}${path}`, init))
      yield* fetched("/notices", { method: "POST", body: "we close at five" })
      const [heard] = yield* Fiber.join(told)
      const instances = yield* Effect.flatMap(
        fetched("/instances"),
        (response) => Effect.promise(() => response.json())
      )

      assert.strictEqual(heard?.value, "we close at five")
      assert.include(instances as ReadonlyArray<string>, mesh.id)
    }).pipe(Effect.scoped, Effect.provide(NodeMesh.layer({}))))
})
