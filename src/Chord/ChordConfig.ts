/**
 * Every setting of a chord node. Each has a default that suits a newcomer; turn one by passing it to
 * `ChordConfig.layer` or to `NodeChord.layer`.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import { checked, type Given } from "../Transport/Settings.ts"
import { defaults as peersDefaults, type PeersSettings } from "./internal/PeersOptions.ts"
import { minSuccessorCount } from "./Membership.ts"
import { defaultLimits, type RecordLimits } from "./Record.ts"
import { defaultMaxSkewMillis } from "./Version.ts"

/**
 * The settings; see each field for its meaning, unit and default. Those of calls and links come from
 * `PeersSettings`, the limits of keys and values from `RecordLimits`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChordOptions extends PeersSettings, RecordLimits {
  /** The name of the network: nodes with another name are refused. Default `"chord"`. */
  readonly subnet: string
  /** Where to listen; port 0 for any free one. Default `127.0.0.1:0`. */
  readonly listen: PeerAddress
  /** Where others can dial this node (NAT); port 0 stands for the one that it listens on. Default: where it listens. */
  readonly announce: PeerAddress | undefined
  /**
   * Nodes of the ring to join, tried in turn until one answers, and again later. Until this node has joined, or others
   * have come to it, reads, writes and lookups wait for as long as they may take, and then fail. Default none: a ring of one.
   */
  readonly bootstrap: ReadonlyArray<PeerAddress>
  /**
   * Whether members are called by host names that other nodes tell of. Default false: at IP addresses alone, no nearer
   * than whoever tells of them, at `wss://` names, and wherever `bootstrap` or `join` says. All nodes of a ring
   * that announces names need it, but for those that were given each of them.
   */
  readonly dialNames: boolean
  /** The ring has 2^bits positions, 1 to 512; the same on all nodes. Default 160, the width of SHA-1. */
  readonly bits: number
  /** Positions this node holds: more share the load more evenly, each costs its own upkeep. Default 1. */
  readonly virtualNodes: number

  /** The fewest successors a member keeps; in a larger ring it is twice the logarithm of its size. Default 8. */
  readonly minSuccessors: number
  /** How often a member asks its successor; spread by half each way. Shorter: quicker repair, more traffic. Default 10 seconds. */
  readonly stabilizeInterval: Duration.Input
  /** How often a member looks after one of its fingers; down to a quarter as often while all are right. Default 10 seconds. */
  readonly fingerInterval: Duration.Input
  /** How often a member compares its share with its successors'. Default 60 seconds. */
  readonly repairInterval: Duration.Input
  /** Records whose other placements are looked after in one repair, in turn; at peace a turn takes five repairs at least. Default 8. */
  readonly auditedRecords: number
  /** How often a node asks one it has known for long for its own place, to notice a second ring. Default 2 minutes. */
  readonly probeInterval: Duration.Input

  /** Copies at each of the five placements: the owner and its successors. Default 3. */
  readonly copies: number
  /** Placements that must have stored a write, 1 to 5. Default 3. */
  readonly writeQuorum: number
  /**
   * Placements that are asked first for a read, 1 to 5, five when they disagree or have nothing; a write asks as
   * many for their versions. Default 3.
   */
  readonly readQuorum: number
  /** How long a lookup may take. Default 10 seconds. */
  readonly lookupTimeout: Duration.Input
  /** How long a read or a write may take as a whole. Default 20 seconds. */
  readonly operationTimeout: Duration.Input
  /** How far the version of another node may lie ahead of this node's clock. Default 60 seconds. */
  readonly maxClockSkew: Duration.Input
  /**
   * How long a node that stops may take to hand over what it holds; then it says goodbye, and what it did not hand over
   * others have. 0: it just goes. Default 5 seconds.
   */
  readonly leaveTimeout: Duration.Input

  /**
   * Whether chord nodes of the original Python program may come as guests, with the same subnet and
   * `bits` as k: they store and look up through this node, and `get` also finds what they stored. The
   * same on all nodes of a ring. Keep `bits` small then (their default is 6): they open that many
   * connections to each node they hear of. Default false: each read that finds nothing asks five more
   * places, accepted links stand half a round trip later, and what originals store proves no writer.
   */
  readonly originals: boolean
  /** Links of original nodes; then one silent for `idleTimeout` gives up its place, or the new one is closed. Default 128. */
  readonly maxOriginalLinks: number
  /** Their stores and look-ups under way or waiting; further ones are dropped. Default 1024. */
  readonly maxOriginalRequests: number
  /** Values of theirs kept here; then the one stored or asked for longest ago is forgotten. Default 65,536. */
  readonly maxOriginalRecords: number
  /** The same in bytes, each value counted with 256 bytes more. Default 32 MiB. */
  readonly maxOriginalBytes: number
}

/**
 * The settings of a chord node, as a service.
 *
 * @category services
 * @since 0.1.0
 */
export class ChordConfig extends Context.Service<ChordConfig, ChordOptions>()("effect-p2p/Chord/ChordConfig") {
  /** The default of every setting. */
  static readonly defaults: ChordOptions = {
    ...peersDefaults,
    ...defaultLimits,
    subnet: "chord",
    listen: new PeerAddress({ host: "127.0.0.1", port: 0 }),
    announce: undefined,
    bootstrap: [],
    dialNames: false,
    bits: 160,
    virtualNodes: 1,
    minSuccessors: minSuccessorCount,
    minTimeout: Duration.millis(500),
    stabilizeInterval: Duration.seconds(10),
    fingerInterval: Duration.seconds(10),
    repairInterval: Duration.seconds(60),
    auditedRecords: 8,
    probeInterval: Duration.seconds(120),
    copies: 3,
    writeQuorum: 3,
    readQuorum: 3,
    lookupTimeout: Duration.seconds(10),
    operationTimeout: Duration.seconds(20),
    maxClockSkew: Duration.millis(defaultMaxSkewMillis),
    leaveTimeout: Duration.seconds(5),
    originals: false,
    maxOriginalLinks: 128,
    maxOriginalRequests: 1024,
    maxOriginalRecords: 65_536,
    maxOriginalBytes: 32 * 1024 * 1024
  }

  /**
   * The defaults with some settings changed; what is undefined stays. Dies with a `RangeError` for a number or
   * a time that makes no sense.
   */
  static readonly layer = (options: Given<ChordOptions> = {}): Layer.Layer<ChordConfig> =>
    Layer.sync(this, () => checked(ChordConfig.defaults, options))
}
