/** A node in a browser among nodes on Node, over real WebSockets. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { Mesh, type MeshEvent, type MeshMessage } from "effect-p2p"
import { BrowserMesh } from "effect-p2p/browser"
import { until } from "../utils/eventually.ts"
import { type FarNode, startNode } from "./nodes.ts"

/** A node of this page, with what it has received. */
const startPage = Effect.fnUntraced(function*(options: BrowserMesh.BrowserMeshOptions) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = BrowserMesh.layer({ upkeepInterval: "200 millis", reconnectBase: "50 millis", ...options })
  const mesh = Context.get(yield* Layer.buildWithScope(Layer.fresh(layer), scope), Mesh)
  const received: Array<MeshMessage> = []
  const events: Array<MeshEvent> = []
  yield* Effect.forkIn(
    Stream.runForEach(mesh.messages, (message) => Effect.sync(() => void received.push(message))),
    scope
  )
  yield* Effect.forkIn(Stream.runForEach(mesh.events, (event) => Effect.sync(() => void events.push(event))), scope)
  return { mesh, received, events, stop: Scope.close(scope, Exit.void) }
})

type Page = Effect.Success<ReturnType<typeof startPage>>

/** At both ends: what either says from now on reaches the other. */
const isLinked = (page: Page, node: FarNode) =>
  until(
    "linked",
    Effect.zipWith(page.mesh.peers, node.peers, (peers, ids) =>
      peers.some(({ id }) =>
        id === node.id
      ) && ids.includes(page.mesh.id))
  )

const pageHears = (page: Page, text: string) =>
  until(`the page hears "${text.slice(0, 40)}"`, Effect.sync(() => page.received.some((one) => one.text === text)))

const nodeHears = (node: FarNode, text: string) =>
  until(`a node hears "${text.slice(0, 40)}"`, Effect.map(node.heard, (heard) => heard.includes(text)))

describe("BrowserMesh", () => {
  it.live("joins a mesh of nodes on Node, speaks to all of them and hears all of them", () =>
    Effect.gen(function*() {
      const near = yield* startNode()
      const far = yield* startNode({ bootstrap: [near.tcp], maxOutboundLinks: 1 })
      yield* until("linked", Effect.map(near.peers, (peers) => peers.includes(far.id)))
      const page = yield* startPage({ bootstrap: [near.webSocket], maxOutboundLinks: 1 })
      yield* isLinked(page, near)

      yield* page.mesh.broadcast("from the page")
      yield* far.broadcast("from afar")

      yield* nodeHears(near, "from the page")
      yield* nodeHears(far, "from the page")
      yield* pageHears(page, "from afar")
    }))

  it.live("relays between two nodes that have no other way to each other", () =>
    Effect.gen(function*() {
      const left = yield* startNode({ maxOutboundLinks: 0 })
      const right = yield* startNode({ maxOutboundLinks: 0 })
      const page = yield* startPage({ bootstrap: [left.webSocket, right.webSocket] })
      yield* isLinked(page, left)
      yield* isLinked(page, right)

      yield* left.broadcast("over the page")
      yield* nodeHears(right, "over the page")

      assert.deepStrictEqual(yield* left.peers, [page.mesh.id])
      assert.deepStrictEqual(yield* right.peers, [page.mesh.id])
    }))

  it.live("outlives the node that it came by, over one that it was told of", () =>
    Effect.gen(function*() {
      const first = yield* startNode()
      const second = yield* startNode({ bootstrap: [first.tcp] })
      yield* until("linked", Effect.map(first.peers, (peers) => peers.includes(second.id)))
      const page = yield* startPage({ bootstrap: [first.webSocket] })
      yield* isLinked(page, second)

      yield* first.stop
      yield* until("left", Effect.map(page.mesh.peers, (peers) => peers.length === 1))
      yield* page.mesh.broadcast("I am still here")

      yield* nodeHears(second, "I am still here")
    }))

  it.live("comes back to a node that starts again, without being told", () =>
    Effect.gen(function*() {
      const first = yield* startNode()
      const page = yield* startPage({ bootstrap: [first.webSocket], reconnectMax: "200 millis" })
      yield* isLinked(page, first)

      yield* first.stop
      yield* until("alone", Effect.map(page.mesh.peers, (peers) => peers.length === 0))
      const again = yield* startNode({ listenFurther: [first.webSocket] })
      yield* isLinked(page, again)

      assert.isTrue(page.events.some((event) => event._tag === "PeerLeft"))
    }))

  it.live("carries messages of any size up to the limit, both ways", () =>
    Effect.gen(function*() {
      const node = yield* startNode()
      const page = yield* startPage({ bootstrap: [node.webSocket] })
      yield* isLinked(page, node)
      const noise = Array.from({ length: 1_000_000 }, (_, index) => (Math.imul(index, 0x9e3779b1) >>> 15) & 0x7f)
      const long = String.fromCharCode(...noise.slice(0, 50_000)).repeat(20)

      yield* page.mesh.broadcast(long)
      yield* nodeHears(node, long)
      yield* node.broadcast(`${long}, too`)
      yield* pageHears(page, `${long}, too`)
    }))

  it.live("is not dialed: others are told no address of it", () =>
    Effect.gen(function*() {
      const node = yield* startNode()
      const page = yield* startPage({ bootstrap: [node.webSocket] })
      yield* isLinked(page, node)
      const other = yield* startPage({ bootstrap: [node.webSocket] })
      yield* isLinked(other, node)

      const error = yield* Effect.flip(other.mesh.whisper(page.mesh.id, "where are you?"))

      assert.strictEqual(page.mesh.address.port, 0)
      assert.strictEqual(error._tag, "PeerNotFound")
    }))

  it.live("says what it cannot dial, and why", () =>
    Effect.gen(function*() {
      const page = yield* startPage({})

      const tcp = yield* Effect.flip(page.mesh.connect("127.0.0.1:4444"))
      const nobody = yield* Effect.flip(page.mesh.connect("ws://127.0.0.1:9"))

      assert.include(tcp.message, "a WebSocket's address is ws://HOST:PORT")
      assert.include(nobody.message, "nobody answers there as a WebSocket")
    }))

  it.live("leaves its links in order when its scope closes", () =>
    Effect.gen(function*() {
      const node = yield* startNode()
      const page = yield* startPage({ bootstrap: [node.webSocket] })
      yield* isLinked(page, node)

      yield* page.mesh.broadcast("my last word")
      yield* page.stop

      yield* nodeHears(node, "my last word")
      yield* until("gone", Effect.map(node.peers, (peers) => peers.length === 0))
    }))
})
