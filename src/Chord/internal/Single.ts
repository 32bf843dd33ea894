/** Work that is done once at a time: who wants it meanwhile waits for its end, and may go without ending it. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { ChordServices } from "./ChordNode.ts"

export class Single {
  #end: Deferred.Deferred<void> | undefined

  get isRunning(): boolean {
    return this.#end !== undefined
  }

  /** `fork` starts the fiber of the work: it is nobody's who waits for it. */
  run(fork: ChordServices["run"], work: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#end !== undefined) return Deferred.await(this.#end)
      const end = Deferred.makeUnsafe<void>()
      this.#end = end
      fork(Effect.ensuring(
        work,
        Effect.sync(() => {
          this.#end = undefined
          Deferred.doneUnsafe(end, Effect.void)
        })
      ))
      return Deferred.await(end)
    })
  }
}
