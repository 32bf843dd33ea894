/**
 * Whether the other side of a comparison goes on with it. Each answer may come in time and still bring next to nothing, so
 * that the whole takes days: whoever waits for it would do nothing else meanwhile.
 */

/** Until then nothing is expected. */
const graceMillis = 60_000

/** What is brought and taken has to be so much from then on, on the average. */
const bytesPerMilli = 65.536

export class Pace {
  readonly #startMillis: number
  #bytes = 0

  /** Times are of a clock that only grows. */
  constructor(nowMillis: number) {
    this.#startMillis = nowMillis
  }

  /** Counts bytes that were of use; gives since when it is under way where it goes on too slowly. */
  advance(bytes: number, nowMillis: number): number | undefined {
    this.#bytes += bytes
    const elapsedMillis = nowMillis - this.#startMillis
    return elapsedMillis > graceMillis + this.#bytes / bytesPerMilli ? elapsedMillis : undefined
  }
}
