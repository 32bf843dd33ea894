/**
 * Who is told of changes: readers of all of them, and those who watch a key. Each has a queue of its own, so that one that
 * is slow costs the others nothing, and, since it loses the oldest, gets the last change of what it reads.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Readers } from "../../Transport/Readers.ts"
import type { SyncEntry } from "../SyncState.ts"

/** Changes of a key that may wait for whoever watches it: few, for those that come late are old. */
const maxUnseen = 16

export class Changes {
  readonly #all = Readers.ofEvents<SyncEntry>()
  /** Those who watch a key, forgotten when nobody does any more. */
  readonly #watched = new Map<string, { readonly readers: Readers<SyncEntry>; count: number }>()
  #isOver = false

  publish(entry: SyncEntry): void {
    this.#all.publish(entry)
    this.#watched.get(entry.key)?.readers.publish(entry)
  }

  /** All changes from the moment the stream runs. */
  readonly stream: Stream.Stream<SyncEntry> = this.#all.stream

  /** The changes of a key from the moment the stream runs, behind what is there by then. */
  watch(key: string, now: () => SyncEntry | undefined): Stream.Stream<SyncEntry | undefined> {
    const watched = Effect.acquireRelease(
      Effect.sync(() => {
        const known = this.#watched.get(key) ?? { readers: Readers.ofEvents<SyncEntry>(maxUnseen), count: 0 }
        known.count++
        this.#watched.set(key, known)
        return known
      }),
      (known) => Effect.sync(() => --known.count === 0 && this.#watched.delete(key))
    )
    return Stream.unwrap(Effect.map(
      Effect.flatMap(
        watched,
        ({ readers }) => Effect.andThen(this.#isOver ? readers.end : Effect.void, readers.subscribe)
      ),
      (changes) => Stream.concat(Stream.sync(now), changes)
    ))
  }

  /** Ends all streams behind what waits in them, and those to come. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.#isOver = true
    return Effect.forEach(
      [this.#all, ...Array.from(this.#watched.values(), ({ readers }) => readers)],
      (readers) => readers.end,
      { discard: true }
    )
  })
}
