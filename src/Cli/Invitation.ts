/** Invitations to a network, as the flags of a node say what it is. */
import * as Effect from "effect/Effect"
import * as Invite from "../Layers/Invite.ts"
import { dialed } from "../Layers/NodeOwnHost.ts"
import type { WireVersion } from "../Layers/WireVersion.ts"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import type { IdentityError } from "../Transport/NodeIdentity.ts"
import { WrongUsage } from "./SecurityFlags.ts"

/**
 * What the nodes of a network have in common, and the identity of the one that invites.
 *
 * @category options
 * @since 0.1.0
 */
export interface InvitationOptions {
  readonly kind: Invite.Invite["kind"]
  /** Where it can be joined; the first eight are taken. */
  readonly addresses: ReadonlyArray<PeerAddress>
  /** Default `"mesh"` or `"chord"`. */
  readonly subnet: string | undefined
  readonly tls: Invite.Invite["tls"] | undefined
  /** The directory of the identity that is to be met there. */
  readonly identity: string | undefined
  readonly protocol: WireVersion
  readonly bits?: number | undefined
  /** What else nodes of a ring are given alike. */
  readonly originals?: boolean
  readonly dialNames?: boolean
}

/**
 * The text of an invitation. Fails when the identity is missing or cannot be read, and for what no invitation carries.
 *
 * @category encoding
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  { addresses, bits, dialNames, identity, kind, originals, protocol, subnet = kind, tls }: InvitationOptions
): Effect.fn.Return<string, IdentityError | WrongUsage> {
  if (subnet.length > Invite.maxSubnetLength) {
    const detail =
      `an invitation carries no name of a subnet of more than ${Invite.maxSubnetLength} characters, and this ` +
      `one has ${subnet.length}: have others join with --connect and --subnet`
    return yield* new WrongUsage({ detail })
  }
  const pin = identity === undefined || tls !== "pinned" ? undefined : yield* pinOf(identity)
  return Invite.encode({
    kind,
    addresses: addresses.slice(0, 8).map((address) => format(dialed(address))),
    subnet,
    ...(protocol === "0.4" ? {} : { protocol }),
    ...(tls === undefined ? {} : { tls }),
    ...(pin === undefined ? {} : { pin }),
    ...(bits === undefined ? {} : { bits }),
    ...(originals === true ? { originals } : {}),
    ...(dialNames === true ? { dialNames } : {})
  })
})

/** The fingerprint of the identity in a directory. */
const pinOf = Effect.fnUntraced(function*(directory: string) {
  // An invitation to meet a key that no node has would have all who accept it refuse the node.
  const KeptIdentity = yield* Effect.promise(() => import("./KeptIdentity.ts"))
  yield* KeptIdentity.check(directory)
  const NodeIdentity = yield* Effect.promise(() => import("../Transport/NodeIdentity.ts"))
  const { identity } = yield* NodeIdentity.open(directory)
  return NodeIdentity.fingerprint(identity.publicKey)
})
