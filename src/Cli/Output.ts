/**
 * Standard output. A write is done when the system took the bytes, so that whoever reads slowly
 * slows the program down, and a program that ends has written everything.
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/**
 * Nobody reads standard output any more.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputClosed extends Schema.TaggedError<OutputClosed>()("OutputClosed", { cause: Schema.Defect() }) {
  override get message(): string {
    return "standard output was closed by the program that read it; stopped"
  }
}

/**
 * Writes a text, and waits until the system took it.
 *
 * @category output
 * @since 0.1.0
 */
export const write = (text: string): Effect.Effect<void, OutputClosed> =>
  Effect.callback((resume) => {
    process.stdout.write(
      text,
      (cause) => resume(cause instanceof Error ? Effect.fail(new OutputClosed({ cause })) : Effect.void)
    )
  })

/**
 * Lines from several fibers, written in the order in which they were printed.
 *
 * @category models
 * @since 0.1.0
 */
export interface LineWriter {
  /** Takes lines; waits while `maxWaitingLines` are not written yet. */
  readonly print: (lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Fails when writing does; never succeeds. */
  readonly closed: Effect.Effect<never, OutputClosed>
}

/** Lines that may wait for whoever reads the output. */
const maxWaitingLines = 1024

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
  writeText: (text: string) => Effect.Effect<void, OutputClosed> = write
): Effect.fn.Return<LineWriter, never, Scope.Scope> {
  const queue = yield* Queue.bounded<string, Cause.Done>(maxWaitingLines)
  const failure = yield* Deferred.make<never, OutputClosed>()
  const fiber = yield* Queue.takeAll(queue).pipe(
    Effect.flatMap((lines) => writeText(`${lines.join("\n")}\n`)),
    Effect.forever,
    Effect.catchTag("OutputClosed", (error) => Deferred.fail(failure, error)),
    Effect.exit,
    Effect.forkScoped
  )
  yield* Effect.addFinalizer(() =>
    Queue.end(queue).pipe(
      Effect.andThen(Fiber.await(fiber)),
      Effect.timeoutOption(flushTimeout)
    )
  )
  return { print: (lines) => Queue.offerAll(queue, lines), closed: Deferred.await(failure) }
})
