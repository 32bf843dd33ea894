/** One connection in memory: a pipe each way, and what chance and faults do to it. */
import type * as Clock from "effect/Clock"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { TimersService } from "../Timers.ts"
import { type Connection, makeConnection } from "../Transport.ts"
import { draw } from "./Chance.ts"
import type { Host } from "./Host.ts"
import { Pipe, type PipeLine } from "./Pipe.ts"
import type { Weather } from "./Weather.ts"

/** What happens to a connection. */
export type WireEventKind = "send" | "receive" | "close" | "reset" | "resetLater" | "loss" | "late"

/** What a connection needs of the network. */
export interface WireNetwork {
  readonly clock: Clock.Clock
  readonly timers: TimersService | undefined
  readonly windowBytes: number
  readonly weather: Weather
  readonly tell: (kind: WireEventKind, host: string, peer: string, bytes?: Uint8Array) => void
  /** Both ends are closed. */
  readonly onClosed: (wire: Wire) => void
}

/** One end of a connection. */
export type WireEnd = "dialer" | "listener"

/** A connection between two hosts, from when it was dialed until both ends are closed. */
export class Wire {
  readonly dialer: Host
  readonly listener: Host
  readonly there: Pipe
  readonly back: Pipe
  readonly #network: WireNetwork
  readonly #thereLine: Line
  readonly #backLine: Line
  #openEnds = 2
  #isReset = false
  #hasVanished = false

  /** Its chances hang on `seed` alone. */
  constructor(network: WireNetwork, dialer: Host, listener: Host, seed: number) {
    this.#network = network
    this.dialer = dialer
    this.listener = listener
    this.#thereLine = new Line(network, dialer, listener, seed ^ 0x5bd1e995)
    this.#backLine = new Line(network, listener, dialer, seed ^ 0x1b873593)
    const [there, back] = Pipe.pair(this.#thereLine, this.#backLine)
    this.there = there
    this.back = back
  }

  /** The host at the other end. */
  peerOf(host: Host): Host {
    return host === this.dialer ? this.listener : this.dialer
  }

  connection(end: WireEnd, remote: PeerAddress): Connection {
    const [outgoing, incoming] = end === "dialer" ? [this.there, this.back] : [this.back, this.there]
    return makeConnection({
      remote,
      pull: incoming.pull,
      send: outgoing.send,
      sendNow: outgoing.sendNow,
      sendsSingly: true,
      intercept: incoming.intercept
    })
  }

  /** One end closes: what it wrote still arrives, what it has not read is gone. Once for each end. */
  close(end: WireEnd): void {
    const isDialer = end === "dialer"
    this.#tell("close", isDialer ? this.dialer : this.listener)
    const outgoing = isDialer ? this.there : this.back
    const incoming = isDialer ? this.back : this.there
    outgoing.end()
    incoming.leave()
    if (--this.#openEnds === 0) this.#network.onClosed(this)
  }

  /** Both ends fail at once; what was on its way is gone. */
  reset(): void {
    if (this.#isReset) return
    this.#isReset = true
    this.#tell("reset", this.dialer)
    this.there.reset()
  }

  /** Breaks behind so many more bytes from that host. */
  resetAfter(host: Host, bytes: number): void {
    if (this.#isReset) return
    this.#tell("resetLater", host)
    if (host === this.dialer) this.#thereLine.breaksAfterBytes = bytes
    if (host === this.listener) this.#backLine.breaksAfterBytes = bytes
  }

  /** That host is gone, and its peer is not told. */
  vanish(host: Host): void {
    this.#hasVanished = true
    if (host === this.dialer) this.there.vanish()
    if (host === this.listener) this.back.vanish()
  }

  /** A host that vanished is back, and knows nothing of this connection. */
  revive(): void {
    if (this.#hasVanished) this.reset()
  }

  /** Nothing arrives in the directions that are held. */
  hold(isThereHeld: boolean, isBackHeld: boolean): void {
    this.there.hold(isThereHeld)
    this.back.hold(isBackHeld)
  }

  /** Has everybody look again who waits for something. */
  wake(): void {
    this.there.wake()
    this.back.wake()
  }

  #tell(kind: WireEventKind, host: Host): void {
    this.#network.tell(kind, host.name, this.peerOf(host).name)
  }
}

/** What each send of a direction meets: drawn from the seed and its number. */
class Line implements PipeLine {
  readonly clock: Clock.Clock
  readonly timers: TimersService | undefined
  readonly windowBytes: number
  readonly writer: Host
  readonly reader: Host
  /** How many bytes it carries until it breaks, when that is decided. */
  breaksAfterBytes: number | undefined
  readonly #network: WireNetwork
  readonly #seed: number

  constructor(network: WireNetwork, writer: Host, reader: Host, seed: number) {
    this.clock = network.clock
    this.timers = network.timers
    this.windowBytes = network.windowBytes
    this.writer = writer
    this.reader = reader
    this.#network = network
    this.#seed = seed >>> 0
  }

  delayMillis(number: number): number {
    const { latency, stallChance, stallMillis } = this.#network.weather
    const millis = latency(this.writer.name, this.reader.name, draw(this.#seed, number))
    if (stallChance === 0 || draw(this.#seed ^ stallSalt, number) >= stallChance) return millis
    this.#tell("late")
    return millis + stallMillis
  }

  transferMillis(bytes: number): number {
    const bandwidth = this.#network.weather.bandwidth
    return bandwidth === undefined || bytes === 0 ? 0 : 1000 * bytes / bandwidth(this.writer.name, this.reader.name)
  }

  onSend(bytes: Uint8Array, number: number): number | undefined {
    this.#tell("send", bytes)
    const leftBytes = this.breaksAfterBytes
    if (leftBytes !== undefined) {
      if (bytes.length >= leftBytes) {
        this.#tell("reset", bytes.subarray(0, leftBytes))
        return leftBytes
      }
      this.breaksAfterBytes = leftBytes - bytes.length
    }
    const { lossChance } = this.#network.weather
    if (lossChance === 0 || draw(this.#seed ^ lossSalt, number) >= lossChance) return undefined
    const keptBytes = Math.floor(draw(this.#seed ^ cutSalt, number) * bytes.length)
    this.#tell("loss", bytes.subarray(0, keptBytes))
    return keptBytes
  }

  onReceive(bytes: Uint8Array): void {
    this.#network.tell("receive", this.reader.name, this.writer.name, bytes)
  }

  #tell(kind: WireEventKind, bytes?: Uint8Array): void {
    this.#network.tell(kind, this.writer.name, this.reader.name, bytes)
  }
}

const lossSalt = 0x2545f491
const cutSalt = 0x6c62272e
const stallSalt = 0x4f6cdd1d
