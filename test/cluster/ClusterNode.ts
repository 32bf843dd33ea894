/** A chord node in a process of its own, driven by lines as a person would. */
import * as ChildProcess from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../src/Cli/main.ts", import.meta.url))

/** What a node tells: one JSON object a line. */
export interface Told {
  readonly event: string
  readonly [name: string]: unknown
}

/** Who waits for an answer. */
interface Waiting {
  readonly isIt: (told: Told) => boolean
  readonly resolve: (told: Told) => void
}

/** One running process. */
export class ClusterNode {
  readonly address: string
  readonly id: string
  isAlive = true
  readonly #child: ChildProcess.ChildProcessWithoutNullStreams
  readonly #waiting: Array<Waiting>

  private constructor(
    child: ChildProcess.ChildProcessWithoutNullStreams,
    listening: Told,
    waiting: Array<Waiting>
  ) {
    this.#child = child
    this.#waiting = waiting
    this.address = String(listening["address"])
    this.id = String(listening["id"])
    child.once("exit", () => {
      this.isAlive = false
      for (const { resolve } of waiting.splice(0)) resolve({ event: "gone" })
    })
  }

  /** Starts a node; it listens when this resolves. */
  static start(flags: ReadonlyArray<string>): Promise<ClusterNode> {
    const child = ChildProcess.spawn(process.execPath, [main, "chord", "--json", "--listen", "127.0.0.1:0", ...flags])
    child.stderr.resume()
    child.stdin.on("error", () => {})
    const waiting: Array<Waiting> = []
    return new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`a node ended with status ${code}`)))
      createInterface(child.stdout).on("line", (line) => {
        const told: Told = JSON.parse(line)
        if (told.event === "listening") resolve(new ClusterNode(child, told, waiting))
        const index = waiting.findIndex(({ isIt }) => isIt(told))
        if (index >= 0) waiting.splice(index, 1)[0]!.resolve(told)
      })
    })
  }

  /** Says a line, and waits for what it is answered with; `gone` when the process ends first. */
  ask(line: string, isIt: (told: Told) => boolean): Promise<Told> {
    if (!this.isAlive) return Promise.resolve({ event: "gone" })
    return new Promise((resolve) => {
      this.#waiting.push({ isIt, resolve })
      this.#child.stdin.write(`${line}\n`)
    })
  }

  async get(key: string): Promise<unknown> {
    const told = await this.ask(
      `get ${key}`,
      ({ event, ...rest }) => (event === "get" && rest["key"] === key) || event === "error"
    )
    return told.event === "get" ? told["value"] : undefined
  }

  async set(key: string, value: string): Promise<boolean> {
    const told = await this.ask(
      `set ${key} ${value}`,
      ({ event, ...rest }) => (event === "set" && rest["key"] === key) || event === "error"
    )
    return told.event === "set"
  }

  /** Hops to the owner of a key; undefined when it was not found. */
  async lookup(key: string): Promise<{ readonly owner: string; readonly hops: number } | undefined> {
    const told = await this.ask(
      `lookup ${key}`,
      ({ event, ...rest }) => (event === "lookup" && rest["key"] === key) || event === "error"
    )
    return told.event === "lookup" ? { owner: JSON.stringify(told["owner"]), hops: Number(told["hops"]) } : undefined
  }

  ring(): Promise<Told> {
    return this.ask("ring", ({ event }) => event === "ring")
  }

  /** `kill -9`. */
  kill(): void {
    this.isAlive = false
    this.#child.kill("SIGKILL")
  }
}
