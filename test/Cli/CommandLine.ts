/** Runs the real `p2p` in child processes: nothing of it is shared with the test but its streams. */
import { Effect, type Scope } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { packed } from "./command.ts"

/** The longest wait for anything; reached only when a test fails. */
const deadline = "40 seconds"

export interface Finished {
  /** The exit status, or the signal that ended the program. */
  readonly status: number | string
  readonly stdout: ReadonlyArray<string>
  readonly stderr: string
}

/** One line of `--json`, with the fields that tests look at. */
export interface Event {
  readonly event: string
  readonly id?: string
  readonly kind?: string
  readonly name?: string
  readonly sender?: string
  readonly url?: string
  readonly text?: string
  readonly value?: unknown
  readonly packetsHex?: ReadonlyArray<string>
  readonly address?: string
  readonly addresses?: ReadonlyArray<string>
  readonly reason?: string
  readonly detail?: string
  readonly tag?: string
  readonly message?: string
  readonly packets?: ReadonlyArray<string>
  readonly time?: number
  readonly proof?: string
  readonly peers?: unknown
}

/** What an event must have to be the one that is waited for. */
export type Fields = Readonly<Record<string, string>>

/** A program that runs; it is killed when the scope closes. */
export class Running {
  readonly stdout: Array<string> = []
  stderr = ""
  readonly #child: ChildProcessWithoutNullStreams
  readonly #events: Array<Event> = []
  readonly #taken = new Set<number>()
  readonly #watchers = new Set<() => void>()
  #status: number | string | undefined

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.stdout.push(line)
      this.#changed()
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
      this.#changed()
    })
    // A program may end without reading what is written to it.
    child.stdin.on("error", () => {})
    child.on("close", (code, signal) => {
      this.#status = code ?? signal ?? "unknown"
      this.#changed()
    })
  }

  send(...lines: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.sync(() => void this.#child.stdin.write(lines.map((line) => `${line}\n`).join("")))
  }

  readonly endInput: Effect.Effect<void> = Effect.sync(() => void this.#child.stdin.end())

  /** Reads no more, as `head` does. */
  readonly closeOutput: Effect.Effect<void> = Effect.sync(() => void this.#child.stdout.destroy())

  kill(signal: NodeJS.Signals): Effect.Effect<void> {
    return Effect.sync(() => void this.#child.kill(signal))
  }

  /** Waits until there is a value; fails when the program ends without it. */
  wait<A>(what: string, find: () => A | undefined): Effect.Effect<A, Error> {
    const missing = Effect.suspend(() =>
      Effect.fail(new Error(`no ${what} came; there is ${this.stdout.join("\n")}\n${this.stderr}`))
    )
    return Effect.callback<A, Error>((resume) => {
      const look = () => {
        const found = find()
        if (found === undefined && this.#status === undefined) return
        this.#watchers.delete(look)
        resume(found === undefined ? missing : Effect.succeed(found))
      }
      this.#watchers.add(look)
      look()
      return Effect.sync(() => this.#watchers.delete(look))
    }).pipe(Effect.timeoutOrElse({ duration: deadline, orElse: () => missing }))
  }

  /** The first line of output that matches. */
  line(pattern: RegExp): Effect.Effect<string, Error> {
    return this.wait(String(pattern), () => this.stdout.find((line) => pattern.test(line)))
  }

  /** The first event with these fields that was not taken yet. */
  take(event: string, fields: Fields = {}): Effect.Effect<Event, Error> {
    return this.wait(`${event} ${JSON.stringify(fields)}`, () => {
      for (const [index, found] of this.events().entries()) {
        if (found.event !== event || this.#taken.has(index)) continue
        const values = new Map<string, unknown>(Object.entries(found))
        if (!Object.entries(fields).every(([name, value]) => values.get(name) === value)) continue
        this.#taken.add(index)
        return found
      }
      return undefined
    })
  }

  events(): ReadonlyArray<Event> {
    for (const line of this.stdout.slice(this.#events.length)) this.#events.push(JSON.parse(line) as Event)
    return this.#events
  }

  readonly finished: Effect.Effect<Finished, Error> = Effect.suspend(() =>
    this.wait("end of the program", () =>
      this.#status === undefined
        ? undefined
        : { status: this.#status, stdout: this.stdout, stderr: this.stderr })
  )

  #changed(): void {
    for (const watcher of this.#watchers) watcher()
  }
}

export const start = (...args: ReadonlyArray<string>): Effect.Effect<Running, never, Scope.Scope> =>
  startFile(packed, ...args)

/** The same by another file. */
export const startFile = (file: string, ...args: ReadonlyArray<string>): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [file, ...args], { env: { ...process.env, NO_COLOR: "1" } })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => new Running(child)
  )

/** Runs a program to its end on the lines of its input. */
export const run = (args: ReadonlyArray<string>, input: ReadonlyArray<string> = []): Effect.Effect<Finished, Error> =>
  Effect.scoped(Effect.gen(function*() {
    const program = yield* start(...args)
    yield* program.send(...input)
    yield* program.endInput
    return yield* program.finished
  }))
