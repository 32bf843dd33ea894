import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as BrowserMesh from "../../src/Layers/BrowserMesh.ts"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as Protocol07 from "../../src/Protocol/Protocol07.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { meshSuite, peerCount, start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"

describe("NodeMesh of wire version 0.7", () => {
  meshSuite({
    layer: (options) => NodeMesh.layer({ ...options, protocol: "0.7" }),
    transport: NodeTcp.layer(),
    protocol: Protocol07.layer.pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer]))
  })

  it.live("is spoken by a node of pages that is given it, over the WebSocket of the platform", () =>
    Effect.gen(function*() {
      const node = yield* start(NodeMesh.layer({ protocol: "0.7", listenFurther: ["ws://127.0.0.1:0"] }))
      const bootstrap = [String(node.mesh.addresses[1])]
      const page = yield* start(BrowserMesh.layer({ bootstrap, wire: Protocol07.layer }))
      for (const one of [node, page]) yield* until("linked", Effect.map(peerCount(one), (count) => count === 1))

      yield* page.mesh.broadcast("from the page")
      yield* node.mesh.broadcast("from the node")

      yield* until("heard", Effect.sync(() => node.received.some(({ text }) => text === "from the page")))
      yield* until("heard", Effect.sync(() => page.received.some(({ text }) => text === "from the node")))
    }))
})
