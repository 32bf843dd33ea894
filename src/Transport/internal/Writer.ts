/**
 * The way out of a link: what is queued in one turn is joined and handed to the transport behind it, or block by block
 * where it is more than one, at once where the transport takes it, and by a fiber while it has to be waited for.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Link } from "../Link.ts"
import { blockBytes, group } from "../Outbox.ts"
import type { Connection } from "../Transport.ts"
import { joined } from "./Joined.ts"

/** One for all links of a scheduler: their turns end together. */
const dispatchers = new WeakMap<Scheduler.Scheduler, Scheduler.SchedulerDispatcher>()

const dispatcherOf = (scheduler: Scheduler.Scheduler): Scheduler.SchedulerDispatcher => {
  const known = dispatchers.get(scheduler)
  if (known !== undefined) return known
  const made = scheduler.makeDispatcher()
  dispatchers.set(scheduler, made)
  return made
}

export class Writer {
  readonly #link: Link
  readonly #connection: Connection
  readonly #context: Context.Context<never>
  readonly #dispatcher: Scheduler.SchedulerDispatcher
  /** What takes the joined frames of a turn at once; undefined where they go one by one, or by a fiber alone. */
  readonly #sendNow: Connection["sendNow"]
  /** Writes until nothing is queued; there while the transport has to be waited for. */
  #fiber: Fiber.Fiber<void> | undefined
  /** What was queued is written at the end of the turn. */
  #isDue = false
  #isOver = false

  constructor(link: Link, connection: Connection, context: Context.Context<never>) {
    this.#link = link
    this.#connection = connection
    this.#context = context
    this.#dispatcher = dispatcherOf(Context.get(context, Scheduler.Scheduler))
    this.#sendNow = connection.sendsSingly === true ? undefined : connection.sendNow
  }

  /** There is something to write. */
  start(): void {
    if (this.#fiber !== undefined || this.#isOver) return
    if (this.#isDue) {
      // Enough for a block: the other end reads it while this one makes the next.
      if (this.#link.outbox.queuedBytes >= blockBytes) this.#flush()
      return
    }
    if (this.#link.closeReason?._tag === "ConnectionLost") return
    if (this.#sendNow === undefined || isApart(this.#link, this.#connection)) return this.#run([])
    this.#isDue = true
    // Whoever queued the first frame may queue more before it comes to rest: they leave together.
    this.#dispatcher.scheduleTask(() => this.#flush(), 0)
  }

  /** Writes what is still queued, for so long at most. */
  finish(timeout: Duration.Input): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#link.outbox.close()
      this.#flush()
      this.#isOver = true
      const fiber = this.#fiber
      return fiber === undefined ? Effect.void : Effect.timeoutOption(Fiber.await(fiber), timeout)
    }).pipe(
      Effect.andThen(Effect.suspend(() => {
        this.#link.discard()
        return this.#fiber === undefined ? Effect.void : Fiber.interrupt(this.#fiber)
      }))
    )
  }

  /** Writes what is due; what the transport does not take at once is left to a fiber. */
  #flush(): void {
    const sendNow = this.#sendNow
    if (!this.#isDue || sendNow === undefined) return
    this.#isDue = false
    const { outbox } = this.#link
    while (this.#fiber === undefined && outbox.hasFrames) {
      const blocks = joined(outbox.take())
      let count = 0
      let bytes = 0
      while (count < blocks.length && sendNow(blocks[count]!)) bytes += blocks[count++]!.length
      if (count < blocks.length) this.#run(blocks.slice(count))
      // Last: who waited for room goes on in here, may queue and write more, or close the link.
      outbox.written(bytes)
    }
  }

  #run(blocks: ReadonlyArray<Uint8Array>): void {
    const fiber = this.#fiber = Effect.runForkWith(this.#context)(write(this.#link, this.#connection, blocks))
    fiber.addObserver(() => {
      this.#fiber = undefined
      if (this.#link.outbox.hasFrames) this.start()
    })
  }
}

/** An original node over TLS does not see the second frame of a record. */
const isApart = ({ capabilities }: Link, { sendApart }: Connection): boolean =>
  sendApart !== undefined && !capabilities.extended

/** Writes these blocks, then takes all that is queued, joins it and writes it, until nothing is left. */
const write = (link: Link, connection: Connection, taken: ReadonlyArray<Uint8Array>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const outbox = link.outbox
    for (let blocks = taken;;) {
      const send = isApart(link, connection) ? connection.sendApart ?? connection.send : connection.send
      for (const { blocks: grouped, bytes } of group(blocks)) {
        yield* send(grouped)
        outbox.written(bytes)
      }
      if (!outbox.hasFrames) return
      yield* Effect.yieldNow
      const frames = outbox.take()
      blocks = isApart(link, connection) ? frames : joined(frames)
    }
  }).pipe(
    Effect.catch((error) =>
      Effect.sync(() => link.close({ _tag: "ConnectionLost", clean: false, detail: error.detail }))
    )
  )
