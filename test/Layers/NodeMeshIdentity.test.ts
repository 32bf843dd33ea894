/** Ids that are proven: who has a key is its node, and nobody else is. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Stream } from "effect"
import * as fs from "node:fs"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import type { Packet } from "../../src/Protocol/Packet.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import * as NodeIdentity from "../../src/Transport/NodeIdentity.ts"
import * as NodeTls from "../../src/Transport/NodeTls.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { Transport } from "../../src/Transport/Transport.ts"
import { directory } from "../compliance/chord.ts"
import { peerCount, start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"

const wire = Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, Compression.layerNone]))

/** Somebody with a key of their own, who says what they like in their handshake. */
const impostor = Effect.gen(function*() {
  const context = yield* Layer.build(Layer.merge(wire, NodeTls.layer()))
  const protocol = Context.get(context, Protocol)
  const transport = Context.get(context, Transport)
  const handshake = (nodeId: string, networkId: string) => {
    const payload = protocol.encodePayload({
      _tag: "Handshake",
      nodeId,
      networkId,
      address: null,
      methods: ["effect-p2p:1:7"]
    })
    return frame(protocol.encode(protocol.make("whisper", nodeId, payload, 1)))
  }
  return { protocol, transport, handshake }
})

describe("a node with an identity", () => {
  it.live("has the id of its key, the same after a restart, in a directory that only its owner can enter", () =>
    Effect.gen(function*() {
      const identity = `${yield* directory}/deep/own`
      const first = yield* start(NodeMesh.layerTls({ identity }))
      yield* first.stop

      const again = yield* start(NodeMesh.layerTls({ identity }))
      const { identity: kept, isNew } = yield* NodeIdentity.open(identity)
      const protocol = yield* Effect.provide(Protocol, wire)

      assert.strictEqual(again.mesh.id, first.mesh.id)
      assert.strictEqual(again.mesh.id, protocol.identityId(kept.publicKey, again.mesh.networkId))
      assert.isFalse(isNew)
      assert.strictEqual(fs.statSync(identity).mode & 0o777, 0o700)
      assert.strictEqual(fs.statSync(`${identity}/identity.key`).mode & 0o777, 0o600)
    }))

  it.live("does not start when others can read its key, and says what to do", () =>
    Effect.gen(function*() {
      const own = `${yield* directory}/own`
      yield* NodeIdentity.open(own)

      fs.chmodSync(`${own}/identity.key`, 0o640)
      const readable = yield* Effect.flip(start(NodeMesh.layerTls({ identity: own })))
      fs.chmodSync(`${own}/identity.key`, 0o600)
      fs.chmodSync(own, 0o755)
      const open = yield* Effect.flip(start(NodeMesh.layerTls({ identity: own })))
      fs.chmodSync(own, 0o700)
      fs.writeFileSync(`${own}/identity.key`, "rubbish")
      const rubbish = yield* Effect.flip(start(NodeMesh.layerTls({ identity: own })))

      assert.deepInclude(readable, { _tag: "IdentityError", kind: "Exposed" })
      assert.include(readable.message, "chmod 600")
      assert.deepInclude(open, { _tag: "IdentityError", kind: "Exposed" })
      assert.deepInclude(rubbish, { _tag: "IdentityError", kind: "Invalid" })
    }))

  it.live("is made once, however many open the directory at the same time", () =>
    Effect.gen(function*() {
      const own = `${yield* directory}/own`

      const opened = yield* Effect.forEach(Array.from({ length: 8 }), () => NodeIdentity.open(own), {
        concurrency: "unbounded"
      })

      assert.lengthOf(new Set(opened.map(({ identity }) => NodeIdentity.fingerprint(identity.publicKey))), 1)
      assert.deepStrictEqual(fs.readdirSync(own), ["identity.key"])
    }))

  it.live("keeps its id when another key claims it, linked or not, and both ends hear why", () =>
    Effect.gen(function*() {
      const victim = yield* start(NodeMesh.layerTls())
      const host = yield* start(NodeMesh.layerTls())
      yield* victim.mesh.connect(host.mesh.address)
      const { handshake, protocol, transport } = yield* impostor

      const connection = yield* transport.dial(host.mesh.address)
      yield* connection.send([handshake(victim.mesh.id, host.mesh.networkId)])
      const bytes: Array<Uint8Array> = []
      yield* connection.incoming.pipe(
        Stream.runForEach((chunk) => Effect.sync(() => void bytes.push(chunk))),
        Effect.ignore
      )

      assert.include(Buffer.concat(bytes).toString("latin1"), "IdentityMismatch")
      const rejected = host.events.flatMap((event) => event._tag === "Rejected" ? [event.reason] : [])
      assert.deepStrictEqual(rejected, [{
        _tag: "IdentityMismatch",
        claimed: victim.mesh.id,
        proven: protocol.identityId(transport.identity!, host.mesh.networkId)
      }])
      assert.deepStrictEqual((yield* host.mesh.peers).map(({ id }) => id), [victim.mesh.id])
      yield* victim.mesh.broadcast("still me")
      yield* until("heard", Effect.sync(() => host.received.length === 1))
      assert.strictEqual(host.received[0]!.proof, "proven")
    }).pipe(Effect.scoped))

  it.live("gets its id back from who claims it over a WebSocket, and keeps it", () =>
    Effect.gen(function*() {
      const host = yield* start(NodeMesh.layerTls({ listenFurther: ["ws://127.0.0.1:0"], maxOutboundLinks: 0 }))
      const victim = yield* start(NodeMesh.layerTls({ maxOutboundLinks: 0 }))
      const door = host.mesh.addresses[1]!
      const protocol = yield* Effect.provide(Protocol, wire)
      const transport = NodeWebSocket.make()
      const hello = protocol.encodePayload({
        _tag: "Handshake",
        nodeId: victim.mesh.id,
        networkId: protocol.networkId("mesh", "Plaintext"),
        address: null,
        methods: ["effect-p2p:1:7"]
      })
      const say = (payload: ReadonlyArray<Packet>) =>
        frame(protocol.encode(protocol.make("whisper", victim.mesh.id, payload, 1)))
      /** Claims the id, and says something all the time, so that its link is alive; gives what is said to it. */
      const claim = Effect.gen(function*() {
        const connection = yield* transport.dial(door)
        const heard: Array<Uint8Array> = []
        yield* connection.send([say(hello)])
        yield* Effect.forkScoped(
          Effect.ignore(Stream.runForEach(connection.incoming, (chunk) => Effect.sync(() => void heard.push(chunk))))
        )
        const noise = say([new TextEncoder().encode("noise")])
        yield* Effect.forkScoped(
          Effect.ignore(Effect.forever(Effect.andThen(Effect.sleep(20), connection.send([noise]))))
        )
        return Effect.sync(() => Buffer.concat(heard).toString("latin1"))
      })
      const heardFirst = yield* claim
      yield* until("claimed", Effect.map(peerCount(host), (count) => count === 1))

      yield* victim.mesh.connect(host.mesh.address)
      yield* until("linked", Effect.map(peerCount(victim), (count) => count === 1))
      yield* until("known", Effect.map(heardFirst, (text) => text.includes("Duplicate")))
      const heardThen = yield* claim
      yield* until("refused", Effect.map(heardThen, (text) => text.includes("Duplicate")))
      yield* Effect.sleep(200)
      yield* host.mesh.whisper(victim.mesh.id, "a secret")

      yield* until("told", Effect.sync(() => victim.received.some(({ text }) => text === "a secret")))
      assert.notInclude((yield* heardFirst) + (yield* heardThen), "a secret")
      assert.deepStrictEqual(
        host.events.map(({ _tag }) => _tag).filter((tag) => tag.startsWith("Peer")),
        ["PeerJoined", "PeerLeft", "PeerJoined"]
      )
    }).pipe(Effect.scoped))

  it.live("does not take a listener for a node whose key that has not", () =>
    Effect.gen(function*() {
      const victim = yield* start(NodeMesh.layerTls())
      const dialer = yield* start(NodeMesh.layerTls())
      const { handshake, transport } = yield* impostor
      const listener = yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port: 0 }))
      yield* Effect.forkScoped(listener.serve((connection) =>
        Effect.andThen(
          Effect.ignore(connection.send([handshake(victim.mesh.id, victim.mesh.networkId)])),
          Effect.ignore(Stream.runDrain(connection.incoming))
        )
      ))

      const error = yield* Effect.flip(dialer.mesh.connect(listener.address))

      assert.strictEqual(error._tag === "ConnectError" ? error.reason._tag : error._tag, "IdentityMismatch")
      assert.include(error.message, "but its key is that of")
    }).pipe(Effect.scoped))

  it.live("and one without TLS tell each other what keeps them apart, whoever dials", () =>
    Effect.gen(function*() {
      const secure = yield* start(NodeMesh.layerTls())
      const plain = yield* start(NodeMesh.layer())

      const fromPlain = yield* Effect.flip(plain.mesh.connect(secure.mesh.address))
      const fromSecure = yield* Effect.flip(secure.mesh.connect(plain.mesh.address))
      const rejections = (events: typeof secure.events, direction: string) =>
        events.flatMap((event) =>
          event._tag === "Rejected" && event.direction === direction && event.reason._tag === "TlsRefused"
            ? [event.reason.fault]
            : []
        )
      yield* until("told", Effect.sync(() => rejections(plain.events, "inbound").length > 0))

      assert.include(fromPlain.message, "the other end speaks TLS, this node does not")
      assert.include(fromSecure.message, "the other end does not speak TLS")
      assert.deepStrictEqual(rejections(secure.events, "inbound"), ["PlaintextPeer"])
      assert.deepStrictEqual(rejections(plain.events, "inbound"), ["TlsPeer"])
    }))

  it.live("takes its mode, its files and whether it signs from Config", () =>
    Effect.gen(function*() {
      const own = `${yield* directory}/own`
      const configured = (env: Readonly<Record<string, string>>) =>
        NodeMesh.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...env } }))))

      const one = yield* start(configured({ P2P_TLS: "pinned", P2P_IDENTITY: own }))
      const two = yield* start(configured({ P2P_TLS: "pinned", P2P_BOOTSTRAP: String(one.mesh.address) }))
      yield* until("linked", Effect.map(peerCount(two), (count) => count === 1))
      const wrong = yield* Effect.flip(start(configured({ P2P_TLS: "strong" })))
      const lacking = yield* Effect.flip(start(configured({ P2P_TLS: "authority", P2P_TLS_CA: "nowhere.pem" })))

      assert.isTrue(fs.existsSync(`${own}/identity.key`))
      assert.strictEqual(wrong._tag, "ConfigError")
      assert.deepInclude(lacking, { _tag: "IdentityError", kind: "Unreadable", path: "nowhere.pem" })
    }))
})
