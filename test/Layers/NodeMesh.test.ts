import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Exit, Layer, Scope } from "effect"
import * as Net from "node:net"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../src/Mesh/MeshConfig.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import type { MeshMessage } from "../../src/Mesh/MeshMessage.ts"
import { Compression } from "../../src/Protocol/Compression.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { eventually, until } from "../utils/eventually.ts"
import { collect } from "../utils/MeshNetwork.ts"

interface TcpNode {
  readonly mesh: Mesh["Service"]
  readonly received: Array<MeshMessage>
  readonly events: Array<MeshEvent>
  readonly stop: Effect.Effect<void>
}

const start = <E>(layer: Layer.Layer<Mesh, E>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const mesh = Context.get(yield* Layer.buildWithScope(Layer.fresh(layer), scope), Mesh)
    const node: TcpNode = {
      mesh,
      received: yield* collect(mesh.messages, scope),
      events: yield* collect(mesh.events, scope),
      stop: Scope.close(scope, Exit.void)
    }
    return node
  })

/** Nodes of which each is linked to the one before. */
const startLine = Effect.fnUntraced(function*(count: number, options: NodeMesh.NodeMeshOptions = {}) {
  const nodes: Array<TcpNode> = []
  for (let index = 0; index < count; index++) {
    const node = yield* start(NodeMesh.layer(options))
    if (index > 0) yield* node.mesh.connect(nodes[index - 1]!.mesh.address)
    nodes.push(node)
  }
  return nodes
})

const peerCount = (node: TcpNode) => Effect.map(node.mesh.peers, (peers) => peers.length)

describe("NodeMesh", () => {
  it.live("delivers every broadcast to each of eight nodes once, over relays", () =>
    Effect.gen(function*() {
      const nodes = yield* startLine(8, { maxOutboundLinks: 1 })
      for (const [i, node] of nodes.entries()) {
        const links = i === 0 || i === nodes.length - 1 ? 1 : 2
        yield* until("linked", Effect.map(peerCount(node), (count) => count >= links))
      }

      const ids: Array<string> = []
      for (const node of nodes) ids.push(yield* node.mesh.broadcast("hello from " + node.mesh.address))

      for (const [index, node] of nodes.entries()) {
        const expected = ids.filter((_, author) => author !== index).sort()
        yield* eventually(
          Effect.sync(() => assert.deepStrictEqual(node.received.map((message) => message.id).sort(), expected))
        )
      }
    }))

  it.live("reaches all survivors after a node in the middle has gone", () =>
    Effect.gen(function*() {
      const nodes = yield* startLine(6, { upkeepInterval: "200 millis", reconnectBase: "50 millis" })
      const [lost] = nodes.splice(2, 1)
      yield* until("learned of others", Effect.map(peerCount(nodes[4]!), (count) => count >= 3))

      yield* lost!.stop
      yield* until("links renewed", Effect.map(peerCount(nodes[0]!), (count) => count >= 2))
      yield* nodes[0]!.mesh.broadcast("anybody?")

      for (const node of nodes.slice(1)) {
        yield* until("heard", Effect.sync(() => node.received.some((message) => message.text === "anybody?")))
      }
    }))

  it.live("goes on while a peer does not read, and ends that peer's link", () =>
    Effect.gen(function*() {
      const options = { maxOutboxBytes: 1_000_000, slowTimeout: "300 millis" } as const
      const [a, b] = yield* startLine(2, options)
      const stuck = yield* connectStuck(a!.mesh)
      yield* until("the stuck peer is linked", Effect.map(peerCount(a!), (count) => count === 2))

      // More than the kernel's buffers and the queue together hold.
      for (let i = 0; i < 150; i++) yield* a!.mesh.broadcast(randomBytes(i))

      yield* until("all came", Effect.sync(() => b!.received.length === 150))
      yield* until(
        "the link ended",
        Effect.sync(() => a!.events.some((event) => event._tag === "PeerLeft" && event.reason._tag === "TooSlow"))
      )
      assert.strictEqual(yield* peerCount(a!), 1)
      stuck.destroy()
    }))

  it.live("says which port is taken, and how to choose another", () =>
    Effect.gen(function*() {
      const node = yield* start(NodeMesh.layer())

      const error = yield* Effect.flip(start(NodeMesh.layer({ port: node.mesh.address.port })))

      assert.strictEqual(error._tag, "ListenError")
      assert.include(error.message, "another program uses that port")
      const invalid = yield* Effect.flip(start(NodeMesh.layer({ bootstrap: ["nowhere"] })))
      assert.strictEqual(invalid._tag, "InvalidAddress")
    }))

  it.live("leaves no socket behind when its scope closes, however often", () =>
    Effect.gen(function*() {
      const sockets = Effect.sync(() =>
        process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
      )
      const none = eventually(Effect.map(sockets, (count) => assert.strictEqual(count, 0)))
      yield* none

      for (let round = 0; round < 5; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const nodes = yield* startLine(4)
          yield* nodes[0]!.mesh.broadcast("round " + round)
          assert.isAbove(yield* sockets, 0)
        }))
      }

      yield* none
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
      const nodes: Array<TcpNode> = []
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

/** Joins by hand and then never reads. */
const connectStuck = (mesh: Mesh["Service"]) =>
  Effect.gen(function*() {
    const wire = yield* Protocol04.layer.pipe(
      Layer.provide([NodeHashing.layer, Compression.layerNone]),
      Layer.build
    )
    const protocol = Context.get(wire, Protocol)
    const payload = protocol.encodePayload({
      _tag: "Handshake",
      nodeId: "stuck",
      networkId: mesh.networkId,
      address: null,
      methods: []
    })
    const hello = frame(protocol.encode(protocol.make("whisper", "stuck", payload, 1)))
    return yield* Effect.acquireRelease(
      Effect.sync(() => {
        const socket = Net.connect(mesh.address.port, mesh.address.host)
        socket.on("error", () => {})
        socket.write(hello)
        return socket.pause()
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
  })

const randomBytes = (seed: number) => {
  const bytes = new Uint8Array(100_000)
  let state = seed + 1
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = state >>> 16
  }
  return bytes
}
