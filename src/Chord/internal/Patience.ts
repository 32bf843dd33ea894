/**
 * Calls to a node that has too many of this one in work, or for which this one has no link free: no reason to do without
 * its answer.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CallError } from "../CallError.ts"
import type { StorageError } from "../ChordStorage.ts"
import type { ChordNode } from "./ChordNode.ts"
import { busy, isShortage } from "./Refusal.ts"
import { exitOf, type Start, toEffect } from "./Start.ts"

/** Either is asked six times more, after twice as long each time: a second and a half in all. */
const firstWaitMillis = 25
const maxWaitMillis = 800

/** Who is busy, or finds no link free, is asked again, a little later each time. */
export const patiently = <A>(node: ChordNode, call: Effect.Effect<A, CallError>): Effect.Effect<A, CallError> =>
  again(node, call, firstWaitMillis)

/** The same for whoever needs no fiber. */
export const startPatiently = <A>(node: ChordNode, call: Start<A, CallError>): Start<A, CallError> => (settle) =>
  call((answer) => {
    const exit = exitOf(answer)
    const isAnswered = exit !== undefined && Exit.isSuccess(exit)
    settle(isAnswered ? exit : again(node, toEffect(call), firstWaitMillis, answer))
  })

/** `last`: what came of asking it last. */
const again = <A>(
  node: ChordNode,
  call: Effect.Effect<A, CallError>,
  waitMillis: number,
  last = call
): Effect.Effect<A, CallError> =>
  Effect.catch(
    last,
    (error) =>
      isBusy(error) && waitMillis <= maxWaitMillis
        // Spread by half each way: those that were refused together would come together again.
        ? Effect.delay(
          Effect.suspend(() => again(node, call, 2 * waitMillis)),
          (0.5 + node.chance()) * waitMillis
        )
        : Effect.fail(error)
  )

/** Whether a call was refused for want of room alone, at either end. */
export const isBusy = (error: CallError | StorageError): boolean =>
  error._tag === "CallError" &&
  (isShortage(error.reason) || (error.reason._tag === "Refused" && error.reason.tag === busy))
