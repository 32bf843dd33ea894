/** Work that is done one after the other where it is for the same one, and at the same time where it is not. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

interface Turn {
  readonly semaphore: Semaphore.Semaphore
  /** Those that have the turn or wait for it; without any it is forgotten. */
  count: number
}

export class Turns {
  readonly #turns = new Map<string, Turn>()

  /** Does the work when all for the same `name` that came before has ended. */
  take<A, E>(name: string, work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const turn = this.#turns.get(name) ?? { semaphore: Semaphore.makeUnsafe(1), count: 0 }
      turn.count++
      this.#turns.set(name, turn)
      return Effect.ensuring(
        turn.semaphore.withPermit(work),
        Effect.sync(() => {
          if (--turn.count === 0) this.#turns.delete(name)
        })
      )
    })
  }
}
