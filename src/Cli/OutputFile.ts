/** A file that a command writes when its work is done. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as ErrorText from "../Layers/NodeErrorText.ts"
import * as LongRun from "./LongRun.ts"

/**
 * The file cannot be written.
 *
 * @category errors
 * @since 0.1.0
 */
export class FileUnwritable extends Schema.TaggedError<FileUnwritable>()("FileUnwritable", {
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `could not write ${this.file}: ${this.detail}`
  }
}

/**
 * A flag for the name of such a file.
 *
 * @category options
 * @since 0.1.0
 */
export const flag = (name: string): Flag.Flag<string> =>
  Flag.String(name).pipe(Flag.withMetavar("FILE"), Flag.filter((file) => file !== "", () => "the name of a file"))

const named = <A, R>(file: string, effect: Effect.Effect<A, PlatformError, R>) =>
  Effect.mapError(effect, (error) => new FileUnwritable({ file, detail: ErrorText.describeWrite(error) }))

/**
 * Fails when a file could not be written, before the work begins that is to be kept there. Nothing is changed.
 *
 * @category running
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function*(file: string) {
  const files = yield* FileSystem.FileSystem
  const found = yield* Effect.option(files.stat(file))
  // Whoever reads a pipe would take an open and a close for its end.
  if (found._tag === "Some" && !["File", "Directory"].includes(found.value.type)) return
  yield* named(file, Effect.scoped(files.open(file, { flag: "a" })))
  // Where there was nothing, it is what was made that goes: a link may have led there, and stays.
  if (found._tag === "None") yield* named(file, Effect.flatMap(files.realPath(file), files.remove))
})

/**
 * Writes a text into a file, in place of what was there.
 *
 * @category running
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function*(file: string, text: string) {
  const files = yield* FileSystem.FileSystem
  yield* LongRun.endable(named(file, files.writeFileString(file, text)))
})
