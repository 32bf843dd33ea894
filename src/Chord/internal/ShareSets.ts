/**
 * The records of arcs of this node's share, as two nodes compare them. Those that others ask for are made in turns and
 * kept for the questions that follow, since one takes a quarter of a second where the share is full.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { ChordStorage } from "../ChordStorage.ts"
import type { KeyPlacement } from "../KeyPlacement.ts"
import type { Record } from "../Record.ts"
import { RecordSet } from "../RecordSet.ts"

interface Share {
  readonly storage: ChordStorage["Service"]
  readonly placement: KeyPlacement
}

interface Kept {
  readonly set: RecordSet
  /** Of the share, when it was made. */
  readonly changeCount: number
  readonly madeMillis: number
}

/** Past it, the one made longest ago goes. */
const maxKept = 8
/** How long the questions of one comparison may take that are answered from the same set. */
const keptMillis = 10_000
/** Making sets rests so many times as long as the last one took: who asks for many arcs takes a fifth of the processor. */
const restFactor = 4
/** Records that are digested at a stretch, which takes some milliseconds. */
const stretch = 512

export class ShareSets {
  readonly #share: Share
  readonly #nowMillis: () => number
  readonly #kept = new Map<string, Kept>()
  readonly #turn = Semaphore.makeUnsafe(1)
  /** Who waits for a set: each for one at a time. */
  readonly #waiting = new Set<string>()
  #restUntilMillis = Number.NEGATIVE_INFINITY

  /** `nowMillis` only grows. */
  constructor(share: Share, nowMillis: () => number) {
    this.#share = share
    this.#nowMillis = nowMillis
  }

  /** The records behind `from` up to `to`; where both are the same that is all of them. */
  make(from: bigint, to: bigint): Effect.Effect<RecordSet> {
    return Effect.suspend(() => {
      const { placement, storage } = this.#share
      const records = from === to ? [...storage.records()] : storage.range({ placement, from, to })
      return Effect.as(digestAll(placement, records), new RecordSet(records, placement))
    })
  }

  /**
   * The same for another node. What it asks `first` is answered from a set that has all that is here by then, further
   * questions from the same one. Undefined while the asker waits for another one already.
   */
  forOther(asker: string, from: bigint, to: bigint, isFirst: boolean): Effect.Effect<RecordSet | undefined> {
    return Effect.suspend(() => {
      const key = `${from} ${to}`
      const kept = this.#kept.get(key)
      if (kept !== undefined && this.#isGood(kept, isFirst)) return Effect.succeed(kept.set)
      if (this.#waiting.has(asker)) return Effect.undefined
      this.#waiting.add(asker)
      return Effect.ensuring(
        this.#turn.withPermit(this.#makeKept(key, from, to, isFirst)),
        Effect.sync(() => this.#waiting.delete(asker))
      )
    })
  }

  #isGood({ changeCount, madeMillis }: Kept, isFirst: boolean): boolean {
    return changeCount === this.#share.storage.changeCount() ||
      (!isFirst && this.#nowMillis() - madeMillis <= keptMillis)
  }

  #makeKept(key: string, from: bigint, to: bigint, isFirst: boolean): Effect.Effect<RecordSet> {
    return Effect.suspend(() => {
      // Made for another one meanwhile.
      const kept = this.#kept.get(key)
      if (kept !== undefined && this.#isGood(kept, isFirst)) return Effect.succeed(kept.set)
      const waitMillis = this.#restUntilMillis - this.#nowMillis()
      if (waitMillis > 0) return Effect.delay(this.#makeKept(key, from, to, isFirst), waitMillis)
      const madeMillis = this.#nowMillis()
      const changeCount = this.#share.storage.changeCount()
      return Effect.map(this.make(from, to), (set) => {
        this.#restUntilMillis = this.#nowMillis() + restFactor * (this.#nowMillis() - madeMillis)
        this.#kept.delete(key)
        this.#kept.set(key, { set, changeCount, madeMillis })
        if (this.#kept.size > maxKept) this.#kept.delete(this.#kept.keys().next().value!)
        return set
      })
    })
  }
}

/** Digests records that have not been digested yet, and lets others go on between stretches. */
export const digestAll = (
  placement: KeyPlacement,
  records: ReadonlyArray<Record>,
  start = 0
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const end = Math.min(records.length, start + stretch)
    for (let index = start; index < end; index++) {
      records[index]!.place(placement)
      records[index]!.fingerprint(placement.hashing)
    }
    return end === records.length
      ? Effect.void
      : Effect.andThen(Effect.yieldNow, digestAll(placement, records, end))
  })
