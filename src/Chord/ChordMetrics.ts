/**
 * What a chord node counts, as Effect metrics for whoever exports them (OTLP, Prometheus). Counters are
 * plain fields on the node's hot paths, and published on a timer.
 *
 * ```ts
 * import { Effect, Layer, Metric } from "effect"
 * import { ChordMetrics } from "effect-p2p"
 * import { NodeChord } from "effect-p2p/node"
 *
 * const Node = ChordMetrics.layer({ interval: "5 seconds" }).pipe(Layer.provideMerge(NodeChord.layer()))
 *
 * const program = Effect.andThen(Effect.sleep("6 seconds"), Effect.flatMap(Metric.dump, Effect.log))
 * Effect.runPromise(Effect.provide(program, Node))
 * ```
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { Chord } from "./Chord.ts"
import type { ChordStats } from "./ChordStats.ts"

/**
 * @category options
 * @since 0.1.0
 */
export interface ChordMetricsOptions {
  /** How often the metrics are brought up to date. Default 10 seconds. */
  readonly interval?: Duration.Input | undefined
}

interface Published {
  readonly name: string
  readonly description: string
  readonly of: (stats: ChordStats) => number
}

/** Totals since the start: `effect_p2p_chord_<name>_total`. */
const totals: ReadonlyArray<Published> = [
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
  { name: "sent_bytes", description: "bytes of calls and answers sent", of: ({ calls }) => calls.sentBytes },
  { name: "received_bytes", description: "bytes of calls and answers received", of: ({ calls }) => calls.receivedBytes }
]

/** What there is at the moment: `effect_p2p_chord_<name>`. */
const levels: ReadonlyArray<Published> = [
  { name: "records", description: "records held, tombstones included", of: ({ storage }) => storage.records },
  { name: "stored_bytes", description: "bytes of the records held", of: ({ storage }) => storage.bytes },
  { name: "links", description: "links with other nodes", of: ({ calls }) => calls.outboundLinks + calls.inboundLinks },
  { name: "pending_calls", description: "questions under way", of: ({ calls }) => calls.pendingCalls }
]

/**
 * Keeps the metrics of the `Chord` in the environment up to date until the scope closes, and brings
 * them up to date once more then. Each has the attribute `node`, the node's id.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: ChordMetricsOptions = {}): Layer.Layer<never, never, Chord> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const chord = yield* Chord
    const publish = yield* publisher(chord)
    yield* Effect.addFinalizer(() => publish)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(options.interval ?? "10 seconds"), publish)))
  }))

const publisher = (chord: Chord["Service"]): Effect.Effect<Effect.Effect<void>> =>
  Effect.map(Effect.context<never>(), (context) => {
    const attributes = { node: chord.id }
    const counters = totals.map(({ description, name, of }) => ({
      metric: Metric.withAttributes(
        Metric.counter(`effect_p2p_chord_${name}_total`, { description, incremental: true }),
        attributes
      ),
      of,
      published: 0
    }))
    const gauges = levels.map(({ description, name, of }) => ({
      metric: Metric.withAttributes(Metric.gauge(`effect_p2p_chord_${name}`, { description }), attributes),
      of
    }))
    return Effect.map(chord.stats, (stats) => {
      for (const counter of counters) {
        const total = counter.of(stats)
        counter.metric.updateUnsafe(total - counter.published, context)
        counter.published = total
      }
      for (const gauge of gauges) gauge.metric.updateUnsafe(gauge.of(stats), context)
    })
  })
