/**
 * A network inside one process: any number of hosts, each with a `Transport` of its own. It needs
 * no socket and no real time, so whole networks of nodes run under `TestClock`. Connections are
 * ordered and bounded like TCP: a writer waits while its peer does not read.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { format, PeerAddress } from "../Protocol/PeerAddress.ts"
import { draw, seedOf } from "./internal/Chance.ts"
import { Pipe } from "./internal/Pipe.ts"
import { Timers, type TimersService } from "./Timers.ts"
import { type Connection, DialError, type Listener, ListenError, makeConnection, Transport } from "./Transport.ts"

/**
 * How long bytes take from one host to another, in milliseconds. `chance` is 0 to 1, drawn anew
 * for each send, the same in each run with the same seed.
 *
 * @category options
 * @since 0.1.0
 */
export type Latency = (from: string, to: string, chance: number) => number

/**
 * Something that happened on the network, at `atMillis` of its clock. `host` is where: who dialed,
 * sent, received or closed; `peer` is the other end.
 *
 * @category events
 * @since 0.1.0
 */
export interface NetworkEvent {
  readonly kind:
    | "connect"
    | "refuse"
    | "send"
    | "receive"
    | "close"
    | "reset"
    | "crash"
    | "partition"
    | "heal"
    | "cut"
    | "mend"
  readonly atMillis: number
  readonly host: string
  readonly peer: string
  /** What was sent or received. */
  readonly bytes: Uint8Array | undefined
}

/**
 * What can be set of a network in memory.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryNetworkOptions {
  /** The time from a send to its arrival, and of each way of a dial. Default zero. */
  readonly latency?: Duration.Input | Latency | undefined
  /** Bytes that may be on their way in one direction of a connection; then writers wait. Default 262144. */
  readonly windowBytes?: number | undefined
  /** The chance, 0 to 1, that a send breaks its connection: streams lose nothing in their middle. Default 0. */
  readonly lossChance?: number | undefined
  /** What the chances depend on. Default `""`. */
  readonly seed?: string | undefined
  /** Called for each event, in order. */
  readonly onEvent?: ((event: NetworkEvent) => void) | undefined
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
   */
  readonly crash: (host: string) => Effect.Effect<void>
  /** Lets a crashed host dial and listen again. */
  readonly revive: (host: string) => Effect.Effect<void>
  /** Breaks the connections between two hosts; they may be made again. */
  readonly reset: (one: string, other: string) => Effect.Effect<void>
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
  /** How many connections are open at one end at least. */
  readonly connectionCount: Effect.Effect<number>
}>()("effect-p2p/Transport/MemoryNetwork") {
  static readonly layer = (options: MemoryNetworkOptions = {}): Layer.Layer<MemoryNetwork> =>
    Layer.sync(this, () => make(options))

  /** The `Transport` of one host of the network. A new layer for each call, so each node gets its own. */
  static readonly transport = (host: string): Layer.Layer<Transport, never, MemoryNetwork> =>
    Layer.effect(Transport, Effect.map(this, (network) => network.transport(host)))
}

/**
 * A network by itself, for who needs no Layer. It lives by the clock of the fiber that first uses it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: MemoryNetworkOptions): MemoryNetwork["Service"] => {
  const hub = new Hub(options)
  const change = (f: () => void) => Effect.andThen(hub.awake, Effect.sync(f))
  return {
    transport: (host) => ({
      encryption: "Plaintext",
      dial: (address) => hub.dial(host, address),
      listen: (address) => hub.listen(host, address)
    }),
    crash: (host) => change(() => hub.crash(host)),
    revive: (host) => change(() => hub.revive(host)),
    reset: (one, other) => change(() => hub.reset(one, other)),
    partition: (groups) => change(() => hub.partition(groups)),
    heal: change(() => hub.partition([])),
    cut: (from, to) => change(() => hub.cut(from, to, true)),
    mend: (from, to) => change(() => hub.cut(from, to, false)),
    connectionCount: Effect.sync(() => hub.connectionCount)
  }
}

/** How long a dial that nothing answers takes. */
const dialTimeoutMillis = 5000

