/**
 * The application's readers of a kind of message: each has a queue of its own, bounded, and a slow
 * reader loses its oldest messages rather than holding up the node.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** What waits for one reader. */
interface Waiting<A> {
  readonly queue: Queue.Queue<A, Cause.Done>
  bytes: number
}

/** What tells how much memory it holds, in bytes. */
export interface Sized {
  readonly bodyBytes: number
}

/** Events that may wait for a reader. */
const maxUnreadEvents = 1024

export class Readers<A> {
  readonly #capacity: number
  readonly #maxBytes: number
  readonly #bytesOf: (item: A) => number
  /** Told of each lost message, with the number lost so far. */
  readonly #onLost: (lostCount: number) => void
  readonly #waiting = new Set<Waiting<A>>()
  #lostCount = 0

  /** `bytesOf` tells how much memory an item holds. */
  constructor(capacity: number, maxBytes: number, bytesOf: (item: A) => number, onLost: (lostCount: number) => void) {
    this.#capacity = capacity
    this.#maxBytes = maxBytes
    this.#bytesOf = bytesOf
    this.#onLost = onLost
  }

  /** Readers of what happens; who is 1024 events behind loses the oldest. */
  static readonly ofEvents = <A>(): Readers<A> =>
    new Readers(maxUnreadEvents, Number.POSITIVE_INFINITY, () => 0, () => {})

  get count(): number {
    return this.#waiting.size
  }

  /** Puts an item into each queue, in the place of the oldest ones where there is no room. */
  publish(item: A): void {
    const bytes = this.#bytesOf(item)
    for (const waiting of this.#waiting) {
      const { queue } = waiting
      let count = Queue.sizeUnsafe(queue)
      // A reader takes all that waits at once.
      if (count === 0) waiting.bytes = 0
      while (count > 0 && (count >= this.#capacity || waiting.bytes + bytes > this.#maxBytes)) {
        const oldest = Queue.takeUnsafe(queue)
        count--
        if (oldest?._tag === "Success") waiting.bytes -= this.#bytesOf(oldest.value)
        this.#onLost(++this.#lostCount)
      }
      waiting.bytes += bytes
      Queue.offerUnsafe(queue, item)
    }
  }

  /** What is published from now on, until the node stops or the scope closes. */
  readonly subscribe: Effect.Effect<Stream.Stream<A>, never, Scope.Scope> = Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() =>
        Effect.map(Queue.sliding<A, Cause.Done>(this.#capacity), (queue) => {
          const waiting: Waiting<A> = { queue, bytes: 0 }
          this.#waiting.add(waiting)
          return waiting
        })
      ),
      (waiting) => Effect.andThen(Effect.sync(() => this.#waiting.delete(waiting)), Queue.shutdown(waiting.queue))
    ),
    ({ queue }) => Stream.fromQueue(queue)
  )

  /** The same from the moment the stream runs. */
  readonly stream: Stream.Stream<A> = Stream.unwrap(this.subscribe)

  /** Ends all streams behind what waits in them. */
  readonly end: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach([...this.#waiting], ({ queue }) => Queue.end(queue), { discard: true })
  )
}
