/**
 * A network inside one process: any number of hosts, each with a `Transport` of its own. It needs
 * no socket and no real time, so whole networks of nodes run under `TestClock`. Connections are
 * ordered and bounded like TCP: a writer waits while its peer does not read.
 *
 * It can be as bad as a real one: slow, lossy, parted, with hosts that crash, vanish or stand
 * still. What goes wrong by chance depends on the seed, the two hosts, how often the one dialed the
 * other and how often was sent there, on nothing else: so it is the same in each run.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Hub } from "./internal/Hub.ts"
import type { NetworkConditions } from "./internal/Weather.ts"
import type { WireEventKind } from "./internal/Wire.ts"
import { Transport } from "./Transport.ts"

export type { NetworkConditions } from "./internal/Weather.ts"

/**
 * Something that happened on the network, at `atMillis` of its clock, to the microsecond. `host` is where: who dialed,
 * sent, received or closed, whom a fault hit; `peer` is the other end, where there is one.
 *
 * - A connection: `connect`, `refuse` (a dial came to nothing), `send`, `receive`, `close`, `reset`
 *   (it broke by a fault), `resetLater` (it is to break), `loss` (a send broke it by chance; `bytes`
 *   is what gets through), `late` (a send stalled by chance).
 * - A host: `crash`, `vanish` (a silent crash), `revive`, `pause`, `resume`, `shut` and `open` (it
 *   refuses dials, and accepts them again).
 * - Two hosts: `cut` and `mend`, `stall` and `unstall`.
 * - All: `partition` (`host` names the groups), `heal`, `conditions` (`host` names the new ones).
 *
 * @category events
 * @since 0.1.0
 */
export interface NetworkEvent {
  readonly kind:
    | WireEventKind
    | "connect"
    | "refuse"
    | "crash"
    | "vanish"
    | "revive"
    | "pause"
    | "resume"
    | "shut"
    | "open"
    | "cut"
    | "mend"
    | "stall"
    | "unstall"
    | "partition"
    | "heal"
    | "conditions"
  readonly atMillis: number
  readonly host: string
  readonly peer: string
  /** What was sent or received, or got through of what was. */
  readonly bytes: Uint8Array | undefined
}

/**
 * What can be set of a network in memory.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryNetworkOptions extends NetworkConditions {
  /** Bytes that may be on their way in one direction of a connection; then writers wait. Default 262144. */
  readonly windowBytes?: number | undefined
  /** What the chances depend on. Default `""`. */
  readonly seed?: string | undefined
  /** Called for each event, in order. */
  readonly onEvent?: ((event: NetworkEvent) => void) | undefined
}

/**
 * One connection that is open at one end at least.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionState {
  readonly dialer: string
  readonly listener: string
  /**
   * How many bytes are in the window of each direction, from the dialer and to it: sent and not yet
   * taken at the other end. Less than `windowBytes` and what one send had more.
   */
  readonly inFlightBytes: readonly [there: number, back: number]
}

