/** What happened in a simulated ring, line by line. A node has a link with the nodes next to it on the ring. */
import { type CommonTraceEvent, EventTrace } from "../EventTrace.ts"

/**
 * A line of a trace, but the first one and without its time, `at`; positions are hexadecimal.
 *
 * @category models
 * @since 0.1.0
 */
export type ChordTraceEvent =
  | CommonTraceEvent
  /** A node took its place in the ring. */
  | { readonly event: "join"; readonly node: string; readonly position: string }
  /**
   * A node found who answers for a position, `peer`, by way of those in `path`: for a read, a write or a lookup.
   * `number` counts them.
   */
  | {
    readonly event: "lookup"
    readonly node: string
    readonly peer: string
    readonly path: ReadonlyArray<string>
    readonly position: string
    readonly number: number
  }

/**
 * A recorder; synchronous.
 *
 * @category models
 * @since 0.1.0
 */
export class ChordTrace extends EventTrace<ChordTraceEvent> {
  #lookupCount = 0

  constructor(maxLines?: number) {
    super("effect-p2p/chord", maxLines)
  }

  /** The number of the next lookup, from 0. */
  nextLookup(): number {
    return this.#lookupCount++
  }
}
