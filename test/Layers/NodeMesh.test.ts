import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import * as zlib from "node:zlib"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../src/Mesh/MeshConfig.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { meshSuite, peerCount, type SocketNode, start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"

describe("NodeMesh", () => {
  meshSuite({ layer: NodeMesh.layer, transport: NodeTcp.layer() })

  it.live("sends by a method of one's own, when that is what it is given and its peer reads it", () =>
    Effect.gen(function*() {
      let count = 0
      const method = Compression.make({
        name: "simple",
        magic: "SMPL",
        compress: (bytes) => {
          count++
          return zlib.deflateRawSync(bytes)
        },
        decompress: (bytes, maxOutputLength) => new Uint8Array(zlib.inflateRawSync(bytes, { maxOutputLength }))
      })
      const compression = Compression.layerMerge(Compression.layer([method]), NodeCompression.layer)
      const a = yield* start(NodeMesh.layer({ compression }))
      const b = yield* start(NodeMesh.layer({ compression }))
      const c = yield* start(NodeMesh.layer())
      yield* b.mesh.connect(a.mesh.address)
      yield* c.mesh.connect(a.mesh.address)
      const text = "all work and no play ".repeat(200)

      yield* b.mesh.broadcast(text)

      for (const node of [a, c]) yield* until("heard", Effect.sync(() => node.received[0]?.text === text))
      // By b to a; a speaks zlib with c.
      assert.strictEqual(count, 1)
    }))

  it.live("takes every setting from Config", () =>
    Effect.gen(function*() {
      const env = { P2P_SUBNET: "configured", P2P_MAX_MESSAGE_BYTES: "5000", P2P_RELAY_WINDOW: "30 seconds" }
      const configured = yield* start(
        NodeMesh.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
      )
      const same = yield* start(NodeMesh.layer({ subnet: "configured" }))
      const withBootstrap = yield* start(
        NodeMesh.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
          env: { ...env, P2P_BOOTSTRAP: `${configured.mesh.address},${same.mesh.address}` }
        }))))
      )

      yield* until("dialed both", Effect.map(peerCount(withBootstrap), (count) => count === 2))
      const error = yield* Effect.flip(configured.mesh.broadcast(new Uint8Array(5000)))
      assert.strictEqual(error.maxBytes, 5000)
      const wrong = yield* Effect.flip(start(
        NodeMesh.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
          env: { P2P_BOOTSTRAP: "nowhere" }
        }))))
      ))
      assert.include(wrong.message, "HOST:PORT")
    }))

  it.live("takes an IPv6 host with the brackets of an address, too", () =>
    Effect.gen(function*() {
      const configured = yield* start(
        NodeMesh.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
          env: { P2P_HOST: "[::1]" }
        }))))
      )
      const { mesh } = yield* start(NodeMesh.layer({ host: "[::1]" }))

      yield* mesh.connect(configured.mesh.address)

      assert.match(`${mesh.address}`, /^\[::1\]:\d+$/)
    }))
})

describe("the services of a node", () => {
  const node = (hashing: Layer.Layer<Hashing>, compression: Layer.Layer<Compression>) =>
    Mesh.layer.pipe(Layer.provide([
      MeshConfig.layer({ handshakeTimeout: "2 seconds", compressFromBytes: 100 }),
      NodeTcp.layer(),
      Protocol04.layer.pipe(Layer.provide([hashing, compression]))
    ]))

  it.live("can be swapped: nodes with another hash understand each other, and no others", () =>
    Effect.gen(function*() {
      const [fast, sameFast] = [
        yield* start(node(Hashing.layerFast, Compression.layerNone)),
        yield* start(node(Hashing.layerFast, Compression.layerNone))
      ]
      const real = yield* start(node(NodeHashing.layer, Compression.layerNone))

      yield* fast.mesh.connect(sameFast.mesh.address)
      yield* fast.mesh.broadcast("hello")
      yield* until("heard", Effect.sync(() => sameFast.received.length === 1))
      const error = yield* Effect.flip(real.mesh.connect(fast.mesh.address))

      assert.strictEqual(error._tag, "ConnectError")
      assert.isTrue(
        error._tag === "ConnectError" && ["Malformed", "Goodbye", "ConnectionLost"].includes(error.reason._tag)
      )
    }))

  it.live("can be swapped: each pair of nodes compresses as both can", () =>
    Effect.gen(function*() {
      const layers = [
        NodeCompression.layer,
        Compression.layer([NodeCompression.gzipMethod]),
        Compression.layerNone
      ]
      const nodes: Array<SocketNode> = []
      for (const layer of layers) nodes.push(yield* start(node(NodeHashing.layer, layer)))
      yield* nodes[1]!.mesh.connect(nodes[0]!.mesh.address)
      yield* nodes[2]!.mesh.connect(nodes[1]!.mesh.address)
      for (const peer of nodes) yield* until("linked", Effect.map(peerCount(peer), (count) => count > 0))
      yield* until("linked to both", Effect.map(peerCount(nodes[1]!), (count) => count === 2))

      for (const sender of nodes) yield* sender.mesh.broadcast("x".repeat(10_000) + sender.mesh.id)

      for (const receiver of nodes) {
        yield* until("two came", Effect.sync(() => receiver.received.length === 2))
        assert.isTrue(receiver.received.every((message) => message.text.startsWith("xxxxx")))
      }
    }))
})
