/**
 * Which blocks of `src` ran, from V8's own precise coverage in this process: the feedback of the fuzzer.
 * It takes about a millisecond to ask, so it is asked once for several inputs.
 */
import { Session } from "node:inspector"

interface CoverageRange {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

interface TakenCoverage {
  readonly result: ReadonlyArray<{
    readonly url: string
    readonly functions: ReadonlyArray<{ readonly ranges: ReadonlyArray<CoverageRange> }>
  }>
}

export class Coverage {
  readonly #session = new Session()
  readonly #seen = new Set<string>()

  constructor() {
    this.#session.connect()
    this.#session.post("Profiler.enable")
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
    this.#take()
  }

  get blockCount(): number {
    return this.#seen.size
  }

  /** How many blocks ran since the last time that had never run before. */
  news(): number {
    const before = this.#seen.size
    for (const { functions, url } of this.#take()) {
      if (!url.includes("/src/") || url.includes("node_modules")) continue
      for (const { ranges } of functions) {
        for (const { count, endOffset, startOffset } of ranges) {
          // How often, roughly: a loop that runs more often is news as well.
          if (count > 0) {
            this.#seen.add(`${url} ${startOffset} ${endOffset} ${Math.min(8, Math.floor(Math.log2(count)))}`)
          }
        }
      }
    }
    return this.#seen.size - before
  }

  stop(): void {
    this.#session.post("Profiler.stopPreciseCoverage")
    this.#session.disconnect()
  }

  /** In the session of one's own thread the answer comes at once. */
  #take(): TakenCoverage["result"] {
    let taken: TakenCoverage["result"] = []
    this.#session.post(
      "Profiler.takePreciseCoverage",
      (_error: unknown, answer: TakenCoverage) => taken = answer.result
    )
    return taken
  }
}
