/** The fibers of a node. `FiberSet` does as much, and tells of failures: more than a page should load for what it has no use for. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** Starts fibers that are interrupted when the scope closes; after that each is so from the start. */
export const supervise: Effect.Effect<
  (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const fibers = new Set<Fiber.Fiber<void>>()
  let isOver = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isOver = true
      return Fiber.interruptAll(fibers)
    })
  )
  return (effect) => {
    const fiber = fork(isOver ? Effect.interrupt : effect)
    fibers.add(fiber)
    fiber.addObserver(() => fibers.delete(fiber))
    return fiber
  }
})
