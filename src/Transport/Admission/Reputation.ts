/**
 * What sources of connections have done wrong lately: a score that grows with each offense and halves
 * every ten minutes. It decides who makes room first when a limit is reached, and whom the node bans.
 * Plain and synchronous: time is an argument.
 */

import { setLatest } from "../Latest.ts"

/** After so long an offense counts half, in milliseconds. */
const halfLifeMillis = 600_000
/** Sources remembered; past it the one that offended longest ago is forgotten. */
const maxSources = 4096
/** A source that was banned is banned twice as long each time, up to 2 to the power of this. */
const maxDoublings = 7

interface Standing {
  score: number
  atMillis: number
  banCount: number
}

/**
 * The scores of sources.
 *
 * @category models
 * @since 0.1.0
 */
export class Reputation {
  readonly #sources = new Map<string, Standing>()

  get count(): number {
    return this.#sources.size
  }

  /** 0 for whoever has done nothing wrong; the higher, the worse. */
  scoreOf(source: string, nowMillis: number): number {
    const standing = this.#sources.get(source)
    return standing === undefined ? 0 : faded(standing, nowMillis)
  }

  /** Adds an offense; gives the score after it. */
  offend(source: string, points: number, nowMillis: number): number {
    const known = this.#sources.get(source)
    const standing = known ?? { score: 0, atMillis: nowMillis, banCount: 0 }
    standing.score = faded(standing, nowMillis) + points
    standing.atMillis = nowMillis
    setLatest(this.#sources, source, standing, maxSources)
    return standing.score
  }

  /** The source is banned: its score begins anew. Gives by what its ban is longer than the first one. */
  banned(source: string): number {
    const standing = this.#sources.get(source)
    if (standing === undefined) return 1
    standing.score = 0
    return 2 ** Math.min(maxDoublings, standing.banCount++)
  }

  /** What a source has done is forgotten. */
  forgive(source: string): void {
    this.#sources.delete(source)
  }
}

const faded = ({ atMillis, score }: Standing, nowMillis: number): number =>
  score * 2 ** (-(nowMillis - atMillis) / halfLifeMillis)
