/** `p2p invite`: makes an invitation, or shows what one says. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Invite } from "../Layers/Invite.ts"
import type { WireVersion } from "../Layers/WireVersion.ts"
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import { reachable } from "./AddressFlag.ts"
import { count } from "./NumberFlags.ts"
import * as Output from "./Output.ts"
import { flags as securityFlags, WrongUsage } from "./SecurityFlags.ts"
import { harmlessJson } from "./Style.ts"
import * as WireFlag from "./WireFlag.ts"

/** What nodes of a ring have or have not. */
const ringFlag = (name: string) =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(`With --chord: the --${name} of its nodes`),
    Flag.withDefault(false)
  )

const flags = {
  connect: reachable("connect").pipe(
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
  originals: ringFlag("originals"),
  dialNames: ringFlag("dial-names"),
  tls: securityFlags.tls,
  protocol: WireFlag.given,
  identity: securityFlags.identity.pipe(
    Flag.withDescription(
      "With --tls: the identity of the node at those addresses, which must be there; its fingerprint goes into the invitation"
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
  Effect.fnUntraced(function*({ json, text, ...rest }) {
    if (text._tag === "Some") return yield* show(text.value, rest)
    const made = yield* make(rest)
    yield* Output.write(`${json ? JSON.stringify({ event: "invite", text: made }) : made}\n`)
  })
).pipe(
  Command.withShortDescription("Make an invitation to a network, or show what one says"),
  Command.withDescription(`Prints a short text with which another node joins: p2p mesh --invite TEXT.

  It holds addresses, the subnet, the wire version, the mode of TLS and the fingerprint of the node's key, of a
  ring also its bits, --originals and --dial-names. It is no secret and no admission: whoever has it knows where the
  network is, and with --tls, whom to expect there.`),
  Command.withExamples([
    { command: "p2p invite --connect 192.168.1.20:4444", description: "An invitation to that node's mesh" },
    { command: "p2p invite --connect host.example:4444 --tls --identity ./me", description: "The same, with its key" }
  ])
)

/** What makes an invitation. */
interface Making {
  readonly connect: ReadonlyArray<PeerAddress>
  readonly subnet: Option.Option<string>
  readonly chord: boolean
  readonly bits: Option.Option<number>
  readonly originals: boolean
  readonly dialNames: boolean
  readonly tls: Option.Option<NonNullable<Invite["tls"]>>
  readonly protocol: Option.Option<WireVersion>
  readonly identity: Option.Option<string>
}

const show = Effect.fnUntraced(function*(text: string, making: Making) {
  const given = Object.entries(making).find(([, value]) =>
    typeof value === "boolean" ? value : "length" in value ? value.length > 0 : value._tag === "Some"
  )
  if (given !== undefined) {
    const name = given[0] === "dialNames" ? "dial-names" : given[0]
    return yield* new WrongUsage({ detail: `--${name} is to make an invitation, not to show one: leave it out` })
  }
  const Invite = yield* Effect.promise(() => import("../Layers/Invite.ts"))
  const found = yield* Effect.mapError(Invite.decode(text), (error) => new WrongUsage({ detail: error.message }))
  yield* Output.write(`${harmlessJson(found)}\n`)
})

const make = Effect.fnUntraced(function*(making: Making) {
  const { bits, chord, connect, dialNames, identity, originals, protocol, subnet, tls } = making
  if (connect.length === 0 || connect.length > 8) {
    return yield* new WrongUsage({
      detail: "p2p invite needs --connect HOST:PORT, 1 to 8 times, or an invitation to show"
    })
  }
  const ofRing = bits._tag === "Some" ? "bits" : originals ? "originals" : dialNames ? "dial-names" : undefined
  if (ofRing !== undefined && !chord) {
    return yield* new WrongUsage({ detail: `--${ofRing} is for --chord: nodes of a mesh have none` })
  }
  if (identity._tag === "Some" && Option.getOrUndefined(tls) !== "pinned") {
    return yield* new WrongUsage({
      detail: "--identity is for --tls=pinned, the mode in which nodes are known by their keys"
    })
  }
  const Invitation = yield* Effect.promise(() => import("./Invitation.ts"))
  return yield* Invitation.make({
    kind: chord ? "chord" : "mesh",
    addresses: connect,
    subnet: Option.getOrUndefined(subnet),
    tls: Option.getOrUndefined(tls),
    identity: Option.getOrUndefined(identity),
    protocol: Option.getOrElse(protocol, () => "0.4" as const),
    bits: Option.getOrUndefined(bits),
    originals,
    dialNames
  })
})
