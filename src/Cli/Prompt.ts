/**
 * A prompt on a terminal: what is printed while somebody types appears above the line that is being
 * typed, instead of in the middle of it.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as readline from "node:readline"
import * as Output from "./Output.ts"

/**
 * The two sides of a terminal.
 *
 * @category models
 * @since 0.1.0
 */
export interface Prompt {
  /** What is typed; ends on Ctrl-D. */
  readonly lines: Stream.Stream<string>
  /** Prints whole lines above the one that is being typed. */
  readonly write: (text: string) => Effect.Effect<void, Output.OutputFailed>
}

/**
 * Whether somebody types at a terminal, and can be shown a prompt there.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPossible = (): boolean =>
  process.stdin.isTTY === true && process.stdout.isTTY === true && process.env["TERM"] !== "dumb"

/**
 * Takes over the terminal until the scope closes. Ctrl-C is SIGINT, as without a prompt.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Prompt, never, Scope.Scope> = Effect.gen(function*() {
  const editor = yield* Effect.acquireRelease(
    Effect.sync(() => readline.createInterface({ input: process.stdin, output: process.stdout, prompt: "> " })),
    (editor) =>
      Effect.sync(() => {
        editor.close()
        eraseLine()
      })
  )
  editor.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
  let isClosed = false
  editor.once("close", () => isClosed = true)
  return {
    lines: Stream.callback<string>((queue) =>
      Effect.sync(() => {
        editor.on("line", (line) => {
          Queue.offerUnsafe(queue, line)
          editor.prompt()
        })
        editor.once("close", () => Queue.endUnsafe(queue))
        editor.prompt()
      })
    ),
    write: (text) =>
      Effect.suspend(() => {
        eraseLine()
        return Effect.tap(Output.write(text), () => Effect.sync(() => isClosed ? undefined : editor.prompt(true)))
      })
  }
})

const eraseLine = (): void => {
  readline.cursorTo(process.stdout, 0)
  readline.clearLine(process.stdout, 0)
}
