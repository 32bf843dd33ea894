/** Nodes with several transports at once, and those that they bring together. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../../src/Mesh/MeshConfig.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import * as NodeTls from "../../src/Transport/NodeTls.ts"
import { Transport } from "../../src/Transport/Transport.ts"
import * as Transports from "../../src/Transport/Transports.ts"
import * as WebSocket from "../../src/Transport/WebSocket.ts"
import { peerCount, type SocketNode, start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"

const webSocketToo = { listenFurther: ["ws://127.0.0.1:0"], upkeepInterval: "200 millis" } as const

const over = (transport: Layer.Layer<Transport>, options: Partial<MeshOptions> = {}) =>
  Mesh.layer.pipe(Layer.provide([
    MeshConfig.layer({ upkeepInterval: "200 millis", ...options }),
    transport,
    Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer]))
  ]))

/** A node that dials over WebSockets and cannot be dialed, as one in a browser. */
const page = (bootstrap: ReadonlyArray<PeerAddress>) => over(WebSocket.layer(), { bootstrap })

const hears = (node: SocketNode, text: string) =>
  until(`heard "${text}"`, Effect.sync(() => node.received.some((message) => message.text === text)))

const linkedTo = (node: SocketNode, other: SocketNode) =>
  until("linked", Effect.map(node.mesh.peers, (peers) => peers.some(({ id }) => id === other.mesh.id)))

describe("a node that listens on TCP and on a WebSocket", () => {
  it.live("brings those together that speak only one of the two", () =>
    Effect.gen(function*() {
      const both = yield* start(NodeMesh.layer(webSocketToo))
      const [tcp, webSocket] = both.mesh.addresses
      const left = yield* start(over(NodeTcp.layer(), { bootstrap: [tcp!] }))
      const right = yield* start(page([webSocket!]))
      yield* until("linked", Effect.map(peerCount(both), (count) => count === 2))

      yield* left.mesh.broadcast("from TCP")
      yield* right.mesh.broadcast("from a page")

      yield* hears(right, "from TCP")
      yield* hears(left, "from a page")
      assert.deepStrictEqual([tcp!.scheme, webSocket!.scheme], ["", "ws"])
      assert.strictEqual(left.mesh.networkId, right.mesh.networkId)
    }))

  it.live("tells a page of the other WebSockets of the mesh, so that it outlives the one it came by", () =>
    Effect.gen(function*() {
      const first = yield* start(NodeMesh.layer(webSocketToo))
      const second = yield* start(NodeMesh.layer({ ...webSocketToo, bootstrap: [String(first.mesh.address)] }))
      yield* linkedTo(second, first)
      const visitor = yield* start(page([first.mesh.addresses[1]!]))
      yield* linkedTo(visitor, second)

      yield* first.stop
      yield* second.mesh.broadcast("still here")

      yield* hears(visitor, "still here")
    }))

  it.live("is found by a page that has a whisper for it, and is no neighbor", () =>
    Effect.gen(function*() {
      const middle = yield* start(NodeMesh.layer({ ...webSocketToo, maxOutboundLinks: 0 }))
      const far = yield* start(NodeMesh.layer({ ...webSocketToo, maxOutboundLinks: 0 }))
      yield* far.mesh.connect(middle.mesh.address)
      const visitor = yield* start(over(WebSocket.layer(), { maxOutboundLinks: 0 }))
      yield* visitor.mesh.connect(middle.mesh.addresses[1]!)

      yield* visitor.mesh.whisper(far.mesh.id, "found you")
      yield* hears(far, "found you")
      yield* far.mesh.reply(far.received[0]!, "so you have")

      yield* hears(visitor, "so you have")
    }))

  it.live("is not dialed a second time by who has a link over the other transport", () =>
    Effect.gen(function*() {
      const both = yield* start(NodeMesh.layer(webSocketToo))
      const same = yield* start(NodeMesh.layer({ ...webSocketToo, bootstrap: both.mesh.addresses.map(String) }))
      yield* linkedTo(same, both)
      const third = yield* start(NodeMesh.layer({ ...webSocketToo, bootstrap: [String(both.mesh.address)] }))
      yield* linkedTo(third, same)

      assert.strictEqual(yield* peerCount(third), 2)
      assert.isFalse(third.events.some((event) => event._tag === "DialFailed"))
    }))

  it.live("says that it has no transport for an address, and which to give it", () =>
    Effect.gen(function*() {
      const tcpOnly = yield* start(over(NodeTcp.layer()))
      const visitor = yield* start(page([]))

      const noWebSocket = yield* Effect.flip(tcpOnly.mesh.connect("ws://127.0.0.1:1"))
      const noTcp = yield* Effect.flip(visitor.mesh.connect(tcpOnly.mesh.address))
      const noListener = yield* Effect.flip(
        start(over(NodeTcp.layer(), { listenFurther: [new PeerAddress({ host: "ws://127.0.0.1", port: 0 })] }))
      )

      assert.include(noWebSocket.message, "no transport for ws://")
      assert.include(noTcp.message, "ws://HOST:PORT")
      assert.include(noListener.message, "no transport for ws://")
    }))
})

