/**
 * Calls to a node that has too many of this one in work, or for which this one has no link free: no reason to do without
 * its answer.
 */
import * as Effect from "effect/Effect"
import type { CallError } from "../CallError.ts"
import { busy, type ChordNode, isShortage } from "./ChordNode.ts"

/** Either is asked six times more, after twice as long each time: a second and a half in all. */
const firstWaitMillis = 25
const maxWaitMillis = 800

/** Who is busy, or finds no link free, is asked again, a little later each time. `first`: where it was asked once. */
export const patiently = <A>(
  node: ChordNode,
  call: Effect.Effect<A, CallError>,
  first = call,
  waitMillis = firstWaitMillis
): Effect.Effect<A, CallError> =>
  Effect.catch(
    first,
    (error) =>
      isBusy(error) && waitMillis <= maxWaitMillis
        // Spread by half each way: those that were refused together would come together again.
        ? Effect.delay(
          Effect.suspend(() => patiently(node, call, call, 2 * waitMillis)),
          (0.5 + node.chance()) * waitMillis
        )
        : Effect.fail(error)
  )

const isBusy = ({ reason }: CallError): boolean =>
  (reason._tag === "Refused" && reason.tag === busy) || isShortage(reason)
