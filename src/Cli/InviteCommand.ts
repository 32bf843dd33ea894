/** `p2p invite`: makes an invitation, or shows what one says. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { dialable } from "./AddressFlag.ts"
import { count } from "./NumberFlags.ts"
import * as Output from "./Output.ts"
import { flags as securityFlags, WrongUsage } from "./SecurityFlags.ts"
import { harmless } from "./Style.ts"

const flags = {
  connect: dialable("connect").pipe(
    Flag.withDescription("Where the network can be joined, as others reach it; 1 to 8 times"),
    Flag.atLeast(0)
  ),
  subnet: Flag.String("subnet").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("The name of the network (default \"mesh\", with --chord \"chord\")"),
    Flag.optional
  ),
  chord: Flag.Boolean("chord").pipe(
    Flag.withDescription("It is for nodes of a dictionary, p2p chord"),
    Flag.withDefault(false)
  ),
  bits: count("bits", 512).pipe(Flag.withDescription("With --chord: the --bits of its nodes"), Flag.optional),
  tls: securityFlags.tls,
  identity: securityFlags.identity.pipe(
    Flag.withDescription(
      "With --tls: the identity of the node at those addresses; its fingerprint goes into the invitation"
    )
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print {\"event\":\"invite\",\"text\":…}; what an invitation says is JSON anyway"),
    Flag.withDefault(false)
  ),
  text: Argument.String("invitation").pipe(Argument.optional)
}

/**
 * `p2p invite`.
 *
 * @category commands
 * @since 0.1.0
 */
export const invite = Command.make(
  "invite",
  flags,
  Effect.fnUntraced(function*({ bits, chord, connect, identity, json, subnet, text, tls }) {
    if (text._tag === "Some") {
      const Invite = yield* Effect.promise(() => import("../Layers/Invite.ts"))
      const found = yield* Effect.mapError(
        Invite.decode(text.value),
        (error) => new WrongUsage({ detail: error.message })
      )
      return yield* Output.write(`${harmless(JSON.stringify(found))}\n`)
    }
    if (connect.length === 0 || connect.length > 8) {
      return yield* new WrongUsage({
        detail: "p2p invite needs --connect HOST:PORT, 1 to 8 times, or an invitation to show"
      })
    }
    if (bits._tag === "Some" && !chord) {
      return yield* new WrongUsage({ detail: "--bits is for --chord: nodes of a mesh have none" })
    }
    if (identity._tag === "Some" && Option.getOrUndefined(tls) !== "pinned") {
      return yield* new WrongUsage({
        detail: "--identity is for --tls=pinned, the mode in which nodes are known by their keys"
      })
    }
    const Invitation = yield* Effect.promise(() => import("./Invitation.ts"))
    const made = yield* Invitation.make({
      kind: chord ? "chord" : "mesh",
      addresses: connect,
      subnet: Option.getOrUndefined(subnet),
      tls: Option.getOrUndefined(tls),
      identity: Option.getOrUndefined(identity),
      bits: Option.getOrUndefined(bits)
    })
    yield* Output.write(`${json ? JSON.stringify({ event: "invite", text: made }) : made}\n`)
  })
).pipe(
  Command.withShortDescription("Make an invitation to a network, or show what one says"),
  Command.withDescription(`Prints a short text with which another node joins: p2p mesh --invite TEXT.

  It holds addresses, the subnet, the mode of TLS and the fingerprint of the node's key. It is no secret
  and no admission: whoever has it knows where the network is, and with --tls, whom to expect there.`),
  Command.withExamples([
    { command: "p2p invite --connect 192.168.1.20:4444", description: "An invitation to that node's mesh" },
    { command: "p2p invite --connect host.example:4444 --tls --identity ./me", description: "The same, with its key" }
  ])
)
