/** An Effect HTTP application that becomes a node by one Layer: what one instance is told, all know. */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Ref, Schema, Stream } from "effect"
import { Mesh, Topic } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

const Notice = Topic.make("notices", Schema.String)

const routes = HttpRouter.use(Effect.fnUntraced(function*(router) {
  const mesh = yield* Mesh
  const notices = yield* Ref.make<ReadonlyArray<string>>([])
  const add = (text: string) => Ref.update(notices, (all) => [...all, text].slice(-100))
  yield* mesh.subscribe(Notice).pipe(
    Stream.runForEach(({ value }) => add(value)),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* router.add("GET", "/notices", Effect.flatMap(Ref.get(notices), (all) => HttpServerResponse.json(all)))
  yield* router.add(
    "POST",
    "/notices",
    Effect.gen(function*() {
      const text = yield* (yield* HttpServerRequest.HttpServerRequest).text
      yield* add(text)
      yield* mesh.publish(Notice, text)
      return HttpServerResponse.empty()
    })
  )
  yield* router.add(
    "GET",
    "/instances",
    Effect.flatMap(mesh.peers, (peers) => HttpServerResponse.json([mesh.id, ...peers.map(({ id }) => id)]))
  )
}))

const app = HttpRouter.serve(routes).pipe(
  Layer.provide(NodeHttpServer.layer(createServer, { port: Number(process.env["PORT"] ?? 3000), host: "127.0.0.1" })),
  // This is all that makes it a node: P2P_PORT, P2P_BOOTSTRAP and the like say of which network.
  Layer.provide(NodeMesh.layerConfig)
)

NodeRuntime.runMain(Layer.launch(app))
