/**
 * One direction of a connection in memory. What is true of it depends on what was done and on the
 * time alone: timers and sleeps only wake who waits, so it behaves the same with either.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { TimersService } from "../Timers.ts"
import { ConnectionClosed } from "../Transport.ts"
import type { Host } from "./Host.ts"
import { toMicros } from "./Micros.ts"

type Pull = Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, ConnectionClosed>

interface InFlight {
  readonly at: number
  readonly bytes: Uint8Array
}

/** What comes behind the last bytes. */
interface Finish {
  readonly at: number
  readonly error: ConnectionClosed
  /** Whether it had come when the pipe was last held. */
  isIn: boolean
  /** Whether the reader was told of it: it need not hear so on the way back. */
  isTold: boolean
}

/** What a pipe asks of the network it belongs to, and tells it. Sends are numbered from 0. */
export interface PipeLine {
  readonly clock: Clock.Clock
  readonly timers: TimersService | undefined
  readonly windowBytes: number
  readonly writer: Host
  readonly reader: Host
  /** The time from when a send has left to its arrival, in milliseconds. */
  delayMillis(number: number): number
  /** The time that so many bytes take to leave, in milliseconds. */
  transferMillis(bytes: number): number
  /** Tells of a send; how many of its bytes get through when the connection breaks in it, or undefined. */
  onSend(bytes: Uint8Array, number: number): number | undefined
  onReceive(bytes: Uint8Array): void
}

/** What counts as now, for the same reason that times are to the microsecond: less than from one of them to the next. */
const toleranceMillis = 5e-4

/**
 * A writer hears of the end on the way back this much later than a reader there takes what came with
 * it: at the same time it would be a matter of the scheduler which of the two comes first.
 */
const hearsayMillis = 0.01

/** The most that arrives at once of a send, where bandwidth is limited, in bytes. */
const maxPieceBytes = 16_384

/** So many readers go on in the turn in which the first of them was woken; the next one in a later turn. */
const maxDepth = 32

/**
 * Nothing in flight: nothing is ever put into it. A list that waits for the next message gets old, and what is put into an old
 * one stays until the engine looks at old memory, even if the list is dropped a moment later.
 */
const none: Array<InFlight> = []

/** One direction: bytes arrive in order, each after its delay; a full window holds the writer. */
export class Pipe {
  /** How many readers are being woken, one by another. */
  static #depth = 0
  readonly #line: PipeLine
  /** The way back. What the reader's end may still send there depends on what has come here. */
  #other: Pipe = this
  /** Open when a writer that waits for room has to look again; made for the first that does. */
  #room: Latch.Latch | undefined
  #inFlight = none
  #inFlightBytes = 0
  #sendCount = 0
  #lastAt = 0
  /** When the line has sent what it was given so far. */
  #idleAt = 0
  #finish: Finish | undefined
  /** While held: how many of those in flight had come before. */
  #heldCount: number | undefined
  #cancelTimer: (() => void) | undefined
  /** Has a reader that waits look again; a latch of its own would be half of the memory of a pipe. */
  #resume: ((woken: Effect.Effect<void>) => void) | undefined
  /** It waits for no time of its own: it looks by itself at what is in flight already. */
  #isAwaited = false
  /** Looks at bytes that come while the reader waits; see `Connection.intercept`. */
  #look: ((chunks: NonEmptyReadonlyArray<Uint8Array>) => boolean) | undefined
  /** Bytes that were looked at, and are to be pulled. */
  #seen: NonEmptyReadonlyArray<Uint8Array> | undefined
  /** The writer closed its end, or it broke. */
  #isWriterGone = false
  /** The reader closed its end, or it broke. The writer knows when it hears of it, on the way back. */
  #isReaderGone = false

  constructor(line: PipeLine) {
    this.#line = line
  }

  /** Both directions of a connection. */
  static pair(there: PipeLine, back: PipeLine): readonly [there: Pipe, back: Pipe] {
    const pair = [new Pipe(there), new Pipe(back)] as const
    pair[0].#other = pair[1]
    pair[1].#other = pair[0]
    return pair
  }

