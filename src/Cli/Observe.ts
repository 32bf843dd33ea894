/**
 * What a node is watched by: the dashboard, a page of metrics for Prometheus, and OTLP where the environment
 * names a collector.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import type { ListenError } from "../Transport/Transport.ts"
import type { WebPage } from "./Dashboard/WebServer.ts"
import { WrongUsage } from "./SecurityFlags.ts"

/**
 * Where the node is shown.
 *
 * @category options
 * @since 0.1.0
 */
export interface ObserveOptions {
  readonly dashboard: PeerAddress | undefined
  /** May be the same as `dashboard`: then one server has both. */
  readonly metrics: PeerAddress | undefined
}

/**
 * What is served now, and where.
 *
 * @category models
 * @since 0.1.0
 */
export interface Served {
  readonly event: "dashboard" | "metrics"
  readonly url: string
}

/** The variable of the OpenTelemetry specification that names the collector. */
const collectorName = "OTEL_EXPORTER_OTLP_ENDPOINT"

/** The one for what is said with all that is sent; Effect reads it, and takes a wrong one for a defect. */
const attributesName = "OTEL_RESOURCE_ATTRIBUTES"

const collector = (): string => process.env[collectorName] ?? ""

/**
 * Sends telemetry to the collector that the environment names, if any. Logs go there alone: what people read
 * is told anyway.
 *
 * @category layers
 * @since 0.1.0
 */
export const telemetry: Layer.Layer<never, WrongUsage> = Layer.unwrap(Effect.gen(function*() {
  const baseUrl = collector()
  if (baseUrl === "") return Layer.empty
  const { collectorFault, layerOtlp } = yield* loadTelemetry
  const fault = collectorFault(baseUrl)
  if (fault !== undefined) return yield* new WrongUsage({ detail: `${collectorName} ${fault}` })
  const attributes = process.env[attributesName] ?? ""
  yield* Effect.try({
    try: () => attributes.split(",").filter((attribute) => attribute.includes("=")).map(decodeURIComponent),
    catch: () =>
      new WrongUsage({ detail: `${attributesName} is "${attributes}", which cannot be read: write % as %25` })
  })
  // By the specification an empty variable is one that is not set.
  const serviceName = process.env["OTEL_SERVICE_NAME"] || "p2p"
  return layerOtlp({ baseUrl, serviceName, keepLoggers: false })
}))

/** Loaded where it is used: most nodes start without. */
const loadTelemetry = Effect.promise(() => import("../Layers/Telemetry.ts"))

/** Metrics and logs of a mesh node. */
export const layerMesh = Layer.unwrap(Effect.map(loadTelemetry, (loaded) => loaded.layerMesh))

/** Metrics and logs of a chord node. */
export const layerChord = Layer.unwrap(Effect.map(loadTelemetry, (loaded) => loaded.layerChord))

type ServeDashboard = (
  listen: PeerAddress,
  further: ReadonlyMap<string, WebPage>
) => Effect.Effect<PeerAddress, ListenError, Scope.Scope>

/**
 * Serves what the options ask for until the scope closes. `observed` publishes the metrics and logs of the
 * node, when anybody wants them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(function*<R>(
  { dashboard, metrics }: ObserveOptions,
  observed: Layer.Layer<never, never, R>,
  serveDashboard: ServeDashboard
): Effect.fn.Return<ReadonlyArray<Served>, ListenError, R | Scope.Scope> {
  // Without a collector the logs would go to the console, where all of it is told anyway.
  if (collector() !== "") yield* Layer.build(observed)
  else if (metrics !== undefined) yield* Layer.build(Layer.provide(observed, Logger.layer([])))
  const pages = metrics === undefined ? new Map<string, WebPage>() : yield* metricsPages
  const isShared = dashboard !== undefined && metrics !== undefined && format(dashboard) === format(metrics)
  const served: Array<Served> = []
  if (dashboard !== undefined) {
    const at = yield* serveDashboard(dashboard, isShared ? pages : new Map())
    served.push({ event: "dashboard", url: `http://${at}/` })
    if (isShared) served.push({ event: "metrics", url: `http://${at}/metrics` })
  }
  if (metrics !== undefined && !isShared) {
    const WebServer = yield* Effect.promise(() => import("./Dashboard/WebServer.ts"))
    served.push({ event: "metrics", url: `http://${yield* WebServer.serve(metrics, pages)}/metrics` })
  }
  return served
})

const metricsPages = Effect.gen(function*() {
  const { format } = yield* Effect.promise(() => import("effect/observability/PrometheusMetrics"))
  const page: WebPage = { type: "text/plain; version=0.0.4; charset=utf-8", body: () => format() }
  return new Map([["/metrics", page]])
})
