/**
 * A network inside one process: any number of hosts, each with a `Transport` of its own. It needs
 * no socket and no real time, so whole networks of nodes run under `TestClock`. Connections are
 * ordered and bounded like TCP: a writer waits while its peer does not read.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { format, PeerAddress } from "../Protocol/PeerAddress.ts"
import { Timers, type TimersService } from "./Timers.ts"
import {
  type Connection,
  ConnectionClosed,
  DialError,
  type Listener,
  ListenError,
  makeConnection,
  Transport
} from "./Transport.ts"

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
  const latencyMillis = Duration.toMillis(options.latency ?? 0)
  const windowBytes = options.windowBytes ?? 262_144
  const listeners = new Map<string, MemoryListener>()
  const wires = new Set<Wire>()
  const crashed = new Set<string>()
  let nextPort = 49_152

  const listen = Effect.fnUntraced(function*(host: string, wanted: PeerAddress) {
    const address = wanted.port === 0 ? new PeerAddress({ host: wanted.host, port: nextPort++ }) : wanted
    if (listeners.has(format(address))) {
      return yield* new ListenError({ address, kind: "InUse", cause: new Error("already bound in this network") })
    }
    const accepted = yield* Queue.unbounded<Wire>()
    return yield* Effect.acquireRelease(
      Effect.sync((): Listener => {
        listeners.set(format(address), { host, accepted })
        return { address, serve: (handler) => serve(accepted, handler) }
      }),
      () =>
        Effect.gen(function*() {
          listeners.delete(format(address))
          for (const wire of yield* Queue.clear(accepted)) wire.close(wire.back, wire.there)
          yield* Queue.shutdown(accepted)
        })
    )
  })

  const dial = Effect.fnUntraced(function*(host: string, address: PeerAddress) {
    yield* Effect.sleep(2 * latencyMillis)
    const listener = listeners.get(format(address))
    if (listener === undefined || crashed.has(listener.host) || crashed.has(host)) {
      return yield* new DialError({ address, kind: "Refused", cause: new Error("nobody listens there") })
    }
    const clock = yield* Clock.Clock
    const timers = yield* Timers
    const local = new PeerAddress({ host, port: nextPort++ })
    let openEnds = 2
    const wire: Wire = {
      hosts: [host, listener.host],
      there: new Pipe(latencyMillis, windowBytes, clock, timers),
      back: new Pipe(latencyMillis, windowBytes, clock, timers),
      dialer: local,
      close: (outgoing, incoming) => {
        outgoing.end()
        incoming.abandon()
        if (--openEnds === 0) wires.delete(wire)
      }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => wires.add(wire)),
      () => Effect.sync(() => wire.close(wire.there, wire.back))
    )
    Queue.offerUnsafe(listener.accepted, wire)
    return toConnection(address, wire.back, wire.there)
  })

  return {
    transport: (host) => ({
      encryption: "Plaintext",
      dial: (address) => dial(host, address),
      listen: (address) => listen(host, address)
    }),
    crash: (host) =>
      Effect.sync(() => {
        crashed.add(host)
        for (const wire of wires) {
          if (!wire.hosts.includes(host)) continue
          wire.there.reset()
          wire.back.reset()
        }
      }),
    connectionCount: Effect.sync(() => wires.size)
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

interface InFlight {
  readonly at: number
  readonly bytes: Uint8Array
}

/** What counts as now: a sleep to a time may end short of it by the rounding of its length. */
const toleranceMillis = 1e-3

/** One direction: bytes arrive in order, each after the latency; a full window holds the writer. */
class Pipe {
  readonly #latencyMillis: number
  readonly #windowBytes: number
  readonly #clock: Clock.Clock
  readonly #timers: TimersService | undefined
  /** Open when there may be something to take. */
  readonly #data = Latch.makeUnsafe(false)
  readonly #room = Latch.makeUnsafe(true)
  #inFlight: Array<InFlight> = []
  #inFlightBytes = 0
  #endsAt: number | undefined
  #isArmed = false
  #isBroken = false
  #isAbandoned = false