describe("a node over TLS that listens on a WebSocket", () => {
  it.live("brings pages and nodes with proven ids together, and passes on what proves their messages", () =>
    Effect.gen(function*() {
      const both = yield* start(NodeMesh.layerTls({ ...webSocketToo, sign: true }))
      const [tls, webSocket] = both.mesh.addresses.map(String)
      const secure = yield* start(NodeMesh.layerTls({ bootstrap: [tls!], sign: true }))
      const signing = yield* start(NodeMesh.layerWebSocket({ bootstrap: [webSocket!], sign: true }))
      const visitor = yield* start(page([both.mesh.addresses[1]!]))
      yield* until("linked", Effect.map(peerCount(both), (count) => count >= 3))

      yield* secure.mesh.broadcast("from TLS")
      yield* signing.mesh.broadcast("from a WebSocket")
      yield* visitor.mesh.broadcast("from a page")
      for (const node of [both, secure, signing]) {
        const said = ["from TLS", "from a WebSocket", "from a page"]
        const own = node === secure ? "from TLS" : node === signing ? "from a WebSocket" : undefined
        for (const text of said.filter((text) => text !== own)) yield* hears(node, text)
      }
      yield* hears(visitor, "from TLS")
      yield* hears(visitor, "from a WebSocket")
      yield* signing.mesh.whisper(both.mesh.id, "to you alone")
      yield* hears(both, "to you alone")

      const proofs = (node: SocketNode) => Object.fromEntries(node.received.map(({ proof, text }) => [text, proof]))
      assert.deepStrictEqual(proofs(both), {
        "from TLS": "proven",
        "from a WebSocket": "proven",
        "from a page": "claimed",
        "to you alone": "proven"
      })
      assert.deepStrictEqual(proofs(secure), { "from a WebSocket": "proven", "from a page": "claimed" })
      assert.deepStrictEqual(proofs(signing), { "from TLS": "proven", "from a page": "claimed" })
      assert.notStrictEqual(secure.mesh.networkId, signing.mesh.networkId)
    }))

  it.live("tells those at its other ends no address that is not theirs to dial", () =>
    Effect.gen(function*() {
      const both = yield* start(NodeMesh.layerTls(webSocketToo))
      const [tls, webSocket] = both.mesh.addresses.map(String)
      const secure = yield* start(NodeMesh.layerTls({ bootstrap: [tls!], maxOutboundLinks: 0 }))
      const alone = yield* start(NodeMesh.layerTls({ bootstrap: [tls!], maxOutboundLinks: 0 }))
      const plain = yield* start(NodeMesh.layer({ bootstrap: [webSocket!], requestTimeout: "300 millis" }))
      yield* until("linked", Effect.map(peerCount(both), (count) => count === 3))

      const error = yield* Effect.flip(plain.mesh.whisper(secure.mesh.id, "found?"))

      assert.strictEqual(error._tag, "PeerNotFound")
      assert.strictEqual(yield* peerCount(plain), 1)
      assert.isFalse(plain.events.some((event) => event._tag === "DialFailed"))
      assert.strictEqual(yield* peerCount(alone), 1)
    }))

  it.live("is made of transports of which the first alone may prove who it is", () =>
    Effect.gen(function*() {
      const wrong = Transports.layer([NodeTcp.layer(), Transports.layerScheme("tls-pinned", NodeTls.layer())])

      const exit = yield* Effect.exit(Effect.scoped(Layer.build(wrong)))

      assert.include(String(exit), "must be the first")
    }))

  it.live("dials and listens on no address of another transport by TLS", () =>
    Effect.gen(function*() {
      const { dial, listen } = yield* Transport
      const address = new PeerAddress({ host: "ws://127.0.0.1", port: 1 })

      const errors = [yield* Effect.flip(dial(address)), yield* Effect.flip(listen(address))]

      assert.deepStrictEqual(errors.map(({ kind }) => kind), ["Unsupported", "Unsupported"])
    }).pipe(Effect.scoped, Effect.provide(NodeTls.layer())))
})

describe("a node that stands in the networks of two encryptions", () => {
  /** TCP under the name of TLS: what counts here is that the network is another. */
  const secure = Layer.effect(Transport, Effect.map(Transport, (tcp) => ({ ...tcp, encryption: "SSL" }))).pipe(
    Layer.provide(NodeTcp.layer())
  )
  const bridge = over(Transports.layer([NodeTcp.layer(), Transports.layerScheme("tls", secure)]), {
    listenFurther: [new PeerAddress({ host: "tls://127.0.0.1", port: 0 })]
  })

  it.live("relays between them, and tells each of the addresses that it can dial, in its own form", () =>
    Effect.gen(function*() {
      const middle = yield* start(bridge)
      const [plain, encrypted] = middle.mesh.addresses
      const bare = new PeerAddress({ host: encrypted!.hostname, port: encrypted!.port })
      const inSecure = [
        yield* start(over(secure, { bootstrap: [bare] })),
        yield* start(over(secure, { bootstrap: [bare] }))
      ] as const
      const inPlain = [
        yield* start(over(NodeTcp.layer(), { bootstrap: [plain!] })),
        yield* start(over(NodeTcp.layer(), { bootstrap: [plain!] }))
      ] as const

      for (const [one, other] of [inSecure, inPlain]) {
        yield* until("linked", Effect.map(peerCount(one), (count) => count === 2))
        yield* linkedTo(one, other)
      }
      yield* inSecure[0].mesh.broadcast("to the plain ones")
      yield* inPlain[0].mesh.broadcast("to the secure ones")

      yield* hears(inPlain[1], "to the plain ones")
      yield* hears(inSecure[1], "to the secure ones")
      assert.notStrictEqual(inSecure[0].mesh.networkId, inPlain[0].mesh.networkId)
    }))
})
