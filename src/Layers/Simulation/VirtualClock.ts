/**
 * A clock and a scheduler in one, for big simulations: time jumps to the next timer as soon as
 * nothing is left to run, and every fiber takes its turn from one queue, in the order in which it
 * became runnable. So a run is synchronous, repeatable to the last step, and many times faster than
 * under `TestClock`, whose cost grows with the number of sleepers.
 *
 * Nothing in a run may wait for a Promise, a real timer or a socket: it would never come.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { Timers, type TimersService } from "../../Transport/Timers.ts"
import { type Timer, TimerHeap } from "./TimerHeap.ts"

/**
 * A run does not come to its end: it waits for something that nobody will do. `kind` says how that was found: nothing can
 * run and no timer is set (`Idle`), the longest time for it is over while nodes still go about their work (`TooLong`), or
 * something runs on and on without any time passing (`StandsStill`).
 *
 * @category errors
 * @since 0.1.0
 */
export class Deadlock extends Error {
  override readonly name = "Deadlock"
  readonly kind: "Idle" | "TooLong" | "StandsStill"
  /** When, in milliseconds of the virtual clock. */
  readonly atMillis: number
  /** Of the simulation, if the clock was told. */
  readonly seed: string | undefined
  constructor(atMillis: number, waitingFor: ReadonlyArray<string>, seed?: string, kind: Deadlock["kind"] = "Idle") {
    const of = seed === undefined ? "" : ` (seed "${seed}")`
    const what = waitingFor.length === 0 ? "" : `; waited for: ${waitingFor.join(", ")}`
    super(`deadlock at ${atMillis} ms${of}: ${reasons[kind]}${what}`)
    this.kind = kind
    this.atMillis = atMillis
    this.seed = seed
  }
}

const reasons: Readonly<Record<Deadlock["kind"], string>> = {
  Idle: "nothing can run and no timer is set; in a simulation nothing may wait for a Promise, a real timer or a socket",
  TooLong: "not over after the longest time a run may take (maxDuration); what it waits for may never come, as a " +
    "Promise, a real timer or a socket in a simulation",
  StandsStill: "something runs on and on and no time passes (maxTurns); have loops sleep"
}

/**
 * How far a clock goes before it gives up.
 *
 * @category options
 * @since 0.1.0
 */
export interface VirtualClockLimits {
  /** How much virtual time one run takes at most, in milliseconds. Default `Infinity`. */
  readonly maxMillis?: number | undefined
  /** How many turns fibers and timers take at most without any time passing. Default 20 million: some ten seconds of work. */
  readonly maxTurns?: number | undefined
}

const defaultMaxTurns = 20_000_000

/** What is left for finalizers, in milliseconds, and in turns without any time passing. */
const lastMillis = 60_000
const lastTurns = 1_000_000

/** A turn that the scheduler cut short did as much as so many others. */
const longTurn = 100

/**
 * Virtual time with its own run queue. `run` drives one effect, with all that it forks, to its end.
 *
 * @category models
 * @since 0.1.0
 */
export class VirtualClock implements Clock.Clock, Scheduler.Scheduler, TimersService {
  readonly executionMode = "sync"
  readonly #waitingFor = new Map<object, string>()
  readonly #onStep = new Set<(nowMillis: number) => void>()
  readonly #seed: string | undefined
  #lastMillis: number
  #maxTurns: number
  #now: number
  /** Turns taken since time last moved on. */
  #turns = 0
  #sleeperCount = 0
  #isTold = false
  /** Those who wait for the end of the step. */
  #waiters: Array<() => void> = []
  #tasks: Array<() => void> = []
  readonly #timers = new TimerHeap()