  /** How much of the window is taken. */
  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  readonly send = (chunks: NonEmptyReadonlyArray<Uint8Array>): Effect.Effect<void, ConnectionClosed> =>
    Effect.suspend(() => {
      if (this.#isOver()) return Exit.fail(lost)
      for (const bytes of chunks) this.#push(bytes)
      if (this.#isWriterGone) return Exit.fail(lost)
      return this.#hasRoom() ? Effect.void : this.#untilRoom()
    })

  readonly sendNow = (bytes: Uint8Array): boolean => {
    if (this.#isOver() || !this.#hasRoom()) return false
    this.#push(bytes)
    return true
  }

  readonly pull: Pull = Effect.suspend(() => {
    if (this.#line.reader.isPaused) return this.#pullLater
    const seen = this.#seen
    if (seen !== undefined) {
      this.#seen = undefined
      return Effect.succeed(seen)
    }
    if (this.#isReaderGone || this.#line.reader.down !== undefined) return Exit.fail(lost)
    const now = this.#now()
    const count = this.#arrivedCount(now)
    if (count > 0) return Effect.succeed(this.#take(count))
    const finish = this.#finish
    if (finish !== undefined && this.#inFlight.length === 0 && this.#hasCome(finish, now)) {
      finish.isTold = true
      return Exit.fail(finish.error)
    }
    const nextAt = this.#heldCount === undefined ? this.#inFlight[0]?.at ?? finish?.at : undefined
    if (nextAt === undefined) return this.#pullLater
    if (this.#line.timers !== undefined) {
      this.#arm(nextAt, now)
      return this.#pullLater
    }
    return Effect.andThen(this.#until(this.#woken, nextAt - now, () => this.#wakeReader()), this.pull)
  })

  /**
   * Waits until there may be something to take; to look is for whoever waits, outside of the wait. One that is interrupted
   * leaves a `#resume` that does nothing: to take it back would be a closure for each wait.
   */
  readonly #woken: Effect.Effect<void> = Effect.callback((resume) => {
    this.#resume = resume
  })
  readonly #pullWoken = Effect.andThen(this.#woken, this.pull)
  readonly #pullLater: Pull = Effect.suspend(() => {
    this.#isAwaited = true
    return this.#pullWoken
  })

  #untilRoom(): Effect.Effect<void, ConnectionClosed> {
    const isPaused = this.#line.writer.isPaused
    if (!isPaused && this.#isOver()) return Exit.fail(lost)
    if (!isPaused && this.#hasRoom()) return Effect.void
    const room = this.#room ??= Latch.makeUnsafe(true)
    room.closeUnsafe()
    const overAt = isPaused || this.#other.#heldCount !== undefined ? undefined : this.#other.#finish?.at
    const wait = overAt === undefined
      ? room.await
      : this.#until(room.await, overAt + hearsayMillis - this.#now(), () => void room.openUnsafe())
    return Effect.andThen(wait, Effect.suspend(() => this.#untilRoom()))
  }

  /**
   * A wait that ends by itself after a time. Who waits is let go by whoever wakes it, in the same turn: so the order is
   * the same with timers and without.
   */
  #until(wait: Effect.Effect<void>, millis: number, wake: () => void): Effect.Effect<void> {
    const timers = this.#line.timers
    if (timers !== undefined) {
      return Effect.suspend(() => Effect.ensuring(wait, Effect.sync(timers.after(millis, wake))))
    }
    return Effect.flatMap(
      Effect.forkChild(Effect.andThen(Effect.sleep(millis), Effect.sync(wake)), { startImmediately: true }),
      (sleeper) => Effect.ensuring(wait, Effect.sync(() => sleeper.interruptUnsafe()))
    )
  }

  #now(): number {
    return this.#line.clock.currentTimeMillisUnsafe()
  }

  #hasRoom(): boolean {
    return this.#inFlightBytes < this.#line.windowBytes
  }

  /** Nothing can be sent any more, and the writer's end knows. */
  #isOver(): boolean {
    if (this.#isWriterGone || this.#line.writer.down !== undefined) return true
    const finish = this.#other.#finish
    return finish !== undefined && (finish.isTold || this.#other.#hasCome(finish, this.#now() - hearsayMillis))
  }

  #hasCome(finish: Finish, now: number): boolean {
    return this.#heldCount === undefined ? finish.at - now <= toleranceMillis : finish.isIn
  }

  #arrivedCount(now: number): number {
    if (this.#heldCount !== undefined) return this.#heldCount
    let count = 0
    while (count < this.#inFlight.length && this.#inFlight[count]!.at - now <= toleranceMillis) count++
    return count
  }

  #push(bytes: Uint8Array): void {
    if (this.#isWriterGone) return
    const number = this.#sendCount++
    const keptBytes = this.#line.onSend(bytes, number)
    if (keptBytes === undefined) {
      this.#put(bytes, number)
      return
    }
    this.#isWriterGone = true
    this.#put(bytes.subarray(0, keptBytes), number)
    this.#end(lost, this.#lastAt)
    // This end hears of it last: whoever wakes may do anything with the connection.
    this.#other.leave()
  }

  /** What takes a time to leave arrives bit by bit. */
  #put(bytes: Uint8Array, number: number): void {
    const delayMillis = this.#line.delayMillis(number)
    const pieceBytes = this.#line.transferMillis(bytes.length) > 0 ? maxPieceBytes : bytes.length
    const firstAt = this.#putPiece(pieceBytes < bytes.length ? bytes.subarray(0, pieceBytes) : bytes, delayMillis)
    for (let start = pieceBytes; start < bytes.length; start += pieceBytes) {
      this.#putPiece(bytes.subarray(start, start + pieceBytes), delayMillis)
    }
    // Last: whoever wakes may send as well.
    if (!this.#isReaderGone) this.#expect(firstAt)
  }

  #putPiece(bytes: Uint8Array, delayMillis: number): number {
    const at = this.#arrival(bytes.length, delayMillis)
    this.#inFlightBytes += bytes.length
    // Nobody will take them: they fill the window.
    if (this.#isReaderGone) return at
    if (this.#inFlight.length === 0) this.#inFlight = [{ at, bytes }]
    else this.#inFlight.push({ at, bytes })
    return at
  }

  /** Not before what was sent earlier. */
  #arrival(bytes: number, delayMillis: number): number {
    this.#idleAt = Math.max(this.#idleAt, this.#now()) + this.#line.transferMillis(bytes)
    this.#lastAt = Math.max(this.#lastAt, toMicros(this.#idleAt + delayMillis))
    return this.#lastAt
  }

  /** Has a reader that waits look at a time: by a timer where there are any, by its own sleep where not. */
  #expect(at: number): void {
    if (!this.#isAwaited || this.#heldCount !== undefined) return
    if (this.#line.timers === undefined) this.#wakeInTurn()
    else this.#arm(at, this.#now())
  }

  /** A reader that sends on wakes the next one, all in this turn and on one stack: a long line of them must not fill it. */
  #wakeInTurn(): void {
    Pipe.#depth++
    this.#wakeReader(Pipe.#depth > maxDepth ? Effect.yieldNow : Effect.void)
    Pipe.#depth--
  }

  #arm(at: number, now: number): void {
    this.#cancelTimer ??= this.#line.timers?.after(at - now, () => {
      this.#cancelTimer = undefined
      if (!this.#isTaken()) this.#wakeReader()
    })
  }

  readonly intercept = (look: (chunks: NonEmptyReadonlyArray<Uint8Array>) => boolean): void => {
    this.#look = look
  }

  /** Whether what has come needs no turn of the reader that waits for it. */
  #isTaken(): boolean {
    const { reader } = this.#line
    if (this.#look === undefined || this.#resume === undefined || this.#isReaderGone) return false
    if (reader.isPaused || reader.down !== undefined) return false
    const now = this.#now()
    const count = this.#arrivedCount(now)
    if (count === 0) return false
    const chunks = this.#take(count)
    if (!this.#look(chunks)) {
      this.#seen = chunks
      return false
    }
    const nextAt = this.#heldCount === undefined ? this.#inFlight[0]?.at ?? this.#finish?.at : undefined
    if (nextAt !== undefined) this.#arm(nextAt, now)
    return true
  }

  #take(count: number): NonEmptyReadonlyArray<Uint8Array> {
    const taken = this.#inFlight
    const ready: [Uint8Array, ...Array<Uint8Array>] = [taken[0]!.bytes]
    for (let index = 1; index < count; index++) ready.push(taken[index]!.bytes)
    this.#inFlight = count === taken.length ? none : taken.slice(count)
    if (this.#heldCount !== undefined) this.#heldCount = 0
    for (const bytes of ready) {
      this.#inFlightBytes -= bytes.length
      this.#line.onReceive(bytes)
    }
    if (this.#hasRoom()) this.#room?.openUnsafe()
    return ready
  }

  #wakeReader(first: Effect.Effect<void> = Effect.void): void {
    const resume = this.#resume
    this.#isAwaited = false
    this.#resume = undefined
    resume?.(first)
  }

  /** Has both look again: the process of the one or the other was stopped, or goes on. */
  wake(): void {
    this.#wakeReader()
    this.#room?.openUnsafe()
  }

  /** Nothing arrives any more, until it is let go: what is sent meanwhile arrives then. */
  hold(isHeld: boolean): void {
    if (isHeld === (this.#heldCount !== undefined)) return
    const now = this.#now()
    if (this.#finish !== undefined) this.#finish.isIn = isHeld && this.#hasCome(this.#finish, now)
    this.#heldCount = isHeld ? this.#arrivedCount(now) : undefined
    this.#wakeReader()
    this.#other.#room?.openUnsafe()
  }

  /** The writer closed its end: what is on its way still arrives, then the end. */
  end(): void {
    if (!this.#isWriterGone) this.#end(ended, this.#arrival(0, this.#line.delayMillis(this.#sendCount++)))
  }

  #end(error: ConnectionClosed, at: number): void {
    this.#isWriterGone = true
    this.#finish = { at, error, isIn: false, isTold: false }
    this.#room?.openUnsafe()
    if (!this.#isReaderGone) this.#expect(at)
    this.#other.#room?.openUnsafe()
  }

  /** The reader closed its end: nobody takes what comes. The writer hears of it by the end on the way back. */
  leave(): void {
    this.#abandon()
    this.#wakeReader()
  }

  #abandon(): void {
    this.#isReaderGone = true
    this.#inFlight = none
    if (this.#heldCount !== undefined) this.#heldCount = 0
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  /** The writer's end is gone, both ways, and what it sent; the other end does not know. */
  vanish(): void {
    const now = this.#now()
    this.#isWriterGone = true
    this.#inFlight = this.#inFlight.slice(0, this.#arrivedCount(now))
    if (!this.#isReaderGone) {
      this.#inFlightBytes = this.#inFlight.reduce((bytes, sent) => bytes + sent.bytes.length, 0)
    }
    if (this.#finish !== undefined && !this.#hasCome(this.#finish, now)) this.#finish = undefined
    this.#other.#abandon()
    this.wake()
    this.#other.wake()
  }

  /** The connection broke, both ways: both ends know at once. */
  reset(): void {
    const pipes = [this, this.#other]
    for (const pipe of pipes) {
      pipe.#isWriterGone = true
      pipe.#abandon()
      pipe.#inFlightBytes = 0
    }
    for (const pipe of pipes) pipe.wake()
  }
}

const ended = new ConnectionClosed({ clean: true, detail: "closed" })
const lost = new ConnectionClosed({ clean: false, detail: "reset" })
