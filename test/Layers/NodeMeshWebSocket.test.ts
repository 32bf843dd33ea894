import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { meshSuite, peerCount, start } from "../compliance/mesh.ts"
import { rawClient } from "../Transport/WebSocketEnds.ts"
import { until } from "../utils/eventually.ts"
import { bytesOf, js2p, wire } from "../utils/ScriptedPeer.ts"

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

  it.live("ends the link of a peer that never ends a message of the WebSocket, as one that never ends its own", () =>
    Effect.gen(function*() {
      const { events, mesh } = yield* start(
        NodeMesh.layerWebSocket({ webSocket: {}, pingInterval: "100 millis", frameTimeout: "1 second" })
      )
      const protocol = yield* Protocol
      const meet = Effect.fnUntraced(function*(nodeId: string) {
        const client = yield* rawClient(mesh.address.port)
        const payload = protocol.encodePayload({
          _tag: "Handshake",
          nodeId,
          networkId: mesh.networkId,
          address: null,
          methods: js2p
        })
        client.send(frame(protocol.encode(protocol.make("whisper", nodeId, payload, 0))))
        return client
      })
      const isTold = (id: string) =>
        Effect.sync(() => events.some((event) => event._tag === "PeerLeft" && event.id === id))
      const stuck = yield* meet("stuck")
      // Of an original node, which answers no pings: its messages come one behind another, each one in parts.
      const steady = yield* meet("steady")
      const message = frame(protocol.encode(protocol.make("whisper", "steady", [bytesOf("pong")], 0)))
      const goOn = Effect.sync(() => {
        steady.send(message.subarray(9), { fin: true })
        steady.send(message.subarray(0, 9), { fin: false })
      })
      steady.send(message.subarray(0, 9), { fin: false })
      yield* Effect.forkScoped(Effect.forever(Effect.delay(goOn, "20 millis")))

      yield* until("linked", Effect.map(mesh.peers, (peers) => peers.length === 2))
      stuck.send(new Uint8Array(60_000), { fin: false })
      yield* until("counted", Effect.map(mesh.stats, ({ unfinishedBytes }) => unfinishedBytes >= 60_000))
      yield* until("ended", isTold("stuck"))

      const left = events.find((event) => event._tag === "PeerLeft")
      assert.strictEqual(left?.reason._tag, "FrameTimeout")
      assert.isFalse(yield* isTold("steady"))
    }).pipe(Effect.provide(wire)))
})
