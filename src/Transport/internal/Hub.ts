/** The network in memory itself: who listens where, who is connected with whom, and who reaches whom. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { format, PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { ConnectionState, MemoryNetworkOptions, NetworkEvent } from "../MemoryNetwork.ts"
import { Timers } from "../Timers.ts"
import { type Connection, DialError, type Listener, ListenError } from "../Transport.ts"
import { draw, seedOf } from "./Chance.ts"
import { Host } from "./Host.ts"
import { toMicros } from "./Micros.ts"
import { describe, type NetworkConditions, Weather } from "./Weather.ts"
import { Wire, type WireNetwork } from "./Wire.ts"

/** How long a dial that nothing answers takes. */
const dialTimeoutMillis = 5000

const defaultWindowBytes = 262_144

/** A connection that waits to be served, with where it came from. */
interface Accepted {
  readonly wire: Wire
  readonly remote: PeerAddress
}

interface HubListener {
  readonly host: Host
  readonly accepted: Queue.Queue<Accepted>
}

export class Hub {
  readonly #options: MemoryNetworkOptions
  readonly #weather: Weather
  #network: WireNetwork | undefined
  readonly #hosts = new Map<string, Host>()
  readonly #listeners = new Map<string, HubListener>()
  readonly #wires = new Set<Wire>()
  /** The group of each host that is in one, while the network is parted. */
  #groups = new Map<string, number>()
  readonly #cuts = new Set<string>()
  /** Pairs of hosts between which nothing moves; each stands there both ways. */
  readonly #stalls = new Set<string>()

  constructor(options: MemoryNetworkOptions, onImpossible?: (error: unknown) => void) {
    const { windowBytes = defaultWindowBytes } = options
    if (!(windowBytes > 0)) throw new RangeError(`windowBytes is ${windowBytes}: write a number more than 0`)
    this.#options = options
    this.#weather = new Weather(options, onImpossible)
  }

