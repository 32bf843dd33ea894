/** Work that is done one after the other where it is for the same one, and at the same time where it is not. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

interface Turn<Shared> {
  readonly semaphore: Semaphore.Semaphore
  /** Those that have the turn or wait for it; without any it is forgotten. */
  count: number
  /** What was in the way of the last one for which that was in the way of all. */
  failure: { readonly error: Shared } | undefined
}

export class Turns<Shared = never> {
  readonly #turns = new Map<string, Turn<Shared>>()
  readonly #isForAll: ((error: unknown) => error is Shared) | undefined

  /**
   * `isForAll`: whether those who wait would fail alike. They do so at once, or each would wait for what all before it
   * waited for. Without it nobody fails for another one.
   */
  constructor(isForAll?: (error: unknown) => error is Shared) {
    this.#isForAll = isForAll
  }

  /** Does the work when all for the same `name` that came before has ended. */
  take<A, E>(name: string, work: Effect.Effect<A, E>): Effect.Effect<A, E | Shared> {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const turn = this.#turns.get(name) ?? { semaphore: Semaphore.makeUnsafe(1), count: 0, failure: undefined }
        turn.count++
        this.#turns.set(name, turn)
        return turn
      }),
      (turn) => {
        const before = turn.failure
        return turn.semaphore.withPermit(Effect.suspend((): Effect.Effect<A, E | Shared> => {
          const { failure } = turn
          return failure === undefined || failure === before ? this.#try(turn, work) : Effect.fail(failure.error)
        }))
      },
      (turn) => Effect.sync(() => --turn.count === 0 && this.#turns.delete(name))
    )
  }

  #try<A, E>(turn: Turn<Shared>, work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const isForAll = this.#isForAll
    if (isForAll === undefined) return work
    return Effect.tapError(work, (error) =>
      Effect.sync(() => {
        if (isForAll(error)) turn.failure = { error }
      }))
  }
}
