/** `--peers` and `--lan`: how a node finds others without an address on the command line. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as ErrorText from "../Layers/NodeErrorText.ts"
import type * as NodeLan from "../Layers/NodeLan.ts"
import type * as NodePeersFile from "../Layers/NodePeersFile.ts"
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import { reachOf } from "../Transport/Source.ts"

export const flags = {
  peers: Flag.String("peers").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription(
      "A file of addresses to begin with, one a line; the node remembers there whom it was linked with, so it must be writable"
    ),
    Flag.filter((file) => file !== "", () => "the name of a file"),
    Flag.optional
  ),
  lan: Flag.Boolean("lan").pipe(
    Flag.withDescription(
      "Find nodes of this network on the LAN, and be found there (multicast DNS); they link to it only where it listens for " +
        "them, as with --listen 0.0.0.0:4444"
    ),
    Flag.withDefault(false)
  )
}

/**
 * What the command line says.
 *
 * @category options
 * @since 0.1.0
 */
export interface DiscoveryOptions {
  /** The file of addresses that the node begins with, and remembers others in. */
  readonly peers: string | undefined
  /** Whether to find nodes on the LAN. */
  readonly lan: boolean
}

/**
 * The options that the flags stand for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toOptions = (
  { lan, peers }: { readonly lan: boolean; readonly peers: Option.Option<string> }
): DiscoveryOptions => ({ lan, peers: Option.getOrUndefined(peers) })

/**
 * Fails when the package for the LAN is missing, and when the node could remember nothing in its file: it writes a new
 * one beside it, which then takes its place. To be asked before the node says that it runs; otherwise it would be found
 * out when all is over.
 *
 * @category running
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function*(
  { lan, peers }: DiscoveryOptions
): Effect.fn.Return<void, NodePeersFile.PeersFileError | NodeLan.LanError> {
  if (lan) yield* Effect.flatMap(Effect.promise(() => import("../Layers/NodeLan.ts")), (module) => module.check)
  if (peers === undefined) return
  const { mustBeFile, PeersFileError } = yield* Effect.promise(() => import("../Layers/NodePeersFile.ts"))
  const draft = `${peers}.${crypto.randomUUID()}`
  yield* Effect.try({
    try: () => {
      mustBeFile(peers)
      fs.writeFileSync(draft, "", { flag: "wx" })
      fs.rmSync(draft)
    },
    catch: (cause) => new PeersFileError({ file: peers, detail: ErrorText.describeWrite(cause) })
  })
})

/**
 * Whether there is anybody to look for: a file that has nothing yet names nobody.
 *
 * @category predicates
 * @since 0.1.0
 */
export const mayFind = ({ lan, peers }: DiscoveryOptions): boolean =>
  lan || (peers !== undefined && (fs.statSync(peers, { throwIfNoEntry: false })?.size ?? 0) > 0)

/** Whether nobody but this machine can link to a node at these addresses. */
const isLocal = (addresses: ReadonlyArray<PeerAddress>): boolean =>
  addresses.every(({ hostname }) => reachOf(hostname) === "loopback")

const reachable = "--listen 0.0.0.0:PORT, or --announce HOST:PORT, says where others can"

/**
 * What whoever looks on the LAN is told of a node that the LAN cannot reach; nothing of others.
 *
 * @category encoding
 * @since 0.1.0
 */
export const lanNotes = ({ lan }: DiscoveryOptions, addresses: ReadonlyArray<PeerAddress>): ReadonlyArray<Note> =>
  lan && isLocal(addresses)
    ? [{ event: "note", text: `nobody on the LAN can link to this node, only it to them: ${reachable}` }]
    : []

/**
 * The same of an invitation to a node.
 *
 * @category encoding
 * @since 0.1.0
 */
export const inviteNotes = (addresses: ReadonlyArray<PeerAddress>): ReadonlyArray<Note> =>
  isLocal(addresses) ? [{ event: "note", text: `this is for programs on this machine alone: ${reachable}` }] : []

interface Note {
  readonly event: "note"
  readonly text: string
}

/**
 * Where it is looked, for people.
 *
 * @category encoding
 * @since 0.1.0
 */
export const places = ({ lan, peers }: DiscoveryOptions): ReadonlyArray<string> => [
  ...(peers === undefined ? [] : [`a node of ${peers}`]),
  ...(lan ? ["a node on the LAN"] : [])
]

/**
 * Has the node in the environment find others as the options say, until the scope closes; `layerOf` takes from a
 * module its Layer for that kind of node. What is not asked for is not loaded. Fails when the file or the LAN cannot be
 * used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = Effect.fnUntraced(function*<R>(
  { lan, peers }: DiscoveryOptions,
  layerOf: {
    readonly file: (module: typeof NodePeersFile) => (options: NodePeersFile.PeersFileOptions) => FileLayer<R>
    readonly lan: (module: typeof NodeLan) => () => LanLayer<R>
  }
): Effect.fn.Return<void, NodePeersFile.PeersFileError | NodeLan.LanError, R | Scope.Scope> {
  if (peers !== undefined) {
    const module = yield* Effect.promise(() => import("../Layers/NodePeersFile.ts"))
    yield* Layer.build(layerOf.file(module)({ file: peers }))
  }
  if (lan) {
    const module = yield* Effect.promise(() => import("../Layers/NodeLan.ts"))
    yield* Layer.build(layerOf.lan(module)())
  }
})

type FileLayer<R> = Layer.Layer<never, NodePeersFile.PeersFileError, R>
type LanLayer<R> = Layer.Layer<never, NodeLan.LanError, R>
