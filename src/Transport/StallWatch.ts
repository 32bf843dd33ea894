/**
 * Notices when this node itself was stalled, in a loop that looks after its peers: what they sent meanwhile is not
 * read yet, so that nobody is judged by that time.
 */
import * as Effect from "effect/Effect"

/** A node whose own clock rings so late was stalled itself, in milliseconds. */
const stallMillis = 2000

/**
 * The sleep of such a loop.
 *
 * @category models
 * @since 0.1.0
 */
export class StallWatch {
  readonly #nowMillis: () => number
  /** Since when this node has not been stalled, in milliseconds of its clock that only grows. */
  awakeMillis = Number.NEGATIVE_INFINITY

  constructor(nowMillis: () => number) {
    this.#nowMillis = nowMillis
  }

  /** Sleeps, and gives the time after it. */
  sleep(millis: number): Effect.Effect<number> {
    return Effect.suspend(() => {
      const dueMillis = this.#nowMillis() + millis
      return Effect.map(Effect.sleep(millis), () => {
        const now = this.#nowMillis()
        if (now - dueMillis > stallMillis) this.awakeMillis = now
        return now
      })
    })
  }
}
