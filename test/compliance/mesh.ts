/**
 * What a mesh node does in real time, whatever its transport, as one suite. A new Layer of a mesh adds a
 * test file that calls it, and passes.
 */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import type { NodeMeshOptions } from "../../src/Layers/NodeMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import type { MeshMessage } from "../../src/Mesh/MeshMessage.ts"
import * as Query from "../../src/Mesh/Query.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import { Transport } from "../../src/Transport/Transport.ts"
import { eventually, until } from "../utils/eventually.ts"
import { collect } from "../utils/MeshNetwork.ts"

/** What the suite has to know of a Layer. */
export interface MeshSuite<E extends { readonly _tag: string }> {
  /** A node with these settings; a new one for each call. */
  readonly layer: (options?: NodeMeshOptions) => Layer.Layer<Mesh, E>
  /** A transport that reaches such nodes, for peers that tests play by hand. */
  readonly transport: Layer.Layer<Transport>
  /** How many connections and listeners are open. Default: the sockets of this process. */
  readonly openCount?: Effect.Effect<number>
  /** The wire as these nodes speak it. Default: version 0.4 with the digests of `node:`. */
  readonly protocol?: Layer.Layer<Protocol>
}

/** A node with all that it has received and told since it was made. */
export interface SocketNode {
  readonly mesh: Mesh["Service"]
  readonly received: Array<MeshMessage>
  readonly events: Array<MeshEvent>
  readonly stop: Effect.Effect<void>
}

/** Starts a node in a scope of its own. */
export const start = <E>(layer: Layer.Layer<Mesh, E>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const mesh = Context.get(yield* Layer.buildWithScope(Layer.fresh(layer), scope), Mesh)
    const node: SocketNode = {
      mesh,
      received: yield* collect(mesh.messages, scope),
      events: yield* collect(mesh.events, scope),
      stop: Scope.close(scope, Exit.void)
    }
    return node
  })

/** How many links a node has. */
export const peerCount = (node: SocketNode) => Effect.map(node.mesh.peers, (peers) => peers.length)

/** How many sockets this process has, open or listening. */
export const socketCount = Effect.sync(() =>
  process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS)/.test(name)).length
)

