/** `--invite`: what an invitation says, in place of the flags that would say it. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Invite from "../Layers/Invite.ts"
import type { WireVersion } from "../Layers/WireVersion.ts"
import { parse, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { type Security, WrongUsage } from "./SecurityFlags.ts"
import { harmless } from "./Style.ts"

export const invite = Flag.String("invite").pipe(
  Flag.withMetavar("TEXT"),
  Flag.withDescription(
    "Join by an invitation (p2p invite): it has the addresses, and what all nodes of that network are given alike"
  ),
  Flag.optional
)

type Mode = NonNullable<Invite.Invite["tls"]>

/**
 * What an invitation adds to the flags; nothing when there is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Invited {
  readonly addresses: ReadonlyArray<PeerAddress>
  readonly subnet: string | undefined
  readonly tls: Option.Option<Mode>
  readonly protocol: WireVersion
  readonly bits: number | undefined
  readonly originals: boolean
  readonly dialNames: boolean
  /** Fingerprints by address. */
  readonly pins: Readonly<Record<string, string>>
}

interface Given {
  readonly subnet: Option.Option<string>
  readonly tls: Option.Option<Mode>
  readonly protocol?: Option.Option<WireVersion>
  /** Where the nodes have it. */
  readonly bits?: Option.Option<number>
  readonly originals?: boolean
  readonly dialNames?: boolean
}

/**
 * Reads the invitation, if there is one. Fails with `WrongUsage` when it is none, is for another kind of
 * node, or says something else than the flags do.
 *
 * @category decoding
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  kind: Invite.Invite["kind"],
  text: Option.Option<string>,
  given: Given
): Effect.fn.Return<Invited, WrongUsage> {
  const protocol = Option.getOrUndefined(given.protocol ?? Option.none())
  const bits = Option.getOrUndefined(given.bits ?? Option.none())
  const { dialNames = false, originals = false } = given
  if (text._tag === "None") {
    return {
      addresses: [],
      subnet: Option.getOrUndefined(given.subnet),
      tls: given.tls,
      protocol: protocol ?? "0.4",
      bits,
      originals,
      dialNames,
      pins: {}
    }
  }
  const wrong = (detail: string) => new WrongUsage({ detail })
  const { decode } = yield* Effect.promise(() => import("../Layers/Invite.ts"))
  const found = yield* Effect.mapError(decode(text.value), (error) => wrong(`--invite: ${error.message}`))
  if (found.kind !== kind) return yield* wrong(`--invite: it is for p2p ${found.kind}, not for p2p ${kind}`)
  const subnet = Option.getOrUndefined(given.subnet)
  if (subnet !== undefined && subnet !== found.subnet) {
    return yield* wrong(
      `--invite: it is for the subnet "${harmless(found.subnet)}", --subnet says "${subnet}"; leave one of them out`
    )
  }
  const mode = Option.getOrUndefined(given.tls)
  if (mode !== undefined && mode !== found.tls) {
    return yield* wrong(
      `--invite: it is for ${found.tls === undefined ? "no TLS" : `--tls=${found.tls}`}, not --tls=${mode}`
    )
  }
  // One that says nothing may be of before invitations said it.
  if (protocol !== undefined && found.protocol !== undefined && protocol !== found.protocol) {
    return yield* wrong(`--invite: it is for --protocol ${found.protocol}, not --protocol ${protocol}`)
  }
  if (bits !== undefined && found.bits !== undefined && bits !== found.bits) {
    return yield* wrong(`--invite: it is for --bits ${found.bits}, not --bits ${bits}`)
  }
  const { addresses, pin } = found
  if (pin !== undefined && found.tls !== "pinned") {
    return yield* wrong("--invite: it names a key that nobody would look at, for it is not for --tls=pinned")
  }
  return {
    addresses: addresses.flatMap((address) => parse(address) ?? []),
    subnet: found.subnet,
    tls: Option.fromUndefinedOr(found.tls),
    protocol: protocol ?? found.protocol ?? "0.4",
    bits: bits ?? found.bits,
    // Not to give such a flag is no word against it.
    originals: originals || found.originals === true,
    dialNames: dialNames || found.dialNames === true,
    pins: pin === undefined ? {} : Object.fromEntries(addresses.map((address) => [address, pin]))
  }
})

/** The security that the flags say, with the keys that the invitation names. */
export const withPins = (security: Security, pins: Invited["pins"]): Security =>
  security.tls === undefined || Object.keys(pins).length === 0
    ? security
    : { ...security, tls: { ...security.tls, pins } }
