/**
 * What a chord node counts, as Effect metrics for whoever exports them: `Observability` has Layers for
 * OTLP and for Prometheus. docs/operations.md says what to watch.
 *
 * ```ts
 * import { Effect, Layer, Metric } from "effect"
 * import { ChordMetrics } from "effect-p2p/observability"
 * import { NodeChord } from "effect-p2p/node"
 *
 * const Node = ChordMetrics.layer.pipe(Layer.provideMerge(NodeChord.layer()))
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
import { Chord } from "./Chord.ts"
import type { ChordStats } from "./ChordStats.ts"

const totals: ReadonlyArray<MetricSource.Source<ChordStats>> = [
  { name: "lookups", description: "lookups that asked other nodes", of: (stats) => stats.lookups },
  { name: "lookups_failed", description: "lookups that came to nothing", of: (stats) => stats.lookupsFailed },
  { name: "hops", description: "nodes that answered in lookups before the owner", of: (stats) => stats.hops },
  { name: "timeouts", description: "nodes that did not answer in lookups", of: (stats) => stats.timeouts },
  { name: "gets", description: "reads of keys", of: (stats) => stats.gets },
  { name: "sets", description: "writes of keys, deletes included", of: (stats) => stats.sets },
  { name: "degraded_reads", description: "reads that found too few copies", of: (stats) => stats.degraded },
  { name: "read_repairs", description: "placements brought up to date after reads", of: (stats) => stats.readRepairs },
  { name: "records_sent", description: "records sent to make up copies", of: (stats) => stats.recordsSent },
  { name: "records_received", description: "records received as copies", of: (stats) => stats.recordsReceived },
  { name: "rounds", description: "rounds of stabilisation", of: (stats) => stats.rounds },
  { name: "repairs", description: "rounds of repair", of: (stats) => stats.repairs },
  { name: "audits", description: "records whose other placements were looked after", of: (stats) => stats.audits },
  { name: "calls", description: "questions to other nodes", of: ({ calls }) => calls.calls },
  {
    name: "calls_timed_out",
    description: "questions that were not answered in time",
    of: ({ calls }) => calls.timeouts
  },
  { name: "calls_served", description: "questions of other nodes that were answered", of: ({ calls }) => calls.served },
  {
    name: "calls_refused",
    description: "questions of other nodes that were refused",
    of: ({ calls }) => calls.refused
  },
  { name: "dials", description: "connections dialed", of: ({ calls }) => calls.dials },
  { name: "rejected", description: "connections that did not become links", of: ({ calls }) => calls.rejected },
  { name: "throttled", description: "times that a peer was read later", of: ({ calls }) => calls.throttled },
  { name: "banned", description: "bans for misconduct", of: ({ calls }) => calls.banned },
  { name: "sent_bytes", description: "bytes of calls and answers sent", of: ({ calls }) => calls.sentBytes },
  { name: "received_bytes", description: "bytes of calls and answers received", of: ({ calls }) => calls.receivedBytes }
]

const levels: ReadonlyArray<MetricSource.Source<ChordStats>> = [
  { name: "records", description: "records held, tombstones included", of: ({ storage }) => storage.records },
  { name: "stored_bytes", description: "bytes of the records held", of: ({ storage }) => storage.bytes },
  { name: "links", description: "links with other nodes", of: ({ calls }) => calls.outboundLinks + calls.inboundLinks },
  { name: "pending_handshakes", description: "connections in handshake", of: ({ calls }) => calls.pendingHandshakes },
  { name: "bans", description: "bans", of: ({ calls }) => calls.bans },
  { name: "queued_bytes", description: "bytes that wait for peers", of: ({ calls }) => calls.queuedBytes },
  { name: "unfinished_bytes", description: "bytes of unfinished messages", of: ({ calls }) => calls.unfinishedBytes },
  { name: "pending_calls", description: "questions under way", of: ({ calls }) => calls.pendingCalls }
]

const hops = Metric.histogram("effect_p2p_chord_lookup_hops", {
  description: "nodes that answered before the owner, in lookups for reads, writes and users",
  boundaries: [0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20]
})

const seconds = Metric.histogram("effect_p2p_chord_lookup_seconds", {
  description: "how long lookups for reads, writes and users took",
  boundaries: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]
})

const refused = Metric.counter("effect_p2p_chord_refused_total", {
  description: "connections that did not become links, by reason",
  incremental: true
})

/**
 * Publishes the numbers of the `Chord` in the environment until the scope closes. Each has the attribute
 * `node`, the node's id; `refused_total` also `reason`, the tag of a `CloseReason`, or what is malformed.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Chord> = Layer.effectDiscard(Effect.gen(function*() {
  const chord = yield* Chord
  const attributes = { node: chord.id }
  yield* MetricSource.register<ChordStats>({
    prefix: "effect_p2p_chord",
    node: chord.id,
    totals,
    levels,
    stats: chord.stats
  })
  const series = yield* MetricSource.series
  const [ownHops, ownSeconds] = [series(hops, attributes), series(seconds, attributes)]
  yield* chord.events.pipe(
    Stream.runForEach((event) => {
      switch (event._tag) {
        case "LookedUp":
          return Effect.andThen(
            Metric.update(ownHops, event.path.length),
            Metric.update(ownSeconds, event.tookMillis / 1000)
          )
        case "Rejected":
          return Metric.update(series(refused, { ...attributes, reason: wordOf(event.reason) }), 1)
        default:
          return Effect.void
      }
    }),
    Effect.forkScoped({ startImmediately: true })
  )
}))
