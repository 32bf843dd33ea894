/** How far a run is, in one line of a terminal, on standard error. */

/**
 * A bar of 25 characters and the percentage; nothing where `isShown` is false.
 *
 * @category models
 * @since 0.1.0
 */
export class ProgressBar {
  readonly #isShown: boolean
  #percent = -1

  constructor(isShown: boolean) {
    this.#isShown = isShown
  }

  /** `fraction`: 0 to 1. Writes only when the percentage has changed. */
  show(fraction: number): void {
    const percent = Math.floor(100 * fraction)
    if (!this.#isShown || percent === this.#percent) return
    this.#percent = percent
    const done = Math.floor(percent / 4)
    process.stderr.write(`\r${"█".repeat(done)}${"░".repeat(25 - done)} ${percent} %`)
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#isShown) process.stderr.write("\r\u001b[K")
  }
}
