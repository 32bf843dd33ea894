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
  /** Of the memory that items keep as a whole, since none waited last. */
  sharedBytes: number
  /** What was counted of it last: items that come together share it. */
  sharedMemory: ArrayBufferLike | undefined
}

/** What tells how much memory it holds. */
export interface Sized<A> {
  /** Bytes of its own, with those of the objects that it consists of. */
  readonly heldBytes: number
  /** The memory that it is a small part of, and keeps as a whole; undefined when there is none. */
  readonly sharedMemory: ArrayBufferLike | undefined
  /** The same with memory of its own. */
  readonly copy: () => A
}

/** Events that may wait for a reader, as a rule. */
const maxUnreadEvents = 1024

/**
 * The part of `maxBytes` that items for one reader may keep beside it of memory which is not theirs. What is taken at
 * once is not worth a copy; but where a small message stands alone in a large chunk, it would keep all of that.
 */
const sharedPart = 1 / 8

/** What is never large. */
const weightless = { heldBytes: 0, sharedMemory: undefined }

export class Readers<A> {
  readonly #capacity: number
  readonly #maxBytes: number
  readonly #sizeOf: (item: A) => Omit<Sized<A>, "copy">
  readonly #copy: (item: A) => A
  /** Told of each lost message, with the number lost so far. */
  readonly #onLost: (lostCount: number) => void
  readonly #waiting = new Set<Waiting<A>>()
  #lostCount = 0
  #isOver = false

  private constructor(
    capacity: number,
    maxBytes: number,
    sizeOf: (item: A) => Omit<Sized<A>, "copy">,
    copy: (item: A) => A,
    onLost: (lostCount: number) => void
  ) {
    this.#capacity = capacity
    this.#maxBytes = maxBytes
    this.#sizeOf = sizeOf
    this.#copy = copy
    this.#onLost = onLost
  }

  /** Readers of what takes memory: who is that many behind, or bytes, loses the oldest. */
  static readonly ofMessages = <A extends Sized<A>>(
    capacity: number,
    maxBytes: number,
    onLost: (lostCount: number) => void
  ): Readers<A> => new Readers<A>(capacity, maxBytes, (item) => item, (item) => item.copy(), onLost)

  /** Readers of what happens; who is that many events behind loses the oldest. */
  static readonly ofEvents = <A>(capacity = maxUnreadEvents): Readers<A> =>
    new Readers<A>(capacity, Number.POSITIVE_INFINITY, () => weightless, (item) => item, () => {})

  get count(): number {
    return this.#waiting.size
  }

  /** Puts an item into each queue, in the place of the oldest ones where there is no room. */
  publish(item: A): void {
    let kept = item
    const bytes = this.#sizeOf(item).heldBytes
    for (const waiting of this.#waiting) {
      const { queue } = waiting
      let count = Queue.sizeUnsafe(queue)
      // A reader takes all that waits at once.
      if (count === 0) {
        waiting.bytes = 0
        waiting.sharedBytes = 0
        waiting.sharedMemory = undefined
      }
      while (count > 0 && (count >= this.#capacity || waiting.bytes + bytes > this.#maxBytes)) {
        const oldest = Queue.takeUnsafe(queue)
        count--
        if (oldest?._tag === "Success") waiting.bytes -= this.#sizeOf(oldest.value).heldBytes
        this.#onLost(++this.#lostCount)
      }
      waiting.bytes += bytes
      if (!this.#mayShare(waiting, this.#sizeOf(kept).sharedMemory)) kept = this.#copy(kept)
      Queue.offerUnsafe(queue, kept)
    }
  }

  /** Whether what waits may keep this memory as well. */
  #mayShare(waiting: Waiting<A>, memory: ArrayBufferLike | undefined): boolean {
    if (memory === undefined || memory === waiting.sharedMemory) return true
    const sharedBytes = waiting.sharedBytes + memory.byteLength
    if (waiting.sharedBytes > 0 && sharedBytes > this.#maxBytes * sharedPart) return false
    waiting.sharedBytes = sharedBytes
    waiting.sharedMemory = memory
    return true
  }

  /** What is published from now on, until the node stops or the scope closes; nothing once it has stopped. */
  readonly subscribe: Effect.Effect<Stream.Stream<A>, never, Scope.Scope> = Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() =>
        Effect.map(Queue.sliding<A, Cause.Done>(this.#capacity), (queue) => {
          const waiting: Waiting<A> = { queue, bytes: 0, sharedBytes: 0, sharedMemory: undefined }
          this.#waiting.add(waiting)
          if (this.#isOver) Queue.endUnsafe(queue)
          return waiting
        })
      ),
      (waiting) => Effect.andThen(Effect.sync(() => this.#waiting.delete(waiting)), Queue.shutdown(waiting.queue))
    ),
    ({ queue }) => Stream.fromQueue(queue)
  )

  /** The same from the moment the stream runs. */
  readonly stream: Stream.Stream<A> = Stream.unwrap(this.subscribe)

  /** Ends all streams behind what waits in them, and those that begin from now on at once. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.#isOver = true
    return Effect.forEach([...this.#waiting], ({ queue }) => Queue.end(queue), { discard: true })
  })
}
