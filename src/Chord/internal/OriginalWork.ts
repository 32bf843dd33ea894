/**
 * What original nodes asked for and this node is about to do, in the order in which it came: so many
 * at a time, so many that wait, and of one place one after the other. An original stores a value and
 * asks for it in one breath, and waits for ever for an answer that did not find it.
 */
import * as Effect from "effect/Effect"

/** Done at the same time. */
const concurrency = 32

interface Job {
  readonly name: string
  readonly work: Effect.Effect<void>
}

export class OriginalWork {
  readonly #run: (effect: Effect.Effect<void>) => unknown
  readonly #maxJobs: number
  readonly #running = new Set<string>()
  readonly #waiting: Array<Job> = []
  #isStarting = false

  /** `maxJobs`: those that run and that wait. */
  constructor(run: (effect: Effect.Effect<void>) => unknown, maxJobs: number) {
    this.#run = run
    this.#maxJobs = maxJobs
  }

  get count(): number {
    return this.#running.size + this.#waiting.length
  }

  /** Takes work on that concerns what has this name; `false` when there is too much of it already. */
  offer(name: string, work: Effect.Effect<void>): boolean {
    if (this.count >= this.#maxJobs) return false
    this.#waiting.push({ name, work })
    this.#start()
    return true
  }

  /** Work may be over at once: it is followed by the loop that began it, for a row of such would be deeper than the stack. */
  #start(): void {
    if (this.#isStarting) return
    this.#isStarting = true
    for (let job = this.#next(); job !== undefined; job = this.#next()) {
      this.#running.add(job.name)
      this.#run(Effect.ensuring(
        job.work,
        Effect.sync(() => {
          this.#running.delete(job.name)
          this.#start()
        })
      ))
    }
    this.#isStarting = false
  }

  /** Takes what is to be started now. */
  #next(): Job | undefined {
    if (this.#running.size >= concurrency) return undefined
    const index = this.#waiting.findIndex(({ name }) => !this.#running.has(name))
    return index === -1 ? undefined : this.#waiting.splice(index, 1)[0]
  }
}
