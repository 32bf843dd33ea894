/**
 * Peers that take less than they are sent. One that is stuck is told from one that takes what the line to it carries,
 * however much more is sent: to end such links would be to cut a network that is flooded into pieces.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Outbox } from "./Outbox.ts"

/** A peer that takes this part of its queue's capacity in `slowTimeout` is not stuck. */
const leastPart = 1 / 8
/** After a stall of this node, what the peer took meanwhile is heard of first, in milliseconds. */
const graceMillis = 50

/**
 * Whether a queue has room within a time, waiting for it.
 *
 * @category waiting
 * @since 0.1.0
 */
export const hasRoomWithin = (outbox: Outbox, wait: Duration.Input): Effect.Effect<boolean> =>
  Effect.map(Effect.timeoutOption(outbox.room.await, wait), Option.isSome)

/**
 * Waits until a queue has room again; `false` when its peer takes next to nothing for `slowTimeout`.
 *
 * @category waiting
 * @since 0.1.0
 */
export const catchesUp = (outbox: Outbox, slowTimeout: Duration.Input): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    while (true) {
      const { writtenBytes } = outbox
      if ((yield* hasRoomWithin(outbox, slowTimeout)) || (yield* hasRoomWithin(outbox, graceMillis))) return true
      if (outbox.writtenBytes - writtenBytes < outbox.capacityBytes * leastPart) return false
    }
  })

/**
 * Waits until little is queued; `false` when the link ends before, or its peer takes nothing for so long.
 *
 * @category waiting
 * @since 0.1.0
 */
export const becomesQuiet = (outbox: Outbox, wait: Duration.Input): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    // As a rule, and no time limit is needed then.
    if (outbox.isQuiet) return !outbox.isClosed
    while (true) {
      const { writtenBytes } = outbox
      if (Option.isSome(yield* Effect.timeoutOption(outbox.quiet, wait))) return !outbox.isClosed
      if (outbox.writtenBytes === writtenBytes) return false
    }
  })
