/** A run of `p2p identity`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as crypto from "node:crypto"
import * as os from "node:os"
import * as path from "node:path"
import * as NodeCompression from "../Layers/NodeCompression.ts"
import * as NodeHashing from "../Layers/NodeHashing.ts"
import * as WireVersion from "../Layers/WireVersion.ts"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import * as NodeIdentity from "../Transport/NodeIdentity.ts"
import * as NodeTls from "../Transport/NodeTls.ts"
import { invocation } from "./Invocation.ts"
import * as KeptIdentity from "./KeptIdentity.ts"
import * as Output from "./Output.ts"
import { sharedFlag } from "./WireFlag.ts"

/**
 * What the command line says.
 *
 * @category options
 * @since 0.1.0
 */
export interface IdentityOptions {
  /** Default `~/.p2p`. */
  readonly directory: string | undefined
  /** The address whose identity is to be forgotten. */
  readonly forget: PeerAddress | undefined
  readonly subnet: string
  readonly protocol: WireVersion.WireVersion
  readonly json: boolean
}

/**
 * Makes or shows an identity. Fails with `IdentityError` when others can read it, or the disk refuses, or when one that
 * is not there is to forget another.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(
  function*(options: IdentityOptions) {
    const directory = options.directory ?? path.join(os.homedir(), ".p2p")
    const print = (json: object, lines: ReadonlyArray<string>) =>
      Output.write(options.json ? `${JSON.stringify(json)}\n` : `${lines.join("\n")}\n`)
    if (options.forget !== undefined) {
      const address = format(options.forget)
      yield* KeptIdentity.check(directory)
      const isKnown = yield* NodeTls.forget(directory, options.forget)
      const said = isKnown
        ? `forgotten; whoever is at ${address} next is remembered`
        : `nobody is remembered at ${address}`
      return yield* print({ event: "forgotten", address, known: isKnown }, [said])
    }
    const { identity, isNew } = yield* NodeIdentity.open(directory)
    const protocol = yield* Protocol
    const networkId = protocol.networkId(options.subnet, NodeTls.encryptionOf("pinned"))
    const shown = {
      directory,
      fingerprint: NodeIdentity.fingerprint(identity.publicKey),
      subnet: options.subnet,
      id: protocol.identityId(identity.publicKey, networkId),
      publicKey: crypto.createPublicKey(identity.privateKey).export({ type: "spki", format: "pem" }).toString()
    }
    yield* print({ event: "identity", created: isNew, ...shown }, [
      `${isNew ? "Made" : "This is"} the identity in ${directory}`,
      `  key  ${shown.fingerprint}`,
      `  id   ${shown.id} (with --tls, in the subnet ${options.subnet})`,
      `Run a node that has it: ${invocation()} mesh --tls --identity ${directory}${sharedFlag(options.protocol)}`
    ])
  },
  (effect, { protocol }) =>
    Effect.provide(effect, WireVersion.layer(protocol).pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer])))
)
