/**
 * What a mesh node and its links count, as Effect metrics for whoever exports them: `Observability` has
 * Layers for OTLP and for Prometheus. docs/operations.md says what to watch.
 *
 * ```ts
 * import { Effect, Layer, Metric } from "effect"
 * import { MeshMetrics } from "effect-p2p/observability"
 * import { NodeMesh } from "effect-p2p/node"
 *
 * const Node = MeshMetrics.layer.pipe(Layer.provideMerge(NodeMesh.layer()))
 *
 * Effect.runPromise(Effect.provide(Effect.flatMap(Metric.dump, Effect.log), Node))
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { wordOf } from "../Transport/CloseReason.ts"
import * as MetricSource from "../Transport/MetricSource.ts"
import { Mesh, type PeerInfo } from "./Mesh.ts"
import type { MeshStats } from "./MeshStats.ts"

interface Stats extends MeshStats {
  readonly links: ReadonlyArray<PeerInfo>
}

const totals: ReadonlyArray<MetricSource.Source<Stats>> = [
  { name: "received", description: "messages that came over links", of: (stats) => stats.received },
  { name: "sent", description: "broadcasts and whispers of this node's own", of: (stats) => stats.sent },
  { name: "relayed", description: "copies of others' broadcasts passed on", of: (stats) => stats.relayed },
  { name: "delivered", description: "messages for readers of messages", of: (stats) => stats.delivered },
  { name: "handled", description: "messages for topics, questions and handlers", of: (stats) => stats.handled },
  { name: "duplicates", description: "broadcasts that had been seen", of: (stats) => stats.duplicates },
  { name: "expired", description: "broadcasts older than the relay window", of: (stats) => stats.expired },
  { name: "from_future", description: "broadcasts from beyond the allowed skew", of: (stats) => stats.fromFuture },
  { name: "ignored", description: "messages that nothing here handles", of: (stats) => stats.ignored },
  { name: "unproven", description: "messages refused for want of a proof", of: (stats) => stats.unproven },
  {
    name: "dropped_outbound",
    description: "frames that found a peer's queue full",
    of: (stats) => stats.droppedOutbound
  },
  { name: "lost_by_readers", description: "messages lost by slow readers here", of: (stats) => stats.lostByReaders },
  { name: "rejected", description: "connections that did not become links", of: (stats) => stats.rejected },
  { name: "evicted", description: "inbound peers that made room for others", of: (stats) => stats.evicted },
  { name: "throttled", description: "times that a peer was read later", of: (stats) => stats.throttled },
  { name: "excess", description: "searches and lists of peers not looked at", of: (stats) => stats.excess },
  { name: "banned", description: "bans for misconduct", of: (stats) => stats.banned },
  { name: "sent_bytes", description: "bytes queued for links, framing included", of: (stats) => stats.sentBytes },
  { name: "received_bytes", description: "bytes that came over links", of: (stats) => stats.receivedBytes }
]

const count = (links: ReadonlyArray<PeerInfo>, is: (peer: PeerInfo) => boolean): number => links.filter(is).length

const levels: ReadonlyArray<MetricSource.Source<Stats>> = [
  { name: "peers", description: "linked nodes", of: (stats) => stats.peers },
  {
    name: "outbound_peers",
    description: "linked nodes that this one dialed",
    of: ({ links }) => count(links, ({ direction }) => direction === "outbound")
  },
  {
    name: "slow_peers",
    description: "peers that take less than they are sent",
    of: ({ links }) => count(links, ({ isSlow }) => isSlow)
  },
  { name: "queued_bytes", description: "bytes that wait for peers", of: (stats) => stats.queuedBytes },
  { name: "unfinished_bytes", description: "bytes of unfinished messages", of: (stats) => stats.unfinishedBytes },
  { name: "pending_handshakes", description: "connections in handshake", of: (stats) => stats.pendingHandshakes },
  { name: "bans", description: "bans", of: (stats) => stats.bans },
  { name: "seen_ids", description: "ids of broadcasts remembered", of: (stats) => stats.seenIds },
  { name: "known_addresses", description: "addresses remembered", of: (stats) => stats.knownAddresses }
]

const joined = Metric.counter("effect_p2p_mesh_joined_total", { description: "peers that joined", incremental: true })
const left = Metric.counter("effect_p2p_mesh_left_total", { description: "peers that left", incremental: true })
const refused = Metric.counter("effect_p2p_mesh_refused_total", {
  description: "connections that did not become links, by reason",
  incremental: true
})
const dialsFailed = Metric.counter("effect_p2p_mesh_dials_failed_total", {
  description: "dials of the node's own accord that came to nothing, by kind",
  incremental: true
})

/**
 * Publishes the numbers of the `Mesh` in the environment until the scope closes. Each has the attribute
 * `node`, the node's id; those of links that ended, or did not come about, also `reason`, the tag of a
 * `CloseReason` (of what is malformed, its own) or the kind of a `DialError`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Mesh> = Layer.effectDiscard(Effect.gen(function*() {
  const mesh = yield* Mesh
  yield* MetricSource.register<Stats>({
    prefix: "effect_p2p_mesh",
    node: mesh.id,
    totals,
    levels,
    stats: Effect.zipWith(mesh.stats, mesh.peers, (stats, links) => ({ ...stats, links }))
  })
  const series = yield* MetricSource.series
  const add = (metric: Metric.Counter<number>, attributes: Readonly<Record<string, string>> = {}) =>
    Metric.update(series(metric, { node: mesh.id, ...attributes }), 1)
  yield* mesh.events.pipe(
    Stream.runForEach((event) => {
      switch (event._tag) {
        case "PeerJoined":
          return add(joined)
        case "PeerLeft":
          return add(left, { reason: wordOf(event.reason) })
        case "Rejected":
          return add(refused, { reason: wordOf(event.reason) })
        case "DialFailed":
          return add(dialsFailed, { reason: event.error.kind })
        default:
          return Effect.void
      }
    }),
    Effect.forkScoped({ startImmediately: true })
  )
}))
