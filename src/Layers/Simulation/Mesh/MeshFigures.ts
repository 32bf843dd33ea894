/** What came of a scenario, in numbers: those of the papers on flooding and gossip. */
import * as Effect from "effect/Effect"
import { rounded, type Spread, spreadOf } from "../Figures.ts"
import type { Trace } from "../Trace.ts"
import type { MeshObserver } from "./MeshObserver.ts"

/**
 * What came of a scenario.
 *
 * @category models
 * @since 0.1.0
 */
export interface MeshFigures {
  /** Nodes at the start. */
  readonly nodes: number
  readonly seed: string
  readonly virtualSeconds: number
  /** The fingerprint of the trace: the same for the same scenario, in every process. */
  readonly hash: string
  readonly broadcasts: number
  /** Of all deliveries to nodes that were connected to the author and lived on, the fraction that came; null when there were none. */
  readonly deliveredFraction: number | null
  /** Broadcasts that a user got twice. */
  readonly doubled: number
  /** Copies of a broadcast that arrived at a node, for each that was delivered. */
  readonly copiesPerDelivery: number
  readonly latencyMillis: Spread
  readonly hops: Spread
  /** Sends of a node in a second that it lived; one carries a message, or several. */
  readonly messagesPerNodeSecond: number
  readonly bytesPerNodeSecond: number
  /** From the crash until every survivor had as many outbound links as before; null when nobody crashed, or it did not come. */
  readonly healMillis: number | null
  /** Faults that were played. */
  readonly faults: number
}

/** Reads the figures off what was observed. */
export const measure = Effect.fnUntraced(function*(
  observer: MeshObserver,
  trace: Trace,
  given: Pick<MeshFigures, "nodes" | "seed" | "virtualSeconds" | "healMillis" | "faults">
) {
  let expected = 0
  let came = 0
  let doubled = 0
  const latencies: Array<number> = []
  const hops: Array<number> = []
  for (const broadcast of observer.broadcasts.values()) {
    for (const node of broadcast.expected) {
      if (!node.isAlive) continue
      expected++
      if (broadcast.deliveries.has(node)) came++
    }
    for (const delivery of broadcast.deliveries.values()) {
      doubled += delivery.count - 1
      latencies.push(delivery.latencyMillis)
      hops.push(delivery.hops)
    }
  }
  let copies = 0
  let deliveries = 0
  for (const node of observer.nodes.values()) {
    const stats = yield* node.mesh.stats
    copies += stats.delivered + stats.duplicates
    deliveries += stats.delivered
  }
  const nodeSeconds = observer.livedMillis / 1000
  const figures: MeshFigures = {
    nodes: given.nodes,
    seed: given.seed,
    virtualSeconds: rounded(given.virtualSeconds),
    hash: trace.hash,
    broadcasts: observer.broadcasts.size,
    deliveredFraction: expected === 0 ? null : came / expected,
    doubled,
    copiesPerDelivery: rounded(copies / Math.max(1, deliveries)),
    latencyMillis: spreadOf(latencies),
    hops: spreadOf(hops),
    messagesPerNodeSecond: rounded(trace.sendCount / nodeSeconds),
    bytesPerNodeSecond: rounded(trace.sentBytes / nodeSeconds),
    healMillis: given.healMillis,
    faults: given.faults
  }
  return figures
})
