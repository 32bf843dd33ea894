import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { frame } from "../../src/Protocol/Frame.ts"
import type { PeerEntry } from "../../src/Protocol/Payload.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Handshake from "../../src/Transport/Handshake.ts"
import * as Link from "../../src/Transport/Link.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import {
  bytesOf,
  connectHosts,
  js2p,
  linkOptions,
  make as makePeer,
  ours,
  py2p,
  type ScriptedPeer,
  whisperOf,
  wire
} from "../utils/ScriptedPeer.ts"

const options: Handshake.HandshakeOptions = {
  nodeId: "me",
  networkId: "network",
  address: new PeerAddress({ host: "near", port: 4444 }),
  timeout: "10 seconds"
}

const address = new PeerAddress({ host: "far", port: 5555 })

const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(Layer.merge(wire, MemoryNetwork.layer()))))

/** A link that waits for a handshake, and the peer, played by the test, that owes it one. */
const waiting = Effect.fnUntraced(
  function*(direction: Link.Link["direction"] = "outbound", host?: string, far?: string) {
    const protocol = yield* Protocol
    const { accepted, dialed } = yield* connectHosts("near", far)
    const link = yield* Link.make({ ...dialed, host }, 7, direction, linkOptions)
    const peer = yield* makePeer(accepted, protocol, "peer")
    const learned: Array<PeerEntry> = []
    const met = yield* Effect.forkChild(Handshake.receive(link, options, (peers) => void learned.push(...peers)))
    const reason = Effect.map(Effect.flip(Fiber.join(met)), (error) => error.reason)
    return { protocol, link, peer, learned, met, identity: Fiber.join(met), reason }
  }
)

/** The address under which the link files a peer on `far` that announces this one; `host` is where that name led. */
const reachableAs = Effect.fnUntraced(function*(announced: PeerAddress | null, host?: string, far?: string) {
  const { identity, peer } = yield* waiting("outbound", host, far)
  yield* peer.handshake("network", js2p, announced)
  return String((yield* identity).address)
})

