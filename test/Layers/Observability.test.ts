/** What a node publishes for those who watch it, as a collector gets it and as the metrics have it. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Metric, Stream } from "effect"
import { Chord, Mesh } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"
import { ChordMetrics, MeshMetrics, Observability } from "effect-p2p/observability"
import { MemoryChord, MemoryMesh, MemoryNetwork } from "effect-p2p/simulation"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Dashboard from "../../src/Cli/Dashboard/Dashboard.ts"
import type { WebPage } from "../../src/Cli/Dashboard/WebServer.ts"
import * as Observe from "../../src/Cli/Observe.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { until } from "../utils/eventually.ts"

/** The metrics of this library by name and attributes, as far as they are of that node. */
const metrics = (id: string) =>
  Effect.map(
    Metric.snapshot,
    (all) =>
      new Map(
        all.filter(({ attributes }) => attributes?.["node"] === id).map(({ attributes, id: name, state }) => {
          const reason = attributes?.["reason"]
          const value = "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : undefined
          return [`${name.replace("effect_p2p_", "")}${reason === undefined ? "" : ` ${reason}`}`, value]
        })
      )
  )

describe("the metrics", () => {
  it.effect("of a mesh are what its node has counted at the moment they are read, and go with it", () =>
    Effect.gen(function*() {
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const start = (options: MemoryMesh.MemoryMeshOptions) => Layer.build(MemoryMesh.layer(options))
        const node = MeshMetrics.layer.pipe(Layer.provideMerge(MemoryMesh.layer({ host: "a", maxOutboundLinks: 0 })))
        const mesh = Context.get(yield* Layer.build(node), Mesh)
        const peer = Context.get(yield* start({ host: "b", bootstrap: ["a:4444"] }), Mesh)
        yield* start({ host: "c", subnet: "other", bootstrap: ["a:4444"] })
        yield* TestClock.adjust("3 seconds")
        yield* peer.broadcast("one")
        yield* TestClock.adjust("1 second")
        const first = yield* metrics(mesh.id)
        yield* peer.broadcast("two")
        yield* TestClock.adjust("1 second")
        const second = yield* metrics(mesh.id)

        const names = ["mesh_delivered_total", "mesh_peers", "mesh_joined_total", "mesh_queued_bytes"]
        assert.deepStrictEqual(names.map((name) => first.get(name)), [1, 1, 1, 0])
        assert.strictEqual(second.get("mesh_delivered_total"), 2)
        assert.isAbove(first.get("mesh_refused_total NetworkMismatch") ?? 0, 0)
        assert.isAbove(second.get("mesh_received_bytes_total") ?? 0, first.get("mesh_received_bytes_total") ?? 0)
        assert.isAbove(second.get("mesh_sent_bytes_total") ?? 0, 100)
        return mesh.id
      }))

      assert.deepStrictEqual([...(yield* metrics(id)).keys()], [])
    }).pipe(Effect.provide(MemoryNetwork.layer())))

  it.effect("of a chord hold its counters, and how far and how long it looked things up", () =>
    Effect.gen(function*() {
      const node = ChordMetrics.layer.pipe(Layer.provideMerge(MemoryChord.layer({ host: "watched" })))
      const chord = Context.get(yield* Layer.build(node), Chord)
      yield* chord.set("color", "blue")
      yield* chord.get("color")
      yield* chord.get("shape")
      yield* Effect.yieldNow
      const first = yield* metrics(chord.id)
      yield* chord.get("color")
      const second = yield* metrics(chord.id)

      const names = ["sets_total", "gets_total", "records", "pending_calls"]
      assert.deepStrictEqual(names.map((name) => first.get(`chord_${name}`)), [1, 2, 1, 0])
      assert.strictEqual(second.get("chord_gets_total"), 3)
      assert.isAbove(first.get("chord_stored_bytes") ?? 0, 0)
      assert.isAbove(first.get("chord_lookup_hops") ?? 0, 0)
      assert.strictEqual(first.get("chord_lookup_seconds"), first.get("chord_lookup_hops"))
    }).pipe(Effect.provide(MemoryNetwork.layer())))
})

