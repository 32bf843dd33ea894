/** How far a run is, in one line of a terminal, on standard error. */

const maxWidth = 25

/**
 * A bar of 25 characters, fewer on a narrow terminal, and the percentage; nothing where `isShown` is false.
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
    // What went past the end of the line could not be taken back.
    const width = Math.max(0, Math.min(maxWidth, (process.stderr.columns || 80) - "_100_%_".length))
    const done = Math.floor(percent * width / 100)
    process.stderr.write(`\r${"█".repeat(done)}${"░".repeat(width - done)} ${percent} %`)
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#isShown) process.stderr.write("\r\u001b[K")
  }
}