/**
 * The network that the hosts of a test share.
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryNetwork extends Context.Service<MemoryNetwork, {
  /** The transport of one host; listening on port 0 gives it a free port. */
  readonly transport: (host: string) => Transport["Service"]
  /**
   * Takes a host off the network without a word: its connections break at once at both ends, what
   * was on its way is gone, and nobody can dial it any more, until `revive`.
   *
   * `silently` (default false): as when its power fails, or its cable is pulled. Its own ends break,
   * and its peers hear nothing: what they send fills the window and then waits, a dial to it ends
   * with `TimedOut`. When it is revived, the ends of its peers break.
   */
  readonly crash: (host: string, options?: { readonly silently?: boolean | undefined }) => Effect.Effect<void>
  /** Lets a crashed host dial and listen again. */
  readonly revive: (host: string) => Effect.Effect<void>
  /**
   * Breaks the connections between two hosts; they may be made again. At once at both ends, and
   * what was on its way is gone. With `afterBytes` more than 0 (default 0) each breaks when so many
   * more bytes were sent by `one`, be it in the middle of a frame: its end then, the other end
   * behind the last of them.
   */
  readonly reset: (
    one: string,
    other: string,
    options?: { readonly afterBytes?: number | undefined }
  ) => Effect.Effect<void>
  /**
   * Only hosts of the same group reach each other from now on; hosts in no group are one more. What
   * is sent across arrives when the network is whole again; a dial across ends with `TimedOut`.
   */
  readonly partition: (groups: ReadonlyArray<ReadonlyArray<string>>) => Effect.Effect<void>
  /** Ends the partition. */
  readonly heal: Effect.Effect<void>
  /** Nothing from one host reaches the other from now on, while the way back is open. */
  readonly cut: (from: string, to: string) => Effect.Effect<void>
  /** Ends a cut. */
  readonly mend: (from: string, to: string) => Effect.Effect<void>
  /**
   * Nothing moves on the connections between two hosts from now on, those yet to come included:
   * unlike across a partition they can be dialed. What is sent arrives after `unstall`.
   */
  readonly stall: (one: string, other: string) => Effect.Effect<void>
  /** Ends a stall. */
  readonly unstall: (one: string, other: string) => Effect.Effect<void>
  /** Dials to a host are refused from now on; its connections live on. */
  readonly refuse: (host: string) => Effect.Effect<void>
  /** Lets a host be dialed again. */
  readonly accept: (host: string) => Effect.Effect<void>
  /**
   * Stops the process of a host, as SIGSTOP does, while its kernel goes on: peers may dial it and
   * send until the window is full, but it takes nothing, serves no connection, hears of no end, and
   * what it waits for (room to send, a dial) comes after `resume`. What has been sent goes on.
   */
  readonly pause: (host: string) => Effect.Effect<void>
  /** Lets the process of a host go on. */
  readonly resume: (host: string) => Effect.Effect<void>
  /** Changes the conditions that are given, from now on; what is on its way keeps its times. */
  readonly setConditions: (conditions: NetworkConditions) => Effect.Effect<void>
  /** How many connections are open at one end at least. */
  readonly connectionCount: Effect.Effect<number>
  /** Those connections, in the order in which they were made. */
  readonly connections: Effect.Effect<ReadonlyArray<ConnectionState>>
}>()("effect-p2p/Transport/MemoryNetwork") {
  static readonly layer = (options: MemoryNetworkOptions = {}): Layer.Layer<MemoryNetwork> =>
    Layer.sync(this, () => make(options))

  /** The `Transport` of one host of the network. A new layer for each call, so each node gets its own. */
  static readonly transport = (host: string): Layer.Layer<Transport, never, MemoryNetwork> =>
    Layer.effect(Transport, Effect.map(this, (network) => network.transport(host)))
}

/**
 * A network by itself, for who needs no Layer. It lives by the clock of the fiber that first uses it. `onImpossible` hears
 * of what a latency or a bandwidth that is a function throws, or gives and no network can have: a node may take the error
 * for its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: MemoryNetworkOptions,
  onImpossible?: (error: unknown) => void
): MemoryNetwork["Service"] => {
  const hub = new Hub(options, onImpossible)
  const change = (f: () => void) => Effect.andThen(hub.awake, Effect.sync(f))
  return {
    transport: (host) => ({
      encryption: "Plaintext",
      dial: (address) => hub.dial(host, address),
      listen: (address) => hub.listen(host, address)
    }),
    crash: (host, options) => change(() => hub.crash(host, options?.silently ?? false)),
    revive: (host) => change(() => hub.revive(host)),
    reset: (one, other, options) => change(() => hub.reset(one, other, options?.afterBytes ?? 0)),
    partition: (groups) => change(() => hub.partition(groups)),
    heal: change(() => hub.partition([])),
    cut: (from, to) => change(() => hub.cut(from, to, true)),
    mend: (from, to) => change(() => hub.cut(from, to, false)),
    stall: (one, other) => change(() => hub.stall(one, other, true)),
    unstall: (one, other) => change(() => hub.stall(one, other, false)),
    refuse: (host) => change(() => hub.shut(host, true)),
    accept: (host) => change(() => hub.shut(host, false)),
    pause: (host) => change(() => hub.pause(host, true)),
    resume: (host) => change(() => hub.pause(host, false)),
    setConditions: (conditions) => change(() => hub.setConditions(conditions)),
    connectionCount: Effect.sync(() => hub.connectionCount),
    connections: Effect.sync(() => hub.connections)
  }
}
