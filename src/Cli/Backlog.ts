/**
 * How far the printing of messages has come. The mesh tells of messages and of events in two
 * streams; with this, the end of a peer is told behind what that peer said.
 */
import * as Effect from "effect/Effect"

/**
 * Counts messages, and lets others wait for a count.
 *
 * @category models
 * @since 0.1.0
 */
export class Backlog {
  #count = 0
  readonly #waiting = new Set<{ readonly count: number; readonly resume: () => void }>()

  /** One more message was dealt with. */
  add(): void {
    this.#count++
    for (const waiter of this.#waiting) {
      if (waiter.count > this.#count) continue
      this.#waiting.delete(waiter)
      waiter.resume()
    }
  }

  /** Waits until so many messages were dealt with. */
  reached(count: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (count <= this.#count) return resume(Effect.void)
      const waiter = { count, resume: () => resume(Effect.void) }
      this.#waiting.add(waiter)
      return Effect.sync(() => this.#waiting.delete(waiter))
    })
  }
}
