/** `p2p replay`: a recorded simulation, played back in a browser. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ErrorText from "../Layers/NodeErrorText.ts"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import * as Output from "./Output.ts"
import * as ServeFlags from "./ServeFlags.ts"

/**
 * The file cannot be played back.
 *
 * @category errors
 * @since 0.1.0
 */
class TraceUnreadable extends Schema.TaggedError<TraceUnreadable>()("TraceUnreadable", {
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot play ${this.file}: ${this.detail}. p2p simulate mesh --trace FILE records a trace`
  }
}

/** The largest file that is served, in bytes; one with as many lines as are recorded has about 14 MB. */
const maxFileBytes = 64 * 1024 * 1024

const readTrace = Effect.fnUntraced(
  function*(file: string) {
    const files = yield* FileSystem.FileSystem
    const { size, type } = yield* files.stat(file)
    // A pipe without a writer, or a device, is read for ever, and no signal ends that.
    if (type !== "File" && type !== "Directory") {
      return yield* new TraceUnreadable({ file, detail: "it is no file but a pipe or a device: write it into a file" })
    }
    if (size > maxFileBytes) {
      return yield* new TraceUnreadable({
        file,
        detail: `it is larger than ${maxFileBytes} bytes`
      })
    }
    const text = yield* files.readFileString(file)
    if (!/^\{"trace":"effect-p2p\/(?:mesh|chord)"/.test(text)) {
      return yield* new TraceUnreadable({ file, detail: "it is no trace of a mesh or a ring" })
    }
    return text
  },
  (effect, file) =>
    Effect.catchTag(
      effect,
      "PlatformError",
      (error) => Effect.fail(new TraceUnreadable({ file, detail: ErrorText.describe(error) }))
    )
)

/**
 * `p2p replay`.
 *
 * @category commands
 * @since 0.1.0
 */
export const replay = Command.make(
  "replay",
  {
    file: Argument.String("file").pipe(Argument.withDescription("What p2p simulate mesh (or chord) --trace recorded")),
    dashboard: ServeFlags.flags.dashboard.pipe(
      Flag.withDescription("Where the page is served: on 127.0.0.1 unless a HOST is given (default any free port)")
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Tell where the page is as JSON: {\"event\":\"dashboard\",\"url\":…}"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ dashboard, file, json }) {
    const text = yield* readTrace(file)
    const { serveTrace } = yield* Effect.promise(() => import("./Dashboard/Dashboard.ts"))
    const listen = Option.getOrElse(dashboard, () => new PeerAddress({ host: "127.0.0.1", port: 0 }))
    const url = `http://${yield* serveTrace(text, listen)}/`
    const said = json ? JSON.stringify({ event: "dashboard", url }) : `Open ${url} in a browser; Ctrl+C ends`
    yield* Output.write(`${said}\n`)
    return yield* Effect.never
  }, Effect.scoped)
).pipe(
  Command.withShortDescription("Play a recorded simulation back in a browser"),
  Command.withDescription(
    "Serves a page that plays back what p2p simulate mesh (or chord) --trace FILE has recorded: nodes, links, broadcasts " +
      "or lookups, and faults, at any speed, to any time."
  ),
  Command.withExamples([
    { command: "p2p replay mesh.jsonl --dashboard 8080", description: "At http://127.0.0.1:8080/" }
  ])
)
