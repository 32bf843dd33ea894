/** Calls to a node that has too many of this one in work, which is no reason to do without its answer. */
import * as Effect from "effect/Effect"
import type { CallError } from "../CallError.ts"
import { busy, type ChordNode } from "./ChordNode.ts"

/** A busy node is asked six times more, after twice as long each time: a second and a half in all. */
const firstWaitMillis = 25
const maxWaitMillis = 800

/** Who has too many calls of this node in work is asked again, a little later each time. */
export const patiently = <A>(
  node: ChordNode,
  call: Effect.Effect<A, CallError>,
  waitMillis = firstWaitMillis
): Effect.Effect<A, CallError> =>
  Effect.catch(
    call,
    (error) =>
      error.reason._tag === "Refused" && error.reason.tag === busy && waitMillis <= maxWaitMillis
        // Spread by half each way: those that were refused together would come together again.
        ? Effect.delay(
          Effect.suspend(() => patiently(node, call, 2 * waitMillis)),
          (0.5 + node.chance()) * waitMillis
        )
        : Effect.fail(error)
  )
