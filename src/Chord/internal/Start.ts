/**
 * Work whose outcome comes by a callback: what is told by a message, as nearly all is, costs no fiber. A get asks three
 * nodes, and a fiber for each of them took longer than all the rest of it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

/** Calls off what was started. */
export type Cancel = () => void

/**
 * Starts something, and tells once what came of it: an `Exit`, or an Effect that is still to be run for one. It may do
 * so before it returns. Nothing is told once it is called off.
 */
export type Start<A, E> = (settle: (outcome: Effect.Effect<A, E>) => void) => Cancel | void

/** The same as an Effect. */
export const toEffect = <A, E>(start: Start<A, E>): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const cancel = start(resume)
    return cancel ? Effect.sync(cancel) : undefined
  })

/** What came of it, where nothing has to be run for that. */
export const exitOf = <A, E>(outcome: Effect.Effect<A, E>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(outcome) ? outcome as Exit.Exit<A, E> : undefined

/** Starts something and follows it to its end, in a fiber made by `run` where it has to be waited for. */
export const follow = <A, E>(
  start: Start<A, E>,
  run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
  onExit: (exit: Exit.Exit<A, E>) => void
): Cancel => {
  let fiber: Fiber.Fiber<void> | undefined
  let isOver = false
  const end = (exit: Exit.Exit<A, E>): void => {
    if (isOver) return
    isOver = true
    onExit(exit)
  }
  const cancel = start((outcome) => {
    const exit = exitOf(outcome)
    if (exit !== undefined) return end(exit)
    fiber = run(Effect.map(Effect.exit(outcome), end))
    // Where whoever runs it has ended, nobody else tells.
    fiber.addObserver((exit) => Exit.isFailure(exit) ? end(Exit.failCause(exit.cause)) : undefined)
  })
  return () => {
    isOver = true
    cancel?.()
    fiber?.interruptUnsafe()
  }
}

/** Starts all of them, and waits for the ends of all. */
export const followAll = <A, E>(
  starts: ReadonlyArray<Start<A, E>>,
  run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
  onExit: (exit: Exit.Exit<A, E>, index: number) => void
): Effect.Effect<void> =>
  starts.length === 0 ? Effect.void : Effect.callback((resume) => {
    let openCount = starts.length
    const cancels = starts.map((start, index) =>
      follow(start, run, (exit) => {
        onExit(exit, index)
        if (--openCount === 0) resume(Effect.void)
      })
    )
    return Effect.sync(() => cancels.forEach((cancel) => cancel()))
  })
