import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { meshSuite, peerCount, start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"

const configured = (env: Readonly<Record<string, string>>) =>
  NodeMesh.layerWebSocketConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...env } }))))

describe("NodeMesh.layerWebSocket", () => {
  meshSuite({ layer: NodeMesh.layerWebSocket, transport: NodeWebSocket.layer() })

  it.live("takes its settings from Config", () =>
    Effect.gen(function*() {
      const first = yield* start(configured({ P2P_SUBNET: "configured" }))
      const second = yield* start(configured({ P2P_SUBNET: "configured", P2P_BOOTSTRAP: String(first.mesh.address) }))

      yield* until("linked", Effect.map(peerCount(second), (count) => count === 1))

      assert.match(String(first.mesh.address), /^ws:\/\/127\.0\.0\.1:\d+$/)
    }))
})
