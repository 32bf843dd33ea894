/**
 * Whether messages wait to be printed. The mesh tells of messages and of events in two streams;
 * with this, the end of a peer is told behind what that peer said.
 */
import * as Effect from "effect/Effect"

/** A network that never stops talking must not keep the end of a peer back. */
const maxWait = "2 seconds"

/**
 * Tells others when all messages that came are dealt with.
 *
 * @category models
 * @since 0.1.0
 */
export class Backlog {
  #isBusy = false
  readonly #waiting = new Set<() => void>()

  /** Runs the handling of messages that came together. */
  handle<E, R>(handling: Effect.Effect<void, E, R>): Effect.Effect<void, E, R> {
    return Effect.suspend(() => {
      this.#isBusy = true
      return Effect.tap(handling, () => Effect.sync(() => this.#rest()))
    })
  }

  /** Waits, for two seconds at most, until no message waits that came before. */
  readonly settled: Effect.Effect<void> = Effect.suspend(() => this.#rested()).pipe(
    // The next messages, if there are any, are taken up at once.
    Effect.andThen(Effect.yieldNow),
    Effect.repeat({ while: () => this.#isBusy }),
    Effect.timeoutOption(maxWait),
    Effect.asVoid
  )

  #rested(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (!this.#isBusy) return resume(Effect.void)
      const waiter = () => resume(Effect.void)
      this.#waiting.add(waiter)
      return Effect.sync(() => this.#waiting.delete(waiter))
    })
  }

  #rest(): void {
    this.#isBusy = false
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const waiter of waiting) waiter()
  }
}
