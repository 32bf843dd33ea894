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
export const make: Effect.Effect<Prompt, never, Scope.Scope> = Effect.suspend(() =>
  makeOn(process.stdin, process.stdout, Output.write)
)

/** The same on any terminal, to which `write` writes what is printed. @internal */
export const makeOn = Effect.fnUntraced(function*(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  write: Prompt["write"]
): Effect.fn.Return<Prompt, never, Scope.Scope> {
  const editor = yield* Effect.acquireRelease(
    Effect.sync(() => readline.createInterface({ input, output, prompt: "> ", terminal: true })),
    (editor) =>
      Effect.sync(() => {
        erase(editor, output)
        editor.close()
      })
  )
  editor.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
  // A terminal that was closed cannot be set back; its lines end, as by Ctrl-D.
  editor.on("error", () => {})
  // Back from Ctrl-Z the editor is paused, and reads no key until it is asked to.
  editor.on("SIGCONT", () => editor.prompt(true))
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
        const rows = erase(editor, output)
        // The editor goes up again by the rows that the line had: without these it would write over the text.
        return Effect.tap(write(`${text}${isClosed ? "" : "\n".repeat(rows)}`), () =>
          Effect.sync(() => isClosed ? undefined : editor.prompt(true)))
      })
  }
})

/** Takes the line that is being typed off the terminal, all of its rows; gives how many there are above the cursor. */
const erase = (editor: readline.Interface, output: NodeJS.WritableStream): number => {
  const { rows } = editor.getCursorPos()
  readline.moveCursor(output, 0, -rows)
  readline.cursorTo(output, 0)
  readline.clearScreenDown(output)
  return rows
}
