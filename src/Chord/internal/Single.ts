/** Work that is done once at a time: who wants it meanwhile waits for its end. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

export class Single {
  #end: Deferred.Deferred<void> | undefined

  get isRunning(): boolean {
    return this.#end !== undefined
  }

  run(work: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#end !== undefined) return Deferred.await(this.#end)
      const end = Deferred.makeUnsafe<void>()
      this.#end = end
      return Effect.ensuring(
        work,
        Effect.sync(() => {
          this.#end = undefined
          Deferred.doneUnsafe(end, Effect.void)
        })
      )
    })
  }
}
