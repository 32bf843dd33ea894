/** Failures that people were told, so that each is told once. */

/** Failures remembered; past it all are forgotten. */
const maxFailures = 1000

/**
 * The memory of one display.
 *
 * @category models
 * @since 0.1.0
 */
export class Failures {
  readonly #told = new Set<string>()

  /** Whether it was not told yet: now it is. */
  isNews(failure: string): boolean {
    if (this.#told.has(failure)) return false
    if (this.#told.size >= maxFailures) this.#told.clear()
    this.#told.add(failure)
    return true
  }

  /** It is over: the next one of its kind is news. */
  forget(failure: string): void {
    this.#told.delete(failure)
  }
}
