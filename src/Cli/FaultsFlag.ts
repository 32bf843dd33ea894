/** `--faults`: what goes wrong in a simulation. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { FaultSchedule } from "../Layers/Simulation/Fault.ts"

/** How many, or the file they are in. */
export const faults = Flag.String("faults").pipe(
  Flag.withMetavar("N|FILE"),
  Flag.withDescription(
    "So many faults, drawn from the seed, or those in a file (JSON); the run is checked, and ends with status 1 when an invariant does not hold"
  ),
  Flag.optional
)

/**
 * A file that does not hold a schedule of faults.
 *
 * @category errors
 * @since 0.1.0
 */
export class FaultsFileError extends Schema.TaggedError<FaultsFileError>()("FaultsFileError", {
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `--faults takes a number, or a file with a JSON list such as ` +
      `[{"atMillis":1000,"forMillis":5000,"fault":{"_tag":"Crash","node":"3"}}]; ${this.file}: ${this.detail}`
  }
}

const FaultsText = Schema.fromJsonString(FaultSchedule)

/** The faults that the flag names. */
export const readFaults = Effect.fnUntraced(function*(
  text: string
): Effect.fn.Return<number | FaultSchedule, FaultsFileError, FileSystem.FileSystem> {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  const files = yield* FileSystem.FileSystem
  return yield* files.readFileString(text).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(FaultsText)),
    Effect.mapError((error) => new FaultsFileError({ file: text, detail: error.message }))
  )
})
