/**
 * How long a program takes to start, as users have it: the built package (`dist`), and its command, against a bare
 * server of `node:net`. Each start is a process of its own, in turns.
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Row } from "./report.ts"

export interface StartOptions {
  /** Starts of each program, after one that does not count. */
  readonly rounds: number
}

const root = fileURLToPath(new URL("..", import.meta.url))
const command = fileURLToPath(new URL("../dist/Cli/main.js", import.meta.url))

/** What they say when they are there. */
const isThere = "listening"

/** Plain JavaScript: taking out types would be a part of the time. */
const bare = `
import * as net from "node:net"
net.createServer().listen(0, "127.0.0.1", () => console.log("${isThere}"))
`

const mesh = `
import { Console, ManagedRuntime } from "effect"
import { Mesh } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"
await ManagedRuntime.make(NodeMesh.layer()).runPromise(Mesh.use(() => Console.log("${isThere}")))
`

/** Milliseconds until a program says that it listens. */
const untilThere = async (code: string): Promise<number> => {
  const begun = performance.now()
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"]
  })
  const [said] = await Promise.race([once(child.stdout, "data"), once(child, "exit")])
  const millis = performance.now() - begun
  if (!String(said).startsWith(isThere)) throw new Error(`the program ended with ${said} before it listened`)
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
  return millis
}

/** Milliseconds until the command has told its usage and is gone. */
const help = (): Promise<number> => {
  const begun = performance.now()
  execFileSync(process.execPath, [command, "--help"])
  return Promise.resolve(performance.now() - begun)
}

/** Milliseconds from nothing to a listening node, and to the whole text of `p2p --help`. */
export const measureStart = async ({ rounds }: StartOptions): Promise<ReadonlyArray<Row>> => {
  if (!existsSync(command)) {
    console.error("start: there is no dist, so it is built (npm run build)")
    execFileSync("npm", ["run", "build"], { cwd: root })
  }
  const programs = [() => untilThere(bare), () => untilThere(mesh), help]
  const [theirs, meshes, helps] = programs.map((): Array<number> => [])
  for (let round = -1; round < rounds; round++) {
    for (const [index, program] of programs.entries()) {
      const millis = await program()
      if (round >= 0) [theirs, meshes, helps][index]!.push(millis)
    }
  }
  const row = (name: string, ours: ReadonlyArray<number>): Row => ({
    group: "start",
    name,
    yardstick: "node:net, listening",
    unit: "milliseconds",
    ours,
    theirs: theirs!
  })
  return [row("ms until a mesh node listens", meshes!), row("ms of p2p --help", helps!)]
}
