/** `--faults`: what goes wrong in a simulation. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as ErrorText from "../Layers/NodeErrorText.ts"
import { FaultSchedule, nodesOf } from "../Layers/Simulation/Fault.ts"
import * as LongRun from "./LongRun.ts"
import { WrongUsage } from "./SecurityFlags.ts"

/** How many, or the file they are in. */
export const faults = Flag.String("faults").pipe(
  Flag.withMetavar("N|FILE"),
  Flag.withDescription(
    "So many faults, drawn from the seed, or those in a file (JSON); the run is checked, and ends with status 1 when an invariant does not hold (default none)"
  ),
  Flag.optional
)

/**
 * A file of faults that cannot be read, or holds something else.
 *
 * @category errors
 * @since 0.1.0
 */
export class FaultsFileError extends Schema.TaggedError<FaultsFileError>()("FaultsFileError", {
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot play the faults of ${this.file}: ${this.detail}. --faults takes a number up to 9999, or a file with a JSON list ` +
      `such as [{"atMillis":1000,"forMillis":5000,"fault":{"_tag":"Crash","node":"3"}}]`
  }
}

const FaultsText = Schema.fromJsonString(FaultSchedule)

/** The faults that the flag names, for nodes that are numbered from 0; `isGrowing` when others join later. */
export const readFaults = Effect.fnUntraced(function*(
  text: string,
  nodes: number,
  isGrowing: boolean
): Effect.fn.Return<number | FaultSchedule, FaultsFileError | WrongUsage, FileSystem.FileSystem> {
  if (/^\d{1,4}$/.test(text)) {
    const count = Number(text)
    if (count > 0 && nodes < 2) return yield* new WrongUsage({ detail: "--faults N is for --nodes 2 or more" })
    return count
  }
  const fail = (detail: string) => new FaultsFileError({ file: text, detail })
  const files = yield* FileSystem.FileSystem
  const read = LongRun.endable(files.readFileString(text))
  const json = yield* Effect.mapError(read, (error) => fail(ErrorText.describe(error)))
  const schedule = yield* Effect.mapError(
    Schema.decodeUnknownEffect(FaultsText)(json),
    (error) => fail(error.message)
  )
  const unknown = schedule.flatMap(({ fault }) => nodesOf(fault)).find((name) => !isNode(name, nodes, isGrowing))
  if (unknown === undefined) return schedule
  const names = nodes === 1 ? `the only node is "0"` : `nodes are "0" to "${nodes - 1}"`
  return yield* fail(`there is no node ${JSON.stringify(unknown)}, ${names}`)
})

/** Whether a node has that name from the beginning, or may come to have it. */
const isNode = (name: string, nodes: number, isGrowing: boolean): boolean =>
  /^(?:0|[1-9]\d{0,8})$/.test(name) && (isGrowing || Number(name) < nodes)