  /** Takes the clock of the first fiber that uses the network. */
  readonly awake: Effect.Effect<WireNetwork> = Effect.gen({ self: this }, function*() {
    const timers = yield* Timers
    const clock = yield* Clock.Clock
    return this.#network ??= {
      clock,
      timers,
      windowBytes: this.#options.windowBytes ?? defaultWindowBytes,
      weather: this.#weather,
      tell: (kind, host, peer, bytes) => this.#tell(kind, host, peer, bytes),
      onClosed: (wire) => {
        this.#wires.delete(wire)
        wire.dialer.wires.delete(wire)
        wire.listener.wires.delete(wire)
      }
    }
  })

  get connectionCount(): number {
    return this.#wires.size
  }

  get connections(): ReadonlyArray<ConnectionState> {
    return [...this.#wires].map(({ back, dialer, listener, there }) => ({
      dialer: dialer.name,
      listener: listener.name,
      inFlightBytes: [there.inFlightBytes, back.inFlightBytes]
    }))
  }

  readonly listen = Effect.fnUntraced(function*(this: Hub, name: string, wanted: PeerAddress) {
    yield* this.awake
    const host = this.#host(name)
    const address = wanted.port === 0 ? new PeerAddress({ host: wanted.host, port: host.freePort() }) : wanted
    const key = format(address)
    if (this.#listeners.has(key)) {
      return yield* new ListenError({ address, kind: "InUse", cause: new Error("already bound in this network") })
    }
    const accepted = yield* Queue.unbounded<Accepted>()
    return yield* Effect.acquireRelease(
      Effect.sync((): Listener => {
        this.#listeners.set(key, { host, accepted })
        return { address, serve: (handler) => serve(host, accepted, handler) }
      }),
      () =>
        Effect.gen({ self: this }, function*() {
          this.#listeners.delete(key)
          for (const { wire } of yield* Queue.clear(accepted)) wire.close("listener")
          yield* Queue.shutdown(accepted)
        })
    )
  }).bind(this)

  readonly dial = Effect.fnUntraced(function*(this: Hub, name: string, address: PeerAddress) {
    const network = yield* this.awake
    const host = this.#host(name)
    const { crashCount } = host
    const to = this.#listeners.get(format(address))?.host.name ?? address.host
    const isReachable = this.#isReachable(name, to)
    const seed = isReachable ? seedOf(`${this.#options.seed ?? ""} ${name} ${to} ${host.countDial(to)}`) : 0
    const millis = isReachable ? this.#roundTripMillis(name, to, seed) : dialTimeoutMillis
    yield* Effect.sleep(Math.min(millis, dialTimeoutMillis))
    if (millis >= dialTimeoutMillis || !this.#isReachable(name, to)) {
      yield* Effect.sleep(Math.max(0, dialTimeoutMillis - millis))
      yield* host.untilRunning
      this.#tell("refuse", name, to)
      return yield* new DialError({ address, kind: "TimedOut", cause: new Error("no way to that host") })
    }
    const wire = yield* Effect.acquireRelease(
      Effect.sync(() => host.crashCount === crashCount ? this.#connect(network, host, address, seed) : undefined),
      (wire) => Effect.sync(() => wire?.close("dialer"))
    )
    if (wire === undefined) this.#tell("refuse", name, to)
    yield* host.untilRunning
    if (wire !== undefined) return wire.connection("dialer", address)
    return yield* new DialError({ address, kind: "Refused", cause: new Error("nobody listens there") })
  }).bind(this)

  #roundTripMillis(from: string, to: string, seed: number): number {
    const { latency } = this.#weather
    return latency(from, to, draw(seed, 0)) + latency(to, from, draw(seed, 1))
  }

  /** A new connection in the queue of who listens at an address; undefined when the dial is refused. */
  #connect(network: WireNetwork, dialer: Host, address: PeerAddress, seed: number): Wire | undefined {
    const listening = this.#listeners.get(format(address))
    if (listening === undefined || dialer.down !== undefined) return undefined
    const { accepted, host: listener } = listening
    const isRefused = listener.isShut || draw(seed, 2) < this.#weather.refuseChance
    if (listener.down !== undefined || isRefused) return undefined
    const wire = new Wire(network, dialer, listener, seed)
    this.#tell("connect", dialer.name, listener.name)
    for (const wires of [this.#wires, dialer.wires, listener.wires]) wires.add(wire)
    this.#hold(wire)
    const remote = new PeerAddress({ host: dialer.name, port: dialer.freePort() })
    Queue.offerUnsafe(accepted, { wire, remote })
    return wire
  }

  crash(name: string, isSilent: boolean): void {
    const host = this.#host(name)
    this.#tell(isSilent ? "vanish" : "crash", name, "")
    host.down = isSilent ? "silent" : "crashed"
    host.crashCount++
    for (const wire of host.wires) {
      if (isSilent) wire.vanish(host)
      else wire.reset()
    }
    // A stopped process comes to its end as well.
    if (host.isPaused) host.resume()
  }

  revive(name: string): void {
    const host = this.#hosts.get(name)
    if (host?.down === undefined) return
    this.#tell("revive", name, "")
    host.down = undefined
    for (const wire of host.wires) wire.revive()
  }

  pause(name: string, isPaused: boolean): void {
    const host = this.#host(name)
    if (host.isPaused === isPaused) return
    this.#tell(isPaused ? "pause" : "resume", name, "")
    if (isPaused) host.pause()
    else host.resume()
  }

  shut(name: string, isShut: boolean): void {
    const host = this.#host(name)
    if (host.isShut === isShut) return
    this.#tell(isShut ? "shut" : "open", name, "")
    host.isShut = isShut
  }

  reset(one: string, other: string, afterBytes: number): void {
    for (const wire of this.#between(one, other)) {
      if (afterBytes > 0) wire.resetAfter(this.#host(one), afterBytes)
      else wire.reset()
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
    for (const wire of this.#between(from, to)) this.#hold(wire)
  }

  stall(one: string, other: string, isStalled: boolean): void {
    if (this.#stalls.has(`${one} ${other}`) === isStalled) return
    this.#tell(isStalled ? "stall" : "unstall", one, other)
    for (const pair of [`${one} ${other}`, `${other} ${one}`]) {
      if (isStalled) this.#stalls.add(pair)
      else this.#stalls.delete(pair)
    }
    for (const wire of this.#between(one, other)) this.#hold(wire)
  }

  setConditions(conditions: NetworkConditions): void {
    this.#tell("conditions", describe(conditions), "")
    this.#weather.set(conditions)
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name)
    if (host === undefined) {
      host = new Host(name)
      this.#hosts.set(name, host)
    }
    return host
  }

  /** The connections between two hosts, as they are now. */
  #between(one: string, other: string): ReadonlyArray<Wire> {
    const [host, peer] = [this.#hosts.get(one), this.#hosts.get(other)]
    if (host === undefined || peer === undefined) return []
    return [...host.wires].filter((wire) => wire.peerOf(host) === peer)
  }

  #isBlocked(from: string, to: string): boolean {
    return this.#groups.get(from) !== this.#groups.get(to) || this.#cuts.has(`${from} ${to}`)
  }

  /** Whether anything answers a dial, be it with a refusal. */
  #isReachable(from: string, to: string): boolean {
    const isSilent = this.#hosts.get(from)?.down === "silent" || this.#hosts.get(to)?.down === "silent"
    return !isSilent && !this.#isBlocked(from, to) && !this.#isBlocked(to, from)
  }

  #hold(wire: Wire): void {
    const [dialer, listener] = [wire.dialer.name, wire.listener.name]
    const isStalled = this.#stalls.has(`${dialer} ${listener}`)
    wire.hold(isStalled || this.#isBlocked(dialer, listener), isStalled || this.#isBlocked(listener, dialer))
  }

  #tell(kind: NetworkEvent["kind"], host: string, peer: string, bytes?: Uint8Array): void {
    const { onEvent } = this.#options
    if (onEvent === undefined) return
    const atMillis = toMicros(this.#network?.clock.currentTimeMillisUnsafe() ?? 0)
    onEvent({ kind, atMillis, host, peer, bytes })
  }
}

/** Serves while the process runs; what came before it stood still waits with it. */
const serve = <R>(
  host: Host,
  accepted: Queue.Queue<Accepted>,
  handler: (connection: Connection) => Effect.Effect<void, never, R>
): Effect.Effect<never, never, Exclude<R, Scope.Scope>> =>
  Effect.scoped(Effect.gen(function*() {
    const handlers = yield* FiberSet.make<void>()
    while (true) {
      const { remote, wire } = yield* Queue.take(accepted)
      const handle = Effect.scopedWith((scope) =>
        Scope.addFinalizer(scope, Effect.sync(() => wire.close("listener"))).pipe(
          Effect.andThen(host.untilRunning),
          Effect.andThen(Scope.provide(handler(wire.connection("listener", remote)), scope))
        )
      )
      yield* FiberSet.run(handlers, handle)
    }
  }))
