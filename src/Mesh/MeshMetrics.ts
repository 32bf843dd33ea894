/**
 * What a mesh node counts, as Effect metrics for whoever exports them (OTLP, Prometheus). Counters are
 * plain fields on the node's hot paths, and published on a timer; refusals and ends of links are counted
 * by their reason, off its events.
 *
 * ```ts
 * import { Effect, Layer, Metric } from "effect"
 * import { MeshMetrics } from "effect-p2p"
 * import { NodeMesh } from "effect-p2p/node"
 *
 * const Node = MeshMetrics.layer({ interval: "5 seconds" }).pipe(Layer.provideMerge(NodeMesh.layer()))
 *
 * const program = Effect.andThen(Effect.sleep("6 seconds"), Effect.flatMap(Metric.dump, Effect.log))
 * Effect.runPromise(Effect.provide(program, Node))
 * ```
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { Mesh } from "./Mesh.ts"
import type { MeshEvent } from "./MeshEvent.ts"
import type { MeshStats } from "./MeshStats.ts"

/**
 * @category options
 * @since 0.1.0
 */
export interface MeshMetricsOptions {
  /** How often the metrics are brought up to date. Default 10 seconds. */
  readonly interval?: Duration.Input | undefined
}

interface Published {
  readonly name: string
  readonly description: string
  readonly of: (stats: MeshStats) => number
}

/** Totals since the start: `effect_p2p_mesh_<name>_total`. */
const totals: ReadonlyArray<Published> = [
  { name: "received", description: "messages that came over links", of: (stats) => stats.received },
  { name: "sent", description: "broadcasts and whispers of this node's own", of: (stats) => stats.sent },
  { name: "relayed", description: "copies of others' broadcasts put into queues", of: (stats) => stats.relayed },
  { name: "delivered", description: "messages for the application", of: (stats) => stats.delivered },
  { name: "duplicates", description: "broadcasts that had been seen", of: (stats) => stats.duplicates },
  { name: "expired", description: "broadcasts older than the relay window", of: (stats) => stats.expired },
  { name: "from_future", description: "broadcasts from beyond the skew", of: (stats) => stats.fromFuture },
  { name: "ignored", description: "messages that nothing here handles", of: (stats) => stats.ignored },
  { name: "dropped", description: "frames that found a peer's queue full", of: (stats) => stats.droppedOutbound },
  { name: "lost", description: "messages that readers lost, being too slow", of: (stats) => stats.lostByReaders },
  { name: "rejected", description: "connections that did not become links", of: (stats) => stats.rejected },
  { name: "evicted", description: "inbound peers that made room", of: (stats) => stats.evicted },
  { name: "throttled", description: "times that a peer was read later", of: (stats) => stats.throttled },
  { name: "excess", description: "searches and lists not looked at", of: (stats) => stats.excess },
  { name: "banned", description: "bans for misconduct", of: (stats) => stats.banned }
]

/** What there is at the moment: `effect_p2p_mesh_<name>`. */
const levels: ReadonlyArray<Published> = [
  { name: "peers", description: "linked nodes", of: (stats) => stats.peers },
  { name: "bans", description: "bans", of: (stats) => stats.bans },
  { name: "pending_handshakes", description: "connections in handshake", of: (stats) => stats.pendingHandshakes },
  { name: "unfinished_bytes", description: "bytes of unfinished messages", of: (stats) => stats.unfinishedBytes },
  { name: "queued_bytes", description: "bytes that wait for peers", of: (stats) => stats.queuedBytes },
  { name: "seen_ids", description: "ids of broadcasts remembered", of: (stats) => stats.seenIds },
  { name: "known_addresses", description: "addresses known", of: (stats) => stats.knownAddresses }
]

/**
 * Keeps the metrics of the `Mesh` in the environment up to date until the scope closes, and brings
 * them up to date once more then. Each has the attribute `node`, the node's id.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: MeshMetricsOptions = {}): Layer.Layer<never, never, Mesh> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const mesh = yield* Mesh
    const publish = yield* publisher(mesh)
    yield* Effect.addFinalizer(() => publish)
    const context = yield* Effect.context<never>()
    yield* mesh.events.pipe(
      Stream.runForEach((event) => Effect.sync(() => count(mesh.id, event, context))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(options.interval ?? "10 seconds"), publish)))
  }))

/** Ends of links and refusals, by their reason: `effect_p2p_mesh_ended_total`, `effect_p2p_mesh_refused_total`. */
const count = (node: string, event: MeshEvent, context: Context.Context<never>): void => {
  if (event._tag !== "PeerLeft" && event._tag !== "Rejected") return
  const name = event._tag === "PeerLeft" ? "ended" : "refused"
  const reason = event.reason._tag === "Malformed" ? event.reason.reason : event.reason._tag
  Metric.withAttributes(
    Metric.counter(`effect_p2p_mesh_${name}_total`, { incremental: true }),
    { node, reason }
  ).updateUnsafe(1, context)
}

const publisher = (mesh: Mesh["Service"]): Effect.Effect<Effect.Effect<void>> =>
  Effect.map(Effect.context<never>(), (context) => {
    const attributes = { node: mesh.id }
    const counters = totals.map(({ description, name, of }) => ({
      metric: Metric.withAttributes(
        Metric.counter(`effect_p2p_mesh_${name}_total`, { description, incremental: true }),
        attributes
      ),
      of,
      published: 0
    }))
    const gauges = levels.map(({ description, name, of }) => ({
      metric: Metric.withAttributes(Metric.gauge(`effect_p2p_mesh_${name}`, { description }), attributes),
      of
    }))
    return Effect.map(mesh.stats, (stats) => {
      for (const counter of counters) {
        const total = counter.of(stats)
        counter.metric.updateUnsafe(total - counter.published, context)
        counter.published = total
      }
      for (const gauge of gauges) gauge.metric.updateUnsafe(gauge.of(stats), context)
    })
  })