/** A collector: what came, by path. */
const collector = Effect.acquireRelease(
  Effect.promise(() => {
    const got = new Map<string, string>()
    const server = Http.createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (text: string) => body += text).on("end", () => {
        got.set(request.url ?? "", (got.get(request.url ?? "") ?? "") + body)
        response.setHeader("content-type", "application/json").end("{}")
      })
    })
    return new Promise<{ got: Map<string, string>; server: Http.Server; url: string }>((resolve) =>
      server.listen(0, "127.0.0.1", () => {
        resolve({ got, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
      })
    )
  }),
  ({ server }) => Effect.sync(() => server.close())
)

describe("--metrics", () => {
  it.live("serves text for Prometheus, on the port of the dashboard if that is the same", () =>
    Effect.gen(function*() {
      const mesh = yield* Mesh
      const anywhere = new PeerAddress({ host: "127.0.0.1", port: 0 })
      const show = (listen: PeerAddress, further: ReadonlyMap<string, WebPage>) =>
        Dashboard.serveMesh(mesh, listen, further)
      const served = yield* Observe.serve(
        { dashboard: anywhere, metrics: anywhere },
        Observability.layerMesh,
        show
      )
      const [dashboard, metrics] = served
      const text = yield* Effect.promise(() => fetch(metrics!.url).then((response) => response.text()))

      assert.deepStrictEqual(served.map(({ event }) => event), ["dashboard", "metrics"])
      assert.strictEqual(metrics?.url, `${dashboard?.url}metrics`)
      assert.include(text, "# TYPE effect_p2p_mesh_received_total counter")
      assert.include(text, `effect_p2p_mesh_peers{node="${mesh.id}"} 0`)
    }).pipe(Effect.provide(NodeMesh.layer({}))))
})

describe("OTLP", () => {
  it.live.each<readonly [Partial<Observability.OtlpOptions>, string]>([
    [{ baseUrl: "collector:4318" }, "baseUrl is \"collector:4318\", which is no URL of a collector: write one"],
    [{ baseUrl: "http://me:secret@127.0.0.1:4318" }, "baseUrl has a name or a password"],
    [{ baseUrl: "http://127.0.0.1:4318/?key=1" }, "baseUrl is \"http://127.0.0.1:4318/?key=1\", with a query"],
    [{ metricsInterval: 0 }, "the setting metricsInterval is 0: write a time above 0"]
  ])("is not sent by settings that make no sense: %j", ([settings, says]) =>
    Effect.gen(function*() {
      const otlp = Observability.layerOtlp({ baseUrl: "http://127.0.0.1:4318", ...settings })

      assert.include(String(yield* Effect.exit(Layer.build(otlp))), `RangeError: ${says}`)
    }))

  it.live("carries metrics, spans and logs of a node to a collector", () =>
    Effect.gen(function*() {
      const { got, url } = yield* collector
      const otlp = Observability.layerOtlp({
        baseUrl: url,
        serviceName: "watched",
        metricsInterval: "50 millis",
        keepLoggers: false
      })
      const node = Observability.layerMesh.pipe(Layer.provideMerge(NodeMesh.layer({})))
      yield* Effect.gen(function*() {
        const mesh = yield* Mesh
        yield* Effect.gen(function*() {
          const other = yield* Mesh
          yield* other.connect(String(mesh.address))
          yield* mesh.changes.pipe(Stream.filter((peers) => peers.length === 1), Stream.take(1), Stream.runDrain)
        }).pipe(Effect.provide(NodeMesh.layer({}), { local: true }))
        yield* mesh.changes.pipe(Stream.filter((peers) => peers.length === 0), Stream.take(1), Stream.runDrain)
        const isSent = () => got.get("/v1/metrics")?.includes("effect_p2p_mesh_joined_total") === true
        yield* until("metrics were sent", Effect.sync(isSent))
      }).pipe(Effect.provide(node), Effect.provide(otlp))

      assert.include(got.get("/v1/traces") ?? "", "Mesh.connect")
      assert.include(got.get("/v1/logs") ?? "", "a peer joined")
      assert.include(got.get("/v1/logs") ?? "", "\"watched\"")
    }))
})
