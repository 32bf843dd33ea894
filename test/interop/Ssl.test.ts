/** Our node in compatible mode among original ones over "SSL", which see one frame in each TLS record. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer } from "effect"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { FrameSplitter } from "../../src/Protocol/FrameSplitter.ts"
import type { Message } from "../../src/Protocol/Message.ts"
import type { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import { start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"
import { py2p } from "../utils/ScriptedPeer.ts"

const wire = Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, Compression.layerNone]))

/** Between a client and a node: counts the records with data that the node sends, which TLS 1.2 shows. */
const countRecords = Effect.fnUntraced(function*(to: PeerAddress) {
  const counter = { records: 0 }
  const sockets: Array<Net.Socket> = []
  const server = Net.createServer((client) => {
    const node = Net.connect(to.port, to.host)
    let rest = Buffer.alloc(0)
    node.on("data", (bytes) => {
      rest = Buffer.concat([rest, bytes])
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt16BE(3)) {
        if (rest[0] === 0x17) counter.records++
        rest = rest.subarray(5 + rest.readUInt16BE(3))
      }
    })
    for (const socket of [client, node]) sockets.push(socket.on("error", () => {}))
    client.pipe(node).pipe(client)
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )
  return { port, counter }
})

/** A client as the original Python's: no certificate, no name, no application protocol. */
const original = Effect.fnUntraced(function*(port: number, methods: ReadonlyArray<string>) {
  const protocol = Context.get(yield* Layer.build(wire), Protocol)
  const secured = yield* Deferred.make<void>()
  const received: Array<Message> = []
  const splitter = new FrameSplitter(1 << 24)
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => Tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, maxVersion: "TLSv1.2" })),
    (open) => Effect.sync(() => open.destroy())
  )
  socket.on("error", () => {}).on("secureConnect", () => Deferred.doneUnsafe(secured, Effect.void))
  socket.on("data", (bytes) => {
    const bodies: Array<Uint8Array> = []
    splitter.push(bytes, bodies)
    for (const body of bodies) {
      const message = protocol.decode(body)
      if (!isWireFault(message)) received.push(message)
    }
  })
  yield* Deferred.await(secured)
  const handshake = protocol.encodePayload({
    _tag: "Handshake",
    nodeId: "original",
    networkId: protocol.networkId("mesh", "SSL"),
    address: null,
    methods
  })
  socket.write(frame(protocol.encode(protocol.make("whisper", "original", handshake, 1))))
  return {
    received,
    say: (text: string) =>
      Effect.sync(() => {
        const payload = protocol.encodePayload({ _tag: "UserBroadcast", packets: [Buffer.from(text)] })
        const now = Math.floor(Date.now() / 1000)
        socket.write(frame(protocol.encode(protocol.make("broadcast", "original", payload, now))))
      })
  }
})

const burst = 40

const meet = Effect.fnUntraced(function*(methods: ReadonlyArray<string>) {
  const node = yield* start(NodeMesh.layerTls({ tls: { mode: "compatible" } }))
  const { counter, port } = yield* countRecords(node.mesh.address)
  const peer = yield* original(port, methods)
  yield* until("greeted", Effect.sync(() => peer.received.length === 2))
  yield* Effect.forEach(
    Array.from({ length: burst }, (_, index) => `${index}`),
    (text) => node.mesh.broadcast(text),
    { concurrency: "unbounded", discard: true }
  )
  yield* until("all came", Effect.sync(() => peer.received.length === 2 + burst))
  return { node, peer, counter }
})

describe("a node in compatible mode", () => {
  it.live("puts each frame for an original node into a record of its own, and hears it", () =>
    Effect.gen(function*() {
      const { counter, node, peer } = yield* meet(py2p)

      yield* peer.say("from an original")
      yield* until("heard", Effect.sync(() => node.received.length === 1))

      assert.strictEqual(counter.records, peer.received.length)
      assert.deepInclude(node.received[0], { from: "original", proof: "claimed" })
      assert.strictEqual(node.received[0]!.text, "from an original")
    }).pipe(Effect.scoped))

  it.live("writes to one of ours what is said together in fewer records", () =>
    Effect.gen(function*() {
      const { counter } = yield* meet(["effect-p2p:1:7"])

      assert.isBelow(counter.records, burst)
    }).pipe(Effect.scoped))
})
