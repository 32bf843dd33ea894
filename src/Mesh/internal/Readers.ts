/**
 * The application's readers of a kind of message: each has a queue of its own, bounded, and a slow
 * reader loses its oldest messages rather than holding up the node.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

export class Readers<A> {
  readonly #capacity: number
  /** Told of each lost message, with the number lost so far. */
  readonly #onLost: (lostCount: number) => void
  readonly #queues = new Set<Queue.Queue<A, Cause.Done>>()
  #lostCount = 0

  constructor(capacity: number, onLost: (lostCount: number) => void) {
    this.#capacity = capacity
    this.#onLost = onLost
  }

  get count(): number {
    return this.#queues.size
  }

  publish(item: A): void {
    for (const queue of this.#queues) {
      if (Queue.sizeUnsafe(queue) >= this.#capacity) this.#onLost(++this.#lostCount)
      Queue.offerUnsafe(queue, item)
    }
  }

  /** What is published from the moment the stream runs, until the node stops. */
  readonly stream: Stream.Stream<A> = Stream.unwrap(Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() =>
        Effect.map(Queue.sliding<A, Cause.Done>(this.#capacity), (queue) => {
          this.#queues.add(queue)
          return queue
        })
      ),
      (queue) => Effect.andThen(Effect.sync(() => this.#queues.delete(queue)), Queue.shutdown(queue))
    ),
    Stream.fromQueue
  ))

  /** Ends all streams behind what waits in them. */
  readonly end: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach([...this.#queues], Queue.end, { discard: true })
  )
}
