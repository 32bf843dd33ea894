/** One direction of a connection in memory. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { TimersService } from "../Timers.ts"
import { ConnectionClosed } from "../Transport.ts"

interface InFlight {
  readonly at: number
  readonly bytes: Uint8Array
}

/** What a pipe asks of the network it belongs to, and tells it. */
export interface PipeWire {
  readonly clock: Clock.Clock
  readonly timers: TimersService | undefined
  readonly windowBytes: number
  /** The time from a send to its arrival, in milliseconds. */
  readonly delayMillis: (bytes: number) => number
  readonly onSend: (bytes: Uint8Array) => void
  readonly onReceive: (bytes: Uint8Array) => void
}

/** What counts as now: a sleep to a time may end short of it by the rounding of its length. */
const toleranceMillis = 1e-3

/** One direction: bytes arrive in order, each after its delay; a full window holds the writer. */
export class Pipe {
  readonly #wire: PipeWire
  /** Open when there may be something to take. */
  readonly #data = Latch.makeUnsafe(false)
  readonly #room = Latch.makeUnsafe(true)
  /** Lets go a reader that sleeps until bytes arrive: the connection broke, or is held. */
  readonly #change = Latch.makeUnsafe(false)
  readonly #changed = Effect.andThen(Effect.sync(() => this.#change.closeUnsafe()), this.#change.await)
  #inFlight: Array<InFlight> = []
  #inFlightBytes = 0
  #lastAt = 0
  #endsAt: number | undefined
  #isArmed = false
  #isHeld = false
  #isBroken = false
  #isAbandoned = false

  constructor(wire: PipeWire) {
    this.#wire = wire
  }

  readonly send = (chunks: NonEmptyReadonlyArray<Uint8Array>): Effect.Effect<void, ConnectionClosed> =>
    Effect.suspend(() => {
      if (this.#isClosed()) return Exit.fail(lost)
      for (const bytes of chunks) this.#push(bytes)
      if (this.#inFlightBytes < this.#wire.windowBytes) return Effect.void
      this.#room.closeUnsafe()
      return Effect.flatMap(this.#room.await, () => this.#isBroken || this.#isAbandoned ? Exit.fail(lost) : Effect.void)
    })

  readonly sendNow = (bytes: Uint8Array): boolean => {
    if (this.#isClosed() || this.#inFlightBytes >= this.#wire.windowBytes) return false
    this.#push(bytes)
    return true
  }

  readonly pull: Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, ConnectionClosed> = Effect.suspend(() => {
    if (this.#isBroken || this.#isAbandoned) return Exit.fail(lost)
    const now = this.#wire.clock.currentTimeMillisUnsafe()
    const first = this.#inFlight[0]
    const nextAt = this.#isHeld ? undefined : first?.at ?? this.#endsAt
    if (nextAt !== undefined && nextAt - now <= toleranceMillis) {
      return first === undefined ? Exit.fail(ended) : Effect.succeed(this.#take(first, now))
    }
    if (nextAt !== undefined && this.#wire.timers === undefined) {
      return Effect.andThen(Effect.raceFirst(Effect.sleep(nextAt - now), this.#changed), this.pull)
    }
    this.#data.closeUnsafe()
    if (nextAt !== undefined) this.#arm(nextAt)
    return Effect.andThen(this.#data.await, this.pull)
  })

  #isClosed(): boolean {
    return this.#isBroken || this.#isAbandoned || this.#endsAt !== undefined
  }

  #push(bytes: Uint8Array): void {
    this.#wire.onSend(bytes)
    // The hook may have broken the connection: a loss.
    if (this.#isBroken) return
    const at = this.#arrival(bytes.length)
    this.#inFlight.push({ at, bytes })
    this.#inFlightBytes += bytes.length
    this.#arm(at)
  }

  /** Not before what was sent earlier. */
  #arrival(bytes: number): number {
    const at = this.#wire.clock.currentTimeMillisUnsafe() + this.#wire.delayMillis(bytes)
    this.#lastAt = Math.max(this.#lastAt, at)
    return this.#lastAt
  }

  /** Has the reader look when bytes arrive: by a timer where there are any, by its own sleep where not. */
  #arm(at: number): void {
    if (this.#wire.timers === undefined) {
      this.#data.openUnsafe()
      return
    }
    if (this.#isArmed) return
    this.#isArmed = true
    this.#wire.timers.after(at - this.#wire.clock.currentTimeMillisUnsafe(), () => {
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
    for (const bytes of ready) {
      this.#inFlightBytes -= bytes.length
      this.#wire.onReceive(bytes)
    }
    if (this.#inFlightBytes < this.#wire.windowBytes) this.#room.openUnsafe()
    return ready
  }

  /** Nothing arrives any more, until it is let go: what is sent meanwhile arrives then. */
  hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return
    this.#isHeld = isHeld
    this.#change.openUnsafe()
    this.#data.openUnsafe()
  }

  /** The writer closed: what is on its way still arrives, then the end. */
  end(): void {
    this.#endsAt ??= this.#arrival(0)
    this.#arm(this.#endsAt)
    this.#room.openUnsafe()
  }

  /** The reader closed: nobody will take what is written. */
  abandon(): void {
    this.#isAbandoned = true
    this.#inFlight = []
    this.#inFlightBytes = 0
    this.#change.openUnsafe()
    this.#room.openUnsafe()
    this.#data.openUnsafe()
  }

  /** The connection broke: both ends fail at once. */
  reset(): void {
    this.#isBroken = true
    this.abandon()
  }
}

const ended = new ConnectionClosed({ clean: true, detail: "closed" })
const lost = new ConnectionClosed({ clean: false, detail: "reset" })
