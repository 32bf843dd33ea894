/** What happened in a simulated mesh, line by line. */
import { type CommonTraceEvent, EventTrace } from "../EventTrace.ts"

/**
 * A line of a trace, but the first one and without its time, `at`.
 *
 * @category models
 * @since 0.1.0
 */
export type MeshTraceEvent =
  | CommonTraceEvent
  /** A node broadcast something; `number` counts the broadcasts of the run. */
  | { readonly event: "broadcast"; readonly node: string; readonly number: number }
  /** Its user got it, by way of that peer. */
  | { readonly event: "delivery"; readonly node: string; readonly peer: string; readonly number: number }

/**
 * A recorder; synchronous.
 *
 * @category models
 * @since 0.1.0
 */
export class MeshTrace extends EventTrace<MeshTraceEvent> {
  constructor(maxLines?: number) {
    super("effect-p2p/mesh", maxLines)
  }
}
