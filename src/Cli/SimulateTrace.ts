/** `--trace`: a recording of a simulated network, for the dashboard. */
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { type EventTrace, maxNodes } from "../Layers/Simulation/EventTrace.ts"
import * as OutputFile from "./OutputFile.ts"
import { WrongUsage } from "./SecurityFlags.ts"

export const trace = OutputFile.flag("trace").pipe(
  Flag.withDescription("Records what happens, for the dashboard to play back: p2p replay FILE"),
  Flag.optional
)

/** What a run has that is to be recorded; times in milliseconds. */
interface Run {
  readonly nodes: number
  readonly duration: number
  readonly churn: Option.Option<number>
}

/** Fails when there will be more nodes than are played back, by what can be known before, or the file cannot be written. */
export const check = Effect.fnUntraced(function*(
  file: string | undefined,
  { churn, duration, nodes }: Run
): Effect.fn.Return<void, OutputFile.FileUnwritable | WrongUsage, FileSystem.FileSystem> {
  if (file === undefined) return
  const newcomers = Option.match(churn, { onNone: () => 0, onSome: (millis) => Math.floor(duration / millis) })
  if (nodes + newcomers > maxNodes) {
    const counted = newcomers === 0 ? "" : `, and --churn makes that ${nodes + newcomers}`
    return yield* new WrongUsage({
      detail: `--trace is for ${maxNodes} nodes at most: no more are played back${counted}`
    })
  }
  yield* OutputFile.check(file)
})

/**
 * Writes what was recorded, and says what had no room. Fails when the file cannot be written.
 *
 * @category running
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function*<Event extends { readonly event: string }>(
  file: string,
  recorded: EventTrace<Event>,
  run: Parameters<EventTrace<Event>["toText"]>[0]
): Effect.fn.Return<void, OutputFile.FileUnwritable, FileSystem.FileSystem> {
  yield* OutputFile.write(file, recorded.toText(run))
  if (recorded.droppedCount > 0) {
    yield* Console.error(`${file} is full: ${recorded.droppedCount} later events are not in it`)
  }
})
