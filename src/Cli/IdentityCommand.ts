/** `p2p identity`: its flags and help. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { dialable } from "./AddressFlag.ts"
import { identity as directory } from "./SecurityFlags.ts"
import * as WireFlag from "./WireFlag.ts"

const flags = {
  identity: directory.pipe(
    Flag.withDescription("The directory that it is kept in (default ~/.p2p)"),
    Flag.optional
  ),
  subnet: Flag.String("subnet").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("The network of the id that is shown (default \"mesh\")"),
    Flag.withDefault("mesh")
  ),
  protocol: WireFlag.protocol,
  forget: dialable("forget").pipe(
    Flag.withDescription("Forget which identity was met at that address, so that another one may be there"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Tell it as JSON, for programs"),
    Flag.withDefault(false)
  )
}

/**
 * `p2p identity`.
 *
 * @category commands
 * @since 0.1.0
 */
export const identity = Command.make(
  "identity",
  flags,
  Effect.fnUntraced(function*({ forget, identity, json, protocol, subnet }) {
    const { run } = yield* Effect.promise(() => import("./Identity.ts"))
    yield* run({
      directory: Option.getOrUndefined(identity),
      forget: Option.getOrUndefined(forget),
      subnet,
      protocol,
      json
    })
  })
).pipe(
  Command.withShortDescription("Make or show the identity of a node"),
  Command.withDescription(`Makes the identity of a node, an Ed25519 key, or shows the one there is.

  It is kept in a directory that only its owner can enter, with the identities that were met at each
  address. Whoever has the key is the node: keep a copy where nobody else reads it, and give each
  node one of its own. To roll it, move the directory away and run this again.`),
  Command.withExamples([
    { command: "p2p identity --identity ./alice", description: "Make one, and show it" },
    { command: "p2p mesh --tls --identity ./alice", description: "Run a node that has it" },
    {
      command: "p2p identity --identity ./alice --forget 10.0.0.7:4444",
      description: "Let the node at that address have another identity than before"
    }
  ])
)
