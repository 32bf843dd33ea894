/** Work that is done one after the other where it is for the same one, and at the same time where it is not. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

interface Turn<E> {
  readonly semaphore: Semaphore.Semaphore
  /** Those that have the turn or wait for it; without any it is forgotten. */
  count: number
  /** What was in the way of the last one for which that was in the way of all. */
  failure: { readonly error: E } | undefined
}

export class Turns<E> {
  readonly #turns = new Map<string, Turn<E>>()
  readonly #isForAll: (error: E) => boolean

  /** `isForAll`: whether those who wait would fail alike. They do so at once, or each would wait for what all before it waited for. */
  constructor(isForAll: (error: E) => boolean) {
    this.#isForAll = isForAll
  }

  /** Does the work when all for the same `name` that came before has ended. */
  take<A>(name: string, work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const turn = this.#turns.get(name) ?? { semaphore: Semaphore.makeUnsafe(1), count: 0, failure: undefined }
      turn.count++
      this.#turns.set(name, turn)
      const before = turn.failure
      const next = Effect.suspend(() => {
        const { failure } = turn
        return failure === undefined || failure === before ? this.#try(turn, work) : Effect.fail(failure.error)
      })
      return Effect.ensuring(
        turn.semaphore.withPermit(next),
        Effect.sync(() => {
          if (--turn.count === 0) this.#turns.delete(name)
        })
      )
    })
  }

  #try<A>(turn: Turn<E>, work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.tapError(work, (error) =>
      Effect.sync(() => {
        if (this.#isForAll(error)) turn.failure = { error }
      }))
  }
}