/** Runs the suite; for a `describe` of its own. */
export const meshSuite = <E extends { readonly _tag: string }>(suite: MeshSuite<E>): void => {
  /** Nodes of which each is linked to the one before. */
  const startLine = Effect.fnUntraced(function*(count: number, options: NodeMeshOptions = {}) {
    const nodes: Array<SocketNode> = []
    for (let index = 0; index < count; index++) {
      const node = yield* start(suite.layer(options))
      if (index > 0) yield* node.mesh.connect(nodes[index - 1]!.mesh.address)
      nodes.push(node)
    }
    return nodes
  })

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

  it.live("whispers to a node that is no neighbor, which it finds and dials, and gets the reply", () =>
    Effect.gen(function*() {
      const [a, b, c] = yield* startLine(3, { maxOutboundLinks: 0 })
      yield* until("linked at both ends", Effect.map(peerCount(b!), (count) => count === 2))

      yield* a!.mesh.whisper(c!.mesh.id, "are you there?")
      yield* until("heard", Effect.sync(() => c!.received.length === 1))
      yield* c!.mesh.reply(c!.received[0]!, "I am")
      yield* until("answered", Effect.sync(() => a!.received.length === 1))

      assert.deepInclude(a!.received[0], { kind: "whisper", from: c!.mesh.id })
      assert.strictEqual(a!.received[0]!.text, "I am")
    }))

  it.live("has no peer any more that it sends away, and finds it anew for a question", () =>
    Effect.gen(function*() {
      const Square = Query.make("square", { question: Schema.Number, answer: Schema.Number })
      const [a, b] = yield* startLine(2)
      yield* b!.mesh.respond(Square, (n) => Effect.succeed(n * n))
      yield* a!.mesh.ask(Square, b!.mesh.id, 1)

      assert.isTrue(yield* a!.mesh.disconnect(b!.mesh.id))
      const count = yield* peerCount(a!)
      const answer = yield* Effect.exit(a!.mesh.ask(Square, b!.mesh.id, 12))

      assert.strictEqual(count, 0)
      assert.deepStrictEqual(answer, Exit.succeed(144))
      assert.lengthOf(a!.events.filter((event) => event._tag === "PeerLeft"), 1)
    }))

  it.live("goes on while a peer does not read, and ends that peer's link", () =>
    Effect.gen(function*() {
      const options = { maxOutboxBytes: 1_000_000, slowTimeout: "300 millis" } as const
      const [a, b] = yield* startLine(2, options)
      yield* connectStuck(suite, a!.mesh)
      yield* until("the stuck peer is linked", Effect.map(peerCount(a!), (count) => count === 2))

      // More than the kernel's buffers and the queue together hold.
      for (let i = 0; i < 150; i++) yield* a!.mesh.broadcast(randomBytes(i))

      yield* until("all came", Effect.sync(() => b!.received.length === 150))
      yield* until(
        "the link ended",
        Effect.sync(() => a!.events.some((event) => event._tag === "PeerLeft" && event.reason._tag === "TooSlow"))
      )
      assert.strictEqual(yield* peerCount(a!), 1)
    }))

  it.live("refuses a node of another subnet, and says so at both ends", () =>
    Effect.gen(function*() {
      const home = yield* start(suite.layer({ subnet: "home" }))
      const away = yield* start(suite.layer({ subnet: "away" }))

      const error = yield* Effect.flip(away.mesh.connect(home.mesh.address))

      assert.include(error.message, "another network")
      yield* until(
        "told",
        Effect.sync(() => home.events.some((event) => event._tag === "Rejected" && event.direction === "inbound"))
      )
    }))

  it.live("says which port is taken, and how to choose another", () =>
    Effect.gen(function*() {
      const node = yield* start(suite.layer())

      const error: { readonly _tag: string } = yield* Effect.flip(
        start(suite.layer({ port: node.mesh.address.port }))
      )

      assert.strictEqual(error._tag, "ListenError")
      assert.include(String(error), "another program uses that port")
      const invalid: { readonly _tag: string } = yield* Effect.flip(start(suite.layer({ bootstrap: ["nowhere"] })))
      assert.strictEqual(invalid._tag, "InvalidAddress")
    }))

  it.live("leaves no socket behind when its scope closes, however often", () =>
    Effect.gen(function*() {
      const { openCount = socketCount } = suite
      // Other tests of this process may have left some that are still closing.
      const before = yield* openCount

      for (let round = 0; round < 5; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const nodes = yield* startLine(4)
          yield* nodes[0]!.mesh.broadcast("round " + round)
          assert.isAbove(yield* openCount, before)
        }))
      }

      yield* eventually(Effect.map(openCount, (count) => assert.isAtMost(count, before)))
    }))
}

/** Joins by hand and then never reads. */
const connectStuck = Effect.fnUntraced(function*<E extends { readonly _tag: string }>(
  suite: MeshSuite<E>,
  mesh: Mesh["Service"]
) {
  const context = yield* Layer.build(Layer.merge(
    suite.transport,
    suite.protocol ?? Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, Compression.layerNone]))
  ))
  const protocol = Context.get(context, Protocol)
  const transport = Context.get(context, Transport)
  const nodeId = transport.identity === undefined ? "stuck" : protocol.identityId(transport.identity, mesh.networkId)
  const payload = protocol.encodePayload({
    _tag: "Handshake",
    nodeId,
    networkId: mesh.networkId,
    address: null,
    methods: []
  })
  const connection = yield* transport.dial(mesh.address)
  yield* connection.send([frame(protocol.encode(protocol.make("whisper", nodeId, payload, 1)))])
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
