/**
 * Standard output. A write is done when the system took the bytes, so that whoever reads slowly
 * slows the program down, and a program that ends has written everything.
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ErrorText from "../Layers/NodeErrorText.ts"

/**
 * Standard output takes no more: nobody reads it, or its disk is full.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputFailed extends Schema.TaggedError<OutputFailed>()("OutputFailed", { cause: Schema.Defect() }) {
  override get message(): string {
    return isClosed(this.cause)
      ? "standard output was closed by the program that read it; stopped"
      : `could not write to standard output: ${ErrorText.describe(this.cause)}`
  }
}

/** Whether a reader had enough, as `head` has. */
const isClosed = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && (cause.code === "EPIPE" || cause.code === "ERR_STREAM_DESTROYED")

/**
 * Writes a text, and waits until the system took it.
 *
 * @category output
 * @since 0.1.0
 */
export const write = (text: string): Effect.Effect<void, OutputFailed> =>
  Effect.callback((resume) => {
    process.stdout.write(
      text,
      (cause) => resume(cause instanceof Error ? Effect.fail(new OutputFailed({ cause })) : Effect.void)
    )
  })

/**
 * Runs a program, and fails when anything that it printed, in whatever way, could not be written; that its reader
 * had enough is no failure here.
 *
 * @category output
 * @since 0.1.0
 */
export const checked = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | OutputFailed, R> =>
  Effect.acquireUseRelease(
    Effect.sync(watch),
    (watched) =>
      Effect.gen(function*() {
        const value = yield* program
        // Comes behind all that was printed; what a stream emits, it does a turn later.
        yield* Effect.ignore(write(""))
        yield* Effect.yieldNow
        return watched.failure === undefined ? value : yield* new OutputFailed({ cause: watched.failure })
      }),
    ({ stop }) => Effect.sync(stop)
  )

const watch = () => {
  const note = (failure: Error) => {
    if (!isClosed(failure)) watched.failure ??= failure
  }
  const watched: { failure: Error | undefined; readonly stop: () => void } = {
    failure: undefined,
    stop: () => process.stdout.off("error", note)
  }
  process.stdout.on("error", note)
  return watched
}

/**
 * Lines from several fibers, written in the order in which they were printed.
 *
 * @category models
 * @since 0.1.0
 */
export interface LineWriter {
  /** Takes lines, all of them; waits before that while `maxWaitingLines`, or `maxWaitingLength`, are not written yet. */
  readonly print: (lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Fails when writing does; never succeeds. */
  readonly closed: Effect.Effect<never, OutputFailed>
}

/** Lines that may wait for whoever reads the output, and their characters: those of one message may be millions. */
const maxWaitingLines = 1024
const maxWaitingLength = 16 * 1024 * 1024

/** How long the end of the program may wait for whoever reads the output. */
const flushTimeout = "1 second"

/**
 * A writer that belongs to the scope: closing it writes what waits, for a second at most. `writeText`
 * gets whole lines, each with its end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeLineWriter = Effect.fnUntraced(function*(
  writeText: (text: string) => Effect.Effect<void, OutputFailed> = write
): Effect.fn.Return<LineWriter, never, Scope.Scope> {
  const queue = yield* Queue.unbounded<string, Cause.Done>()
  const failure = yield* Deferred.make<never, OutputFailed>()
  const room = yield* Latch.make(true)
  const waiting = { lines: 0, length: 0 }
  const count = (lines: ReadonlyArray<string>, sign: 1 | -1) => {
    waiting.lines += sign * lines.length
    for (const { length } of lines) waiting.length += sign * length
    const isFull = waiting.lines >= maxWaitingLines || waiting.length >= maxWaitingLength
    return isFull ? room.closeUnsafe() : room.openUnsafe()
  }
  const fiber = yield* Queue.takeAll(queue).pipe(
    Effect.flatMap((lines) => Effect.andThen(writeText(`${lines.join("\n")}\n`), Effect.sync(() => count(lines, -1)))),
    Effect.forever,
    Effect.catchTag("OutputFailed", (error) => Deferred.fail(failure, error)),
    // Nothing would be printed any more, and nobody told.
    Effect.catchDefect((defect) => Deferred.die(failure, defect)),
    Effect.exit,
    Effect.forkScoped
  )
  yield* Effect.addFinalizer(() =>
    Queue.end(queue).pipe(
      Effect.andThen(Fiber.await(fiber)),
      Effect.timeoutOption(flushTimeout)
    )
  )
  const print = (lines: ReadonlyArray<string>): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (!room.isOpen()) return Effect.andThen(room.await, print(lines))
      count(lines, 1)
      Queue.offerAllUnsafe(queue, lines)
      return Effect.void
    })
  return { print, closed: Deferred.await(failure) }
})