/** Who listens where, who is connected with whom, and who reaches whom. */
class Hub {
  readonly #latency: Latency
  readonly #options: MemoryNetworkOptions
  #clock: Clock.Clock | undefined
  #timers: TimersService | undefined
  readonly #listeners = new Map<string, MemoryListener>()
  readonly #wires = new Set<Wire>()
  readonly #crashed = new Set<string>()
  /** The group of each host that is in one, while the network is parted. */
  #groups = new Map<string, number>()
  readonly #cuts = new Set<string>()
  /** Connections made so far between two hosts: their chances differ. */
  readonly #wireCounts = new Map<string, number>()
  readonly #nextPorts = new Map<string, number>()

  constructor(options: MemoryNetworkOptions) {
    const latency = options.latency ?? 0
    const fixedMillis = typeof latency === "function" ? 0 : Duration.toMillis(latency)
    this.#latency = typeof latency === "function" ? latency : () => fixedMillis
    this.#options = options
  }

  /** Takes the clock of the first fiber that uses the network. */
  readonly awake: Effect.Effect<Clock.Clock> = Effect.gen({ self: this }, function*() {
    if (this.#clock === undefined) this.#timers = yield* Timers
    return this.#clock ??= yield* Clock.Clock
  })

  get connectionCount(): number {
    return this.#wires.size
  }

  readonly listen = Effect.fnUntraced(function*(this: Hub, host: string, wanted: PeerAddress) {
    yield* this.awake
    const address = wanted.port === 0 ? new PeerAddress({ host: wanted.host, port: this.#freePort(host) }) : wanted
    if (this.#listeners.has(format(address))) {
      return yield* new ListenError({ address, kind: "InUse", cause: new Error("already bound in this network") })
    }
    const accepted = yield* Queue.unbounded<Wire>()
    return yield* Effect.acquireRelease(
      Effect.sync((): Listener => {
        this.#listeners.set(format(address), { host, accepted })
        return { address, serve: (handler) => serve(accepted, handler) }
      }),
      () =>
        Effect.gen({ self: this }, function*() {
          this.#listeners.delete(format(address))
          for (const wire of yield* Queue.clear(accepted)) wire.close(wire.back, wire.there)
          yield* Queue.shutdown(accepted)
        })
    )
  }).bind(this)

  readonly dial = Effect.fnUntraced(function*(this: Hub, host: string, address: PeerAddress) {
    const clock = yield* this.awake
    const known = this.#listeners.get(format(address))
    const to = known?.host ?? address.host
    if (this.#isBlocked(host, to) || this.#isBlocked(to, host)) {
      yield* Effect.sleep(dialTimeoutMillis)
      this.#tell("refuse", host, to)
      return yield* new DialError({ address, kind: "TimedOut", cause: new Error("no way to that host") })
    }
    const number = this.#countWire(host, to)
    const seed = seedOf(`${this.#options.seed ?? ""} ${host} ${to} ${number}`)
    yield* Effect.sleep(this.#latency(host, to, draw(seed, 0)) + this.#latency(to, host, draw(seed, 1)))
    const listener = this.#listeners.get(format(address))
    if (listener === undefined || this.#crashed.has(listener.host) || this.#crashed.has(host)) {
      this.#tell("refuse", host, to)
      return yield* new DialError({ address, kind: "Refused", cause: new Error("nobody listens there") })
    }
    const wire = this.#wire(host, listener.host, seed, clock)
    this.#tell("connect", host, listener.host)
    yield* Effect.acquireRelease(
      Effect.sync(() => this.#wires.add(wire)),
      () => Effect.sync(() => wire.close(wire.there, wire.back))
    )
    Queue.offerUnsafe(listener.accepted, wire)
    return toConnection(address, wire.back, wire.there)
  }).bind(this)

  #countWire(host: string, to: string): number {
    const key = `${host} ${to}`
    const count = (this.#wireCounts.get(key) ?? 0) + 1
    this.#wireCounts.set(key, count)
    return count
  }

  #freePort(host: string): number {
    const port = this.#nextPorts.get(host) ?? 49_152
    this.#nextPorts.set(host, port + 1)
    return port
  }

  #wire(dialer: string, listener: string, seed: number, clock: Clock.Clock): Wire {
    let openEnds = 2
    const pipe = (from: string, to: string, salt: number): Pipe => {
      let count = 0
      const pipeSeed = (seed ^ salt) >>> 0
      return new Pipe({
        clock,
        timers: this.#timers,
        windowBytes: this.#options.windowBytes ?? 262_144,
        delayMillis: () => this.#latency(from, to, draw(pipeSeed, count++)),
        onSend: (bytes) => {
          this.#tell("send", from, to, bytes)
          if (draw(~pipeSeed >>> 0, count) < (this.#options.lossChance ?? 0)) this.#break(wire)
        },
        onReceive: (bytes) => this.#tell("receive", to, from, bytes)
      })
    }
    const wire: Wire = {
      hosts: [dialer, listener],
      there: pipe(dialer, listener, 0x5bd1e995),
      back: pipe(listener, dialer, 0x1b873593),
      dialer: new PeerAddress({ host: dialer, port: this.#freePort(dialer) }),
      close: (outgoing, incoming) => {
        this.#tell("close", ...(outgoing === wire.there ? wire.hosts : [listener, dialer] as const))
        outgoing.end()
        incoming.abandon()
        if (--openEnds === 0) this.#wires.delete(wire)
      }
    }
    this.#hold(wire)
    return wire
  }

  #break(wire: Wire): void {
    this.#tell("reset", ...wire.hosts)
    wire.there.reset()
    wire.back.reset()
  }

  crash(host: string): void {
    this.#tell("crash", host, "")
    this.#crashed.add(host)
    for (const wire of this.#wires) {
      if (wire.hosts.includes(host)) this.#break(wire)
    }
  }

  revive(host: string): void {
    this.#crashed.delete(host)
  }

  reset(one: string, other: string): void {
    for (const wire of this.#wires) {
      if (wire.hosts.includes(one) && wire.hosts.includes(other)) this.#break(wire)
    }
  }

  partition(groups: ReadonlyArray<ReadonlyArray<string>>): void {
    this.#tell(groups.length === 0 ? "heal" : "partition", groups.map((hosts) => hosts.join()).join(" | "), "")
    this.#groups = new Map(groups.flatMap((hosts, group) => hosts.map((host) => [host, group] as const)))
    for (const wire of this.#wires) this.#hold(wire)
  }

  cut(from: string, to: string, isCut: boolean): void {
    this.#tell(isCut ? "cut" : "mend", from, to)
    if (isCut) this.#cuts.add(`${from} ${to}`)
    else this.#cuts.delete(`${from} ${to}`)
    for (const wire of this.#wires) this.#hold(wire)
  }

  #isBlocked(from: string, to: string): boolean {
    return this.#groups.get(from) !== this.#groups.get(to) || this.#cuts.has(`${from} ${to}`)
  }

  #hold(wire: Wire): void {
    const [dialer, listener] = wire.hosts
    wire.there.hold(this.#isBlocked(dialer, listener))
    wire.back.hold(this.#isBlocked(listener, dialer))
  }

  #tell(kind: NetworkEvent["kind"], host: string, peer: string, bytes?: Uint8Array): void {
    const atMillis = this.#clock?.currentTimeMillisUnsafe() ?? 0
    this.#options.onEvent?.({ kind, atMillis, host, peer, bytes })
  }
}

interface MemoryListener {
  readonly host: string
  readonly accepted: Queue.Queue<Wire>
}

/** One connection: a pipe each way. */
interface Wire {
  readonly hosts: readonly [dialer: string, listener: string]
  readonly there: Pipe
  readonly back: Pipe
  readonly dialer: PeerAddress
  /** One end closes: what it wrote still arrives, what it has not read is gone. */
  readonly close: (outgoing: Pipe, incoming: Pipe) => void
}

const serve = <R>(
  accepted: Queue.Queue<Wire>,
  handler: (connection: Connection) => Effect.Effect<void, never, R>
): Effect.Effect<never, never, Exclude<R, Scope.Scope>> =>
  Effect.scoped(Effect.gen(function*() {
    const handlers = yield* FiberSet.make<void>()
    while (true) {
      const wire = yield* Queue.take(accepted)
      const handle = Effect.scopedWith((scope) =>
        Effect.andThen(
          Scope.addFinalizer(scope, Effect.sync(() => wire.close(wire.back, wire.there))),
          Scope.provide(handler(toConnection(wire.dialer, wire.there, wire.back)), scope)
        )
      )
      yield* FiberSet.run(handlers, handle)
    }
  }))

const toConnection = (remote: PeerAddress, incoming: Pipe, outgoing: Pipe): Connection =>
  makeConnection({ remote, pull: incoming.pull, send: outgoing.send, sendNow: outgoing.sendNow })
