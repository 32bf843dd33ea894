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
import { Pipe } from "./internal/Pipe.ts"
import { Timers, type TimersService } from "./Timers.ts"
import { type Connection, DialError, type Listener, ListenError, makeConnection, Transport } from "./Transport.ts"

/**
 * What can be set of a network in memory.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryNetworkOptions {
  /** The time from a send to its arrival, and of each way of a dial. Default zero. */
  readonly latency?: Duration.Input | undefined
  /** Bytes that may be on their way in one direction of a connection; then writers wait. Default 262144. */
  readonly windowBytes?: number | undefined
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
   * Takes a host off the network without a word: its connections break at both ends, what was on its
   * way is gone (an end that waits for its arrival fails when it was due), and nobody can dial it any
   * more.
   */
  readonly crash: (host: string) => Effect.Effect<void>
  /** How many connections are open at one end at least. */
  readonly connectionCount: Effect.Effect<number>
}>()("effect-p2p/Transport/MemoryNetwork") {
  static readonly layer = (options: MemoryNetworkOptions = {}): Layer.Layer<MemoryNetwork> =>
    Layer.sync(this, () => make(options))

  /** The `Transport` of one host of the network. A new layer for each call, so each node gets its own. */
  static readonly transport = (host: string): Layer.Layer<Transport, never, MemoryNetwork> =>
    Layer.effect(Transport, Effect.map(this, (network) => network.transport(host)))
}

const make = (options: MemoryNetworkOptions): MemoryNetwork["Service"] => {
  const hub = new Hub(options)
  return {
    transport: (host) => ({
      encryption: "Plaintext",
      dial: (address) => hub.dial(host, address),
      listen: (address) => hub.listen(host, address)
    }),
    crash: (host) => Effect.sync(() => hub.crash(host)),
    connectionCount: Effect.sync(() => hub.connectionCount)
  }
}

/** Who listens where, and who is connected with whom. */
class Hub {
  readonly #latencyMillis: number
  readonly #windowBytes: number
  readonly #listeners = new Map<string, MemoryListener>()
  readonly #wires = new Set<Wire>()
  readonly #crashed = new Set<string>()
  #nextPort = 49_152

  constructor(options: MemoryNetworkOptions) {
    this.#latencyMillis = Duration.toMillis(options.latency ?? 0)
    this.#windowBytes = options.windowBytes ?? 262_144
  }

  get connectionCount(): number {
    return this.#wires.size
  }

  readonly listen = Effect.fnUntraced(function*(this: Hub, host: string, wanted: PeerAddress) {
    const address = wanted.port === 0 ? new PeerAddress({ host: wanted.host, port: this.#nextPort++ }) : wanted
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
    yield* Effect.sleep(2 * this.#latencyMillis)
    const listener = this.#listeners.get(format(address))
    if (listener === undefined || this.#crashed.has(listener.host) || this.#crashed.has(host)) {
      return yield* new DialError({ address, kind: "Refused", cause: new Error("nobody listens there") })
    }
    const wire = this.#wire(host, listener.host, yield* Clock.Clock, yield* Timers)
    yield* Effect.acquireRelease(
      Effect.sync(() => this.#wires.add(wire)),
      () => Effect.sync(() => wire.close(wire.there, wire.back))
    )
    Queue.offerUnsafe(listener.accepted, wire)
    return toConnection(address, wire.back, wire.there)
  }).bind(this)

  #wire(dialer: string, listener: string, clock: Clock.Clock, timers: TimersService | undefined): Wire {
    let openEnds = 2
    const wire: Wire = {
      hosts: [dialer, listener],
      there: new Pipe(this.#latencyMillis, this.#windowBytes, clock, timers),
      back: new Pipe(this.#latencyMillis, this.#windowBytes, clock, timers),
      dialer: new PeerAddress({ host: dialer, port: this.#nextPort++ }),
      close: (outgoing, incoming) => {
        outgoing.end()
        incoming.abandon()
        if (--openEnds === 0) this.#wires.delete(wire)
      }
    }
    return wire
  }

  crash(host: string): void {
    this.#crashed.add(host)
    for (const wire of this.#wires) {
      if (!wire.hosts.includes(host)) continue
      wire.there.reset()
      wire.back.reset()
    }
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
