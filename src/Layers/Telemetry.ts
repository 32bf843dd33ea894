/**
 * What a node counts, does and meets, for whoever watches machines: metrics, spans and logs, by OTLP or for
 * Prometheus. docs/operations.md says what to watch.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 * import { Observability } from "effect-p2p/observability"
 * import { NodeMesh } from "effect-p2p/node"
 *
 * const node = Observability.layerMesh.pipe(
 *   Layer.provideMerge(NodeMesh.layer({ port: 4444 })),
 *   Layer.provide(Observability.layerOtlp({ baseUrl: "http://127.0.0.1:4318" }))
 * )
 *
 * NodeRuntime.runMain(Effect.provide(Effect.never, node))
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import type { Chord } from "../Chord/Chord.ts"
import * as ChordLog from "../Chord/ChordLog.ts"
import * as ChordMetrics from "../Chord/ChordMetrics.ts"
import type { Mesh } from "../Mesh/Mesh.ts"
import * as MeshLog from "../Mesh/MeshLog.ts"
import * as MeshMetrics from "../Mesh/MeshMetrics.ts"
import { checked } from "../Transport/Settings.ts"

/**
 * Where telemetry is sent, and as whose.
 *
 * @category options
 * @since 0.1.0
 */
export interface OtlpOptions {
  /** The collector: `http://127.0.0.1:4318`; `/v1/metrics`, `/v1/traces` and `/v1/logs` are added. */
  readonly baseUrl: string
  /** Default `"effect-p2p"`, an empty one too. */
  readonly serviceName?: string | undefined
  /** Sent with each request: a token, for instance. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How often metrics are sent. Default 10 seconds. */
  readonly metricsInterval?: Duration.Input | undefined
  /** Whether logs go on to where they went as well. Default true. */
  readonly keepLoggers?: boolean | undefined
}

/**
 * Metrics and logs of the `Mesh` in the environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMesh: Layer.Layer<never, never, Mesh> = Layer.merge(MeshMetrics.layer, MeshLog.layer)

/**
 * Metrics and logs of the `Chord` in the environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerChord: Layer.Layer<never, never, Chord> = Layer.merge(ChordMetrics.layer, ChordLog.layer)

/** Why nothing would arrive at a collector of that URL, if so: nothing would tell of it. @internal */
export const collectorFault = (baseUrl: string): string | undefined => {
  const url = URL.parse(baseUrl)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return `is "${baseUrl}", which is no URL of a collector: write one such as http://127.0.0.1:4318`
  }
  if (url.username !== "" || url.password !== "") {
    return "has a name or a password, which no request takes from a URL: leave them out (the Layer layerOtlp takes headers)"
  }
  return /[?#]/.test(baseUrl)
    ? `is "${baseUrl}", with a query or a fragment, behind which the paths for metrics, traces and logs would go: leave it out`
    : undefined
}

/**
 * Sends metrics, spans and logs by OTLP (JSON over HTTP); spans and logs that are left when the scope closes, too.
 * A node's metrics are gone by then: what it counted since they were sent last is not. Provide it
 * to the node, so that its spans are among them. A collector that does not answer costs nothing but its
 * telemetry, and up to three seconds when the scope closes. Dies with a `RangeError` that says what to write for a
 * `baseUrl` that is no URL of http or https or has a password or a query in it, and for an interval that makes no sense.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOtlp = (options: OtlpOptions): Layer.Layer<never> =>
  Layer.unwrap(Effect.sync(() => {
    const { baseUrl } = options
    const fault = collectorFault(baseUrl)
    if (fault !== undefined) throw new RangeError(`baseUrl ${fault}`)
    const { metricsInterval } = checked({ metricsInterval: Duration.seconds(10) as Duration.Input }, options)
    return Otlp.layer({
      baseUrl,
      resource: { serviceName: options.serviceName || "effect-p2p" },
      headers: options.headers,
      metricsExportInterval: metricsInterval,
      loggerMergeWithExisting: options.keepLoggers ?? true
    })
  })).pipe(Layer.provide([FetchHttpClient.layer, OtlpSerialization.layerJson]))
