/**
 * A mesh node that is asked to link to a chord node, or the other way round. No handshake says which kind a node is of; but
 * the id of its network follows from a name, and whoever meets the other kind has mostly left that as it is, or given both alike.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as NodeCompression from "../Layers/NodeCompression.ts"
import * as NodeHashing from "../Layers/NodeHashing.ts"
import * as WireVersion from "../Layers/WireVersion.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import { ringBits } from "../Protocol/v07/Identifiers.ts"
import type { Security } from "./SecurityFlags.ts"

/** How the command line calls it, and its flag for an address. */
const flagsOf = { mesh: "--connect", chord: "--join" } as const

type Kind = keyof typeof flagsOf

/**
 * The node at an address is known to be of the other kind. To programs it is what it was: another network.
 *
 * @category errors
 * @since 0.1.0
 */
export class OtherKind extends Schema.TaggedError<OtherKind>()("NetworkMismatch", {
  address: Schema.String,
  kind: Schema.Literals(["mesh", "chord"])
}) {
  override get message(): string {
    const own = this.kind === "mesh" ? "chord" : "mesh"
    return `at ${this.address} is a ${this.kind} node, and this is a ${own} node: ` +
      `p2p ${this.kind} ${flagsOf[this.kind]} ${this.address} is for it`
  }
}

/** What this node is. */
interface Own {
  readonly kind: Kind
  readonly subnet: string | undefined
  readonly protocol: WireVersion.WireVersion
  readonly security: Security
}

/** What says of a reason for which there was no link that the other end is of the other kind, where that is known. */
export type Explain = (
  address: string,
  reason: { readonly _tag: string; readonly peer?: unknown }
) => OtherKind | undefined

/** The letters that the bits of a ring take behind the id of a network. */
const maxBitsLetters = 2

/**
 * Looks at reasons as a node of that kind, subnet, wire version and encryption meets them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*({ kind, security, subnet = kind }: Own) {
    const protocol = yield* Protocol
    const encryptions = security.tls === undefined
      ? ["Plaintext"]
      : [yield* encryptionOf(security.tls.mode), "Plaintext"]
    const other: Kind = kind === "mesh" ? "chord" : "mesh"
    const isOther = (networkId: string): boolean =>
      encryptions.flatMap((encryption) =>
        [subnet, other].map((name) => [name, protocol.networkId(name, encryption)] as const)
      )
        .some(([name, mesh]) => {
          if (other === "chord") {
            const letters = networkId.startsWith(mesh) ? networkId.length - mesh.length : 0
            return letters > 0 && letters <= maxBitsLetters
          }
          // The widest ring of 0.7 has the id of a mesh with that name.
          return networkId === mesh && (name === other || protocol.chordNetworkId(mesh, ringBits) !== mesh)
        })
    const explain: Explain = (address, reason) =>
      reason._tag === "NetworkMismatch" && typeof reason.peer === "string" && isOther(reason.peer)
        ? new OtherKind({ address, kind: other })
        : undefined
    return explain
  },
  (effect, { protocol }) =>
    Effect.provide(effect, WireVersion.layer(protocol).pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer])))
)

/** Loaded where it is used. */
const encryptionOf = (mode: NonNullable<Security["tls"]>["mode"]) =>
  Effect.map(Effect.promise(() => import("../Transport/NodeTls.ts")), (module) => module.encryptionOf(mode))