describe("Handshake", () => {
  test(
    "lets two of ours know each other when both speak at once",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* connectHosts()
      const meet = Effect.fnUntraced(function*(link: Link.Link, nodeId: string) {
        const own = { ...options, nodeId, address: new PeerAddress({ host: nodeId, port: 1 }) }
        yield* Handshake.introduce(link, own)
        const identity = yield* Handshake.receive(link, own, () => {})
        return [identity.id, String(identity.address), link.capabilities, link.method?.name]
      })

      const found = yield* Effect.all([
        Effect.flatMap(Link.make(dialed, 3, "outbound", linkOptions), (link) => meet(link, "a")),
        Effect.flatMap(Link.make(accepted, 8, "inbound", linkOptions), (link) => meet(link, "b"))
      ], { concurrency: "unbounded" })

      const capabilities = (nonce: string) => ({ extended: true, renegotiates: true, nonce })
      assert.deepStrictEqual(found, [
        ["b", "b:1", capabilities("8"), "zlib"],
        ["a", "a:1", capabilities("3"), "zlib"]
      ])
    })
  )

  test(
    "says who this node is, plain, with the methods it reads and the number of the link",
    Effect.gen(function*() {
      const { link, peer } = yield* waiting()

      yield* Handshake.introduce(link, options)
      const { isCompressed, message, says } = yield* peer.next("Handshake")

      assert.deepStrictEqual([message.type, message.sender, isCompressed], ["whisper", "me", false])
      assert.deepStrictEqual(says, {
        _tag: "Handshake",
        nodeId: "me",
        networkId: "network",
        address: options.address,
        methods: ["zlib", "gzip", "snappy", "lz-string", "effect-p2p:1:7"]
      })
    })
  )

  for (
    const [name, methods, extended, renegotiates] of [
      ["py2p", py2p, false, true],
      ["js2p", js2p, false, false],
      ["ours", ours, true, true]
    ] as const
  ) {
    test(
      `knows ${name} by its methods`,
      Effect.gen(function*() {
        const { identity, link, peer } = yield* waiting()

        yield* peer.handshake("network", methods, address)

        assert.deepStrictEqual({ ...(yield* identity) }, { id: "peer", address, furtherAddresses: [] })
        assert.deepInclude(link.capabilities, { extended, renegotiates })
        assert.strictEqual(link.method?.name, "zlib")
      })
    )
  }

  test(
    "keeps what came in one piece with it",
    Effect.gen(function*() {
      const { identity, link, peer, protocol } = yield* waiting()
      const parts = [
        protocol.encodePayload({ _tag: "Handshake", nodeId: "peer", networkId: "network", address, methods: [] }),
        protocol.encodePayload(whisperOf("at once")),
        protocol.encodePayload(whisperOf("and again"))
      ].map((payload) => frame(protocol.encode(protocol.make("whisper", "peer", payload, 0))))

      yield* peer.write(new Uint8Array(Buffer.concat(parts)))
      yield* identity
      const rest = yield* link.pull

      assert.deepStrictEqual(rest.map((message) => protocol.decodePayload(message.payload)), [
        whisperOf("at once"),
        whisperOf("and again")
      ])
    })
  )

  test(
    "takes a peer by the id in its handshake, not by the sender of the message",
    Effect.gen(function*() {
      const { identity, peer, protocol } = yield* waiting()
      const payload = protocol.encodePayload({
        _tag: "Handshake",
        nodeId: "real",
        networkId: "network",
        address,
        methods: []
      })

      yield* peer.send(protocol.make("whisper", "somebody else", payload, 0))

      assert.strictEqual((yield* identity).id, "real")
    })
  )

  test(
    "is given up after its timeout, which bytes that trickle in do not extend",
    Effect.gen(function*() {
      const { met, peer, reason } = yield* waiting("inbound")

      yield* peer.write(Uint8Array.of(0, 0, 1, 0))
      for (let i = 0; i < 9; i++) {
        yield* TestClock.adjust("1 second")
        yield* peer.write(Uint8Array.of(i))
      }
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(met.pollUnsafe())
      yield* TestClock.adjust("1 millis")

      assert.deepStrictEqual(yield* reason, { _tag: "HandshakeTimeout", afterMillis: 10_000 })
    })
  )

  test(
    "is given up in time also when a list and pings come in its place all the while",
    Effect.gen(function*() {
      const { peer, reason } = yield* waiting("outbound")
      yield* peer.say("whisper", { _tag: "Peers", peers: [] })

      for (let i = 0; i < 20; i++) {
        yield* peer.say("ping", { _tag: "Ping", packets: [] })
        yield* TestClock.adjust("500 millis")
      }

      assert.deepStrictEqual(yield* reason, { _tag: "HandshakeTimeout", afterMillis: 10_000 })
    })
  )

  test(
    "of another network is refused, with both network ids",
    Effect.gen(function*() {
      const { link, peer, reason } = yield* waiting()

      yield* peer.handshake("elsewhere", ours, address)

      assert.deepStrictEqual(yield* reason, { _tag: "NetworkMismatch", own: "network", peer: "elsewhere" })
      assert.isTrue(link.capabilities.extended)
    })
  )

  test(
    "of another network is refused at both ends, when both are ours",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* connectHosts()
      const meet = Effect.fnUntraced(function*(link: Link.Link, nodeId: string, networkId: string) {
        const own = { ...options, nodeId, networkId }
        yield* Handshake.introduce(link, own)
        const { reason } = yield* Effect.flip(Handshake.receive(link, own, () => {}))
        return reason
      })

      const reasons = yield* Effect.all([
        Effect.flatMap(Link.make(dialed, 1, "outbound", linkOptions), (link) => meet(link, "a", "one")),
        Effect.flatMap(Link.make(accepted, 1, "inbound", linkOptions), (link) => meet(link, "b", "two"))
      ], { concurrency: "unbounded" })

      assert.deepStrictEqual(reasons, [
        { _tag: "NetworkMismatch", own: "one", peer: "two" },
        { _tag: "NetworkMismatch", own: "two", peer: "one" }
      ])
    })
  )

  test(
    "with the own id shows a connection to oneself",
    Effect.gen(function*() {
      const { peer, protocol, reason } = yield* waiting()
      const payload = { _tag: "Handshake", nodeId: "me", networkId: "network", address, methods: ours } as const

      yield* peer.send(protocol.make("whisper", "me", protocol.encodePayload(payload), 0))

      assert.deepStrictEqual(yield* reason, { _tag: "SelfConnection" })
    })
  )

  test(
    "with an id that is empty or endless is refused",
    Effect.gen(function*() {
      for (const [id, length] of [["", 0], ["x".repeat(257), 257]] as const) {
        const { peer, protocol, reason } = yield* waiting()
        const payload = { _tag: "Handshake", nodeId: id, networkId: "network", address, methods: ours } as const

        yield* peer.send(protocol.make("whisper", id, protocol.encodePayload(payload), 0))

        assert.deepStrictEqual(yield* reason, { _tag: "HandshakeInvalid", detail: `an id of ${length} characters` })
      }
    })
  )

  test(
    "must come first from who dialed",
    Effect.gen(function*() {
      const says: ReadonlyArray<(peer: ScriptedPeer) => Effect.Effect<void>> = [
        (peer) => peer.say("whisper", whisperOf("hello")),
        (peer) => peer.say("broadcast", { _tag: "RequestPeers" }),
        (peer) => peer.say("whisper", { _tag: "Peers", peers: [] })
      ]
      for (const speak of says) {
        const { peer, reason } = yield* waiting("inbound")

        yield* speak(peer)

        assert.strictEqual((yield* reason)._tag, "HandshakeInvalid")
      }
    })
  )

  test(
    "comes first, or what came is not even read",
    Effect.gen(function*() {
      for (const direction of ["inbound", "outbound"] as const) {
        const { peer, protocol, reason } = yield* waiting(direction)

        yield* peer.send(protocol.make("whisper", "peer", [Uint8Array.of(1), bytesOf("not JSON")], 0))

        assert.deepStrictEqual(yield* reason, {
          _tag: "HandshakeInvalid",
          detail: "a message of type whisper came first"
        })
      }
    })
  )

  test(
    "that cannot be read is refused, saying why",
    Effect.gen(function*() {
      const { peer, protocol, reason } = yield* waiting()
      const packets = [Uint8Array.of(3), bytesOf("peer"), bytesOf("network"), bytesOf("not JSON"), bytesOf("[]")]

      yield* peer.send(protocol.make("whisper", "peer", packets, 0))

      assert.deepStrictEqual(yield* reason, { _tag: "HandshakeInvalid", detail: "a packet that is not JSON" })
    })
  )

  test(
    "may be replaced by a list of peers and a goodbye, when the slots of who was dialed are taken",
    Effect.gen(function*() {
      const { learned, peer, reason } = yield* waiting("outbound")
      const entry = { address, id: "another" }

      yield* peer.say("whisper", { _tag: "Peers", peers: [entry] })
      yield* peer.say("whisper", {
        _tag: "Custom",
        subFlag: bytesOf("goodbye"),
        packets: [bytesOf("Full"), bytesOf("no room")]
      })

      assert.deepStrictEqual(yield* reason, { _tag: "Goodbye", reason: "Full", detail: "no room" })
      assert.deepStrictEqual(learned.map(({ address, id }) => [String(address), id]), [["far:5555", "another"]])
    })
  )

  test(
    "comes behind one list of peers at most: the second is not read",
    Effect.gen(function*() {
      const { learned, peer, reason } = yield* waiting("outbound")
      const list = (id: string) => ({ _tag: "Peers", peers: [{ address, id }] }) as const

      for (const id of ["first", "second"]) yield* peer.say("whisper", list(id))

      assert.deepStrictEqual(yield* reason, { _tag: "HandshakeInvalid", detail: "a second list of peers came first" })
      assert.deepStrictEqual(learned.map(({ id }) => id), ["first"])
    })
  )

  test(
    "is not waited for when the connection ends",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* connectHosts()
      const link = yield* Link.make(accepted, 1, "inbound", linkOptions)
      const met = yield* Effect.forkChild(Effect.flip(Handshake.receive(link, options, () => {})))
      yield* TestClock.adjust("1 millis")

      const network = yield* MemoryNetwork
      yield* network.crash("near")
      const { reason } = yield* Fiber.join(met)

      assert.deepStrictEqual(reason, { _tag: "ConnectionLost", clean: false, detail: "reset" })
      assert.strictEqual(String(dialed.remote.host), "far")
    })
  )

  test(
    "announces an address that can be dialed: every address of a machine is the one it is seen at",
    Effect.gen(function*() {
      const at = (host: string, port: number) => reachableAs(new PeerAddress({ host, port }))

      assert.strictEqual(yield* at("elsewhere", 99), "elsewhere:99")
      assert.strictEqual(yield* at("0.0.0.0", 99), "far:99")
      assert.strictEqual(yield* at("::", 99), "far:99")
      assert.strictEqual(yield* at("elsewhere", 0), "undefined")
      assert.strictEqual(yield* at("0.0.0.0", 0), "undefined")
      assert.strictEqual(yield* reachableAs(null), "undefined")
    })
  )

  test(
    "takes every address of a machine that was dialed by a name for the one to which that led",
    Effect.gen(function*() {
      const at = (host: string) => reachableAs(new PeerAddress({ host, port: 99 }), "192.0.2.7")

      assert.strictEqual(yield* at("0.0.0.0"), "192.0.2.7:99")
      assert.strictEqual(yield* at("ws://0.0.0.0"), "ws://192.0.2.7:99")
      // Its certificate is for the name.
      assert.strictEqual(yield* at("wss://0.0.0.0"), "wss://far:99")
      assert.strictEqual(yield* at("elsewhere"), "elsewhere:99")
    })
  )

  test(
    "takes an IPv4 address for one, however a socket for both families writes it",
    Effect.gen(function*() {
      const at = (far: string) => reachableAs(new PeerAddress({ host: "0.0.0.0", port: 99 }), undefined, far)

      assert.strictEqual(yield* at("::ffff:192.0.2.7"), "192.0.2.7:99")
      assert.strictEqual(yield* at("::ffff:c000:207"), "192.0.2.7:99")
      assert.strictEqual(yield* at("2001:DB8::7"), "[2001:DB8::7]:99")
    })
  )
})