  constructor(latencyMillis: number, windowBytes: number, clock: Clock.Clock, timers: TimersService | undefined) {
    this.#latencyMillis = latencyMillis
    this.#windowBytes = windowBytes
    this.#clock = clock
    this.#timers = timers
  }

  readonly send = (chunks: NonEmptyReadonlyArray<Uint8Array>): Effect.Effect<void, ConnectionClosed> =>
    Effect.suspend(() => {
      if (this.#isClosed()) return Exit.fail(lost)
      for (const bytes of chunks) this.#push(bytes)
      if (this.#inFlightBytes < this.#windowBytes) return Effect.void
      this.#room.closeUnsafe()
      return Effect.flatMap(this.#room.await, () => this.#isBroken || this.#isAbandoned ? Exit.fail(lost) : Effect.void)
    })

  readonly sendNow = (bytes: Uint8Array): boolean => {
    if (this.#isClosed() || this.#inFlightBytes >= this.#windowBytes) return false
    this.#push(bytes)
    return true
  }

  readonly pull: Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, ConnectionClosed> = Effect.suspend(() => {
    if (this.#isBroken || this.#isAbandoned) return Exit.fail(lost)
    const now = this.#clock.currentTimeMillisUnsafe()
    const first = this.#inFlight[0]
    const nextAt = first?.at ?? this.#endsAt
    if (nextAt !== undefined && nextAt - now <= toleranceMillis) {
      return first === undefined ? Exit.fail(ended) : Effect.succeed(this.#take(first, now))
    }
    if (nextAt !== undefined && this.#timers === undefined) {
      return Effect.andThen(Effect.sleep(nextAt - now), this.pull)
    }
    this.#data.closeUnsafe()
    if (nextAt !== undefined) this.#arm(nextAt)
    return Effect.andThen(this.#data.await, this.pull)
  })

  #isClosed(): boolean {
    return this.#isBroken || this.#isAbandoned || this.#endsAt !== undefined
  }

  #push(bytes: Uint8Array): void {
    const at = this.#clock.currentTimeMillisUnsafe() + this.#latencyMillis
    this.#inFlight.push({ at, bytes })
    this.#inFlightBytes += bytes.length
    this.#arm(at)
  }

  /** Has the reader look when bytes arrive: by a timer where there are any, by its own sleep where not. */
  #arm(at: number): void {
    if (this.#timers === undefined) {
      this.#data.openUnsafe()
      return
    }
    if (this.#isArmed) return
    this.#isArmed = true
    this.#timers.after(at - this.#clock.currentTimeMillisUnsafe(), () => {
      this.#isArmed = false
      this.#data.openUnsafe()
    })
  }

  #take(first: InFlight, now: number): NonEmptyReadonlyArray<Uint8Array> {
    const ready: [Uint8Array, ...Array<Uint8Array>] = [first.bytes]
    let count = 1
    for (; count < this.#inFlight.length && this.#inFlight[count]!.at - now <= toleranceMillis; count++) {
      ready.push(this.#inFlight[count]!.bytes)
    }
    this.#inFlight = this.#inFlight.slice(count)
    for (const bytes of ready) this.#inFlightBytes -= bytes.length
    if (this.#inFlightBytes < this.#windowBytes) this.#room.openUnsafe()
    return ready
  }

  /** The writer closed: what is on its way still arrives, then the end. */
  end() {
    this.#endsAt ??= this.#clock.currentTimeMillisUnsafe() + this.#latencyMillis
    this.#arm(this.#endsAt)
    this.#room.openUnsafe()
  }

  /** The reader closed: nobody will take what is written. */
  abandon() {
    this.#isAbandoned = true
    this.#inFlight = []
    this.#inFlightBytes = 0
    this.#room.openUnsafe()
    this.#data.openUnsafe()
  }

  /** The connection broke: both ends fail at once. */
  reset() {
    this.#isBroken = true
    this.abandon()
  }
}

const ended = new ConnectionClosed({ clean: true, detail: "closed" })
const lost = new ConnectionClosed({ clean: false, detail: "reset" })
