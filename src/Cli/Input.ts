/** Standard input, line by line; no line is read before the last one was dealt with. */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as ErrorText from "../Layers/NodeErrorText.ts"

/**
 * Standard input cannot be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class InputFailed extends Schema.TaggedError<InputFailed>()("InputFailed", { cause: Schema.Defect() }) {
  override get message(): string {
    return `could not read standard input: ${ErrorText.describe(this.cause)}`
  }
}

/** In characters; a message of the default limit of 2 MiB has four million in hex. */
const maxLineLength = 16 * 1024 * 1024

/** Where lines end: at LF alone, since a CR within a line is part of what it says. */
const cut = (
  begun: string,
  text: string
): Effect.Effect<readonly [begun: string, lines: ReadonlyArray<string>], InputFailed> => {
  const [first = "", ...others] = text.split("\n")
  const line = begun + first
  if (line.length > maxLineLength) {
    return Effect.fail(new InputFailed({ cause: new Error(`a line of more than ${maxLineLength} characters`) }))
  }
  const last = others.pop()
  return Effect.succeed(last === undefined ? [line, []] : [last, [line, ...others].map(withoutReturn)])
}

const withoutReturn = (line: string): string => line.endsWith("\r") ? line.slice(0, -1) : line

/**
 * The lines of standard input, whether they end with LF or CRLF, read as UTF-8; fails at one of more than 16 million
 * characters. When the stream
 * ends or is interrupted standard input is closed, so that it does not keep the program running.
 *
 * @category input
 * @since 0.1.0
 */
export const lines: Stream.Stream<string, InputFailed> = Stream.suspend(() =>
  // Node takes a directory for an input that is over.
  statInput()?.isDirectory() === true
    ? Stream.fail(new InputFailed({ cause: new Error("it is a directory") }))
    : NodeStream.fromReadable<Uint8Array, InputFailed>({
      evaluate: () => process.stdin,
      onError: (cause) => new InputFailed({ cause })
    })
).pipe(
  Stream.decodeText,
  Stream.mapAccumEffect(() => "", cut, {
    onHalt: (begun) => begun === "" ? [] : [withoutReturn(begun)]
  })
)

/**
 * Whether there is no input to speak of: standard input is `/dev/null`, as for services and for
 * what a shell runs in the background.
 *
 * @category input
 * @since 0.1.0
 */
export const isAbsent: Effect.Effect<boolean> = Effect.sync(() => {
  const input = statInput()
  return input === undefined || (input.isCharacterDevice() && !process.stdin.isTTY)
})

/** What standard input is; nothing where it is closed. */
const statInput = (): fs.Stats | undefined => {
  try {
    return fs.fstatSync(0)
  } catch {
    return undefined
  }
}