  /** `startMillis`: the time of day at the beginning. Default 0. `seed`: for a `Deadlock` to tell. */
  constructor(startMillis = 0, seed?: string, limits: VirtualClockLimits = {}) {
    this.#now = startMillis
    this.#seed = seed
    this.#lastMillis = startMillis + (limits.maxMillis ?? Number.POSITIVE_INFINITY)
    this.#maxTurns = limits.maxTurns ?? defaultMaxTurns
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (fiber.currentOpCount < fiber.cache.maxOpsBeforeYield) return false
    this.#turns += longTurn
    return true
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  scheduleTask(task: () => void): void {
    this.#tasks.push(task)
  }

  /** Runs all that can run now. */
  flush(): void {
    for (let tasks = this.#tasks; tasks.length > 0; tasks = this.#tasks) {
      this.#count(tasks.length)
      this.#tasks = []
      for (let index = 0; index < tasks.length; index++) tasks[index]!()
    }
  }

  currentTimeMillisUnsafe(): number {
    return this.#now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.#now * 1e6))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.#now)
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos: Effect.Effect<bigint> = this.currentTimeNanos

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.#sleeperCount++
      const cancel = this.after(Duration.toMillis(duration), () => {
        this.#sleeperCount--
        resume(Effect.void)
      })
      return Effect.sync(() => {
        this.#sleeperCount--
        cancel()
      })
    })
  }

  /**
   * Has a function called at each step in time, when all that can run at an instant has run and
   * before the clock moves on or the run ends, with the time that is over; gives a function that ends it.
   */
  onStep(listener: (nowMillis: number) => void): () => void {
    this.#onStep.add(listener)
    return () => this.#onStep.delete(listener)
  }

  /** Waits until all that can run at this instant has run, and those were told who listen to steps. */
  readonly stepEnd: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.#waiters.push(() => resume(Effect.void))
  })

  /** How many sleeps are under way. */
  get sleeperCount(): number {
    return this.#sleeperCount
  }

  /** Gives a wait a name, for a `Deadlock` to tell who waits for what. */
  waitFor<A, E, R>(what: string, wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const key = {}
        this.#waitingFor.set(key, what)
        return key
      }),
      () => wait,
      (key) => Effect.sync(() => this.#waitingFor.delete(key))
    )
  }

  /** Calls back after some milliseconds, without a fiber; gives a function that cancels it. */
  after(millis: number, run: () => void): () => void {
    const timer: Timer = { run }
    this.#timers.add(this.#now + Math.max(0, millis), timer)
    return () => {
      timer.run = undefined
    }
  }

  /**
   * Drives an effect to its end in virtual time; gives its exit. Throws `Deadlock` when it waits
   * for what nobody will do, or goes past the limits of the clock; then, as whenever it throws, the effect is interrupted
   * before, and has a minute of virtual time for its finalizers.
   */
  run<A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> {
    const fiber = Effect.runForkWith(this.context)(effect)
    try {
      this.flush()
      for (let exit = fiber.pollUnsafe();; exit = fiber.pollUnsafe()) {
        if (exit === undefined) this.#step()
        else if (!this.#endStep()) return exit
      }
    } catch (error) {
      this.#giveUp(fiber)
      throw error
    }
  }

  /** Has what it drives free what it holds, as far as that needs nobody who does not come. */
  #giveUp(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.#onStep.clear()
    this.#turns = 0
    this.#maxTurns = Math.min(this.#maxTurns, lastTurns)
    this.#lastMillis = this.#now + lastMillis
    try {
      fiber.interruptUnsafe()
      this.flush()
      while (fiber.pollUnsafe() === undefined) this.#step()
    } catch {
      // What is in the way is told already.
    }
  }

  /** What makes fibers live by this clock. */
  get context(): Context.Context<never> {
    return Context.make(Clock.Clock, this).pipe(
      Context.add(Scheduler.Scheduler, this),
      Context.add(Timers, this)
    )
  }

  #step(): void {
    const timer = this.#next()
    const atMillis = this.#timers.firstMillis
    // What the listeners set going happens before time moves on, and may be what somebody waits for.
    if (atMillis !== this.#now && this.#endStep()) return
    if (timer === undefined || atMillis === Number.POSITIVE_INFINITY) {
      throw this.#deadlock("Idle")
    }
    if (atMillis > this.#lastMillis) throw this.#deadlock("TooLong")
    this.#timers.removeFirst()
    if (atMillis !== this.#now) this.#turns = 0
    this.#count(1)
    this.#isTold = false
    this.#now = atMillis
    timer.run?.()
    this.flush()
  }

  #count(turns: number): void {
    this.#turns += turns
    if (this.#turns > this.#maxTurns) throw this.#deadlock("StandsStill")
  }

  #deadlock(kind: Deadlock["kind"]): Deadlock {
    return new Deadlock(this.#now, [...this.#waitingFor.values()], this.#seed, kind)
  }

  /** Tells once that all of this instant has run, then lets those go on who waited for that; whether there was anybody. */
  #endStep(): boolean {
    if (!this.#isTold && this.#onStep.size > 0) {
      this.#isTold = true
      for (const listener of this.#onStep) listener(this.#now)
    } else if (this.#waiters.length > 0) {
      const waiters = this.#waiters
      this.#waiters = []
      for (const resume of waiters) resume()
    } else return false
    this.flush()
    return true
  }

  /** The next timer that was not canceled; it stays. */
  #next(): Timer | undefined {
    while (this.#timers.first !== undefined && this.#timers.first.run === undefined) this.#timers.removeFirst()
    return this.#timers.first
  }
}
