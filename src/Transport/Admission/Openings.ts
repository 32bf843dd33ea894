/**
 * Connections that are being opened below a node's own gate, by where they come from. When all places are taken, the
 * source that has most of them makes room, so that one that says nothing keeps out no others.
 */

/**
 * A connection that is being opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Opening {
  /** As `sourceOf` gives it. */
  readonly source: string
  /** Ends it to make room; undefined once it is no longer to be ended. */
  end: (() => void) | undefined
}

/**
 * Those of one listener.
 *
 * @category models
 * @since 0.1.0
 */
export class Openings {
  /** Oldest first. */
  readonly #openings = new Set<Opening>()

  get count(): number {
    return this.#openings.size
  }

  add(opening: Opening): void {
    this.#openings.add(opening)
  }

  delete(opening: Opening): void {
    this.#openings.delete(opening)
  }

  /** Ends the oldest one of the source that has most of them; `false` if there is none, or a newcomer's own would have as many. */
  makeRoom(newcomer: string): boolean {
    const counts = new Map<string, number>([[newcomer, 1]])
    for (const { source } of this.#openings) counts.set(source, (counts.get(source) ?? 0) + 1)
    let [most, mostCount] = [newcomer, counts.get(newcomer)!]
    for (const [source, count] of counts) {
      if (count > mostCount) [most, mostCount] = [source, count]
    }
    if (most === newcomer) return false
    for (const opening of this.#openings) {
      if (opening.source !== most || opening.end === undefined) continue
      this.#openings.delete(opening)
      opening.end()
      return true
    }
    return false
  }
}
