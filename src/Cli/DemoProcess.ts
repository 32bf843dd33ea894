/** Nodes of `p2p demo` in processes of their own: this same program, driven as any other program would. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * A process that runs a node.
 *
 * @category models
 * @since 0.1.0
 */
export interface DemoProcess {
  readonly name: string
  /** Where its node listens. */
  readonly address: string
  readonly command: (line: string) => Effect.Effect<void>
  /** Ends the process at once, so that it can tell nobody. */
  readonly kill: Effect.Effect<void>
}

/**
 * A process of the demo could not be started.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChildFailed extends Schema.TaggedError<ChildFailed>()("ChildFailed", {
  process: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the process of ${this.process} could not take part: ${this.detail}`
  }
}

/** What tells that a node is there. */
const Listening = Schema.fromJsonString(Schema.Struct({ event: Schema.Literal("listening"), address: Schema.String }))
const decodeListening = Schema.decodeOption(Listening)

/** This program itself. */
const main = process.argv.slice(1, 2)

/**
 * Runs `p2p` with arguments, and waits until its node listens. `onLine` takes each line it prints; the
 * process ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const startProcess = Effect.fnUntraced(function*(
  name: string,
  args: ReadonlyArray<string>,
  onLine: (line: string) => void
): Effect.fn.Return<DemoProcess, ChildFailed, ChildProcessSpawner | Scope.Scope> {
  const input = yield* Queue.unbounded<Uint8Array>()
  const listening = yield* Queue.unbounded<string>()
  const failed = (cause: unknown) => new ChildFailed({ process: name, detail: String(cause) })
  const child = yield* ChildProcess.make(
    process.execPath,
    [...process.execArgv, ...main, ...args],
    { stdin: { stream: Stream.fromQueue(input) }, stderr: "inherit", forceKillAfter: "1 second" }
  ).pipe(Effect.mapError(failed))
  yield* child.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) =>
      Effect.sync(() => {
        const found = decodeListening(line)
        if (Option.isSome(found)) Queue.offerUnsafe(listening, found.value.address)
        onLine(line)
      })
    ),
    Effect.ignore,
    Effect.forkScoped
  )
  const address = yield* Queue.take(listening).pipe(
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.fail(failed("it did not start in time")) })
  )
  const encoder = new TextEncoder()
  return {
    name,
    address,
    command: (line) => Effect.asVoid(Queue.offer(input, encoder.encode(`${line}\n`))),
    kill: Effect.ignore(child.kill({ killSignal: "SIGKILL" }))
  }
})
