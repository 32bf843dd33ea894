/** Flags that the simulations have in common. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { FaultSchedule } from "../Layers/Simulation/Fault.ts"

/** A number within bounds; anything else is wrong usage. */
export const number = (name: string, minimum: number, maximum: number, what: string): Flag.Flag<number> =>
  Flag.Finite(name).pipe(Flag.filter((value) => value >= minimum && value <= maximum, () => what))

/** A whole number from 1 on. */
export const count = (name: string, maximum: number): Flag.Flag<number> =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.filter((value) => value >= 1 && value <= maximum, () => `a number from 1 to ${maximum}`)
  )

/** A time with its unit, in milliseconds. */
export const duration = (name: string, maxMillis: number): Flag.Flag<number> =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.filterMap((text) => {
      const millis = toMillis(text)
      return millis !== undefined && millis <= maxMillis ? Option.some(millis) : Option.none()
    }, () => "a time such as 50ms, 10s or 5m")
  )

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const toMillis = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  return match === null ? undefined : Number(match[1]) * units[match[2]!]!
}

/** `--seed`, `"1"` when it is not given. */
export const seed = Flag.String("seed").pipe(
  Flag.withMetavar("SEED"),
  Flag.withDescription("Everything hangs on it: the same seed, the same run (default \"1\")"),
  Flag.withDefault("1")
)

/** `--json`. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print the figures as one JSON object"),
  Flag.withDefault(false)
)

/** `--faults`: how many, or the file they are in. */
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

/** What `--faults` names. */
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
