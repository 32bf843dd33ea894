/** `p2p demo`: its flags and help. The demo itself is loaded when it runs. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

/**
 * `p2p demo`.
 *
 * @category commands
 * @since 0.1.0
 */
export const demo = Command.make(
  "demo",
  {
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Tell the steps as JSON, one object a line"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ json }) {
    const { run } = yield* Effect.promise(() => import("./Demo.ts"))
    yield* run(json)
  })
).pipe(
  Command.withShortDescription("Show what a mesh and a dictionary do, with real nodes"),
  Command.withDescription(
    `Starts nodes on this machine, some of them in processes of their own, and tells line by line what
they do. Five make a mesh: a broadcast that is relayed, a reply, a typed topic, a node that is
killed, and the mesh repairing itself. Five keep a dictionary: values set by one and read by
another, a node that is killed and no value lost, and a new one that takes over.`
  )
)
