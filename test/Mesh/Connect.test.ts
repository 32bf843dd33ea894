import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Random, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { ConnectError } from "../../src/Mesh/MeshError.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { goodbye } from "../../src/Transport/Goodbye.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import type { Connection } from "../../src/Transport/Transport.ts"
import { startMesh } from "../hostile/Simulated.ts"
import { peerIds, startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"
import { make as makePeer, ours } from "../utils/ScriptedPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })

const reasonOf = (node: TestNode, address: string) =>
  whileTimePasses(Effect.flip(node.mesh.connect(address))).pipe(
    Effect.map((error) => error instanceof ConnectError ? error.reason : error)
  )

/** A node that dials one that the test plays, whose handshake has come; nothing has behind it. */
const dialByHand = Effect.gen(function*() {
  const node = yield* startNode(1, { maxOutboundLinks: 0 })
  const protocol = yield* Effect.provide(Protocol, MemoryMesh.layerWire("0.4"))
  const host = "10.0.0.2"
  const listener = yield* (yield* MemoryNetwork).transport(host).listen(new PeerAddress({ host, port: 4444 }))
  const accepted = yield* Deferred.make<Connection>()
  yield* Effect.forkScoped(
    listener.serve((connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
  )
  const connecting = yield* Effect.forkChild(node.mesh.connect(`${host}:4444`), { startImmediately: true })
  yield* TestClock.adjust("1 second")
  const dialed = yield* makePeer(yield* Deferred.await(accepted), protocol, "crossing")
  yield* dialed.handshake(node.mesh.networkId, ours, null)
  yield* TestClock.adjust("1 second")
  return { node, host, connecting, dialed }
})

describe("connect", () => {
  it.effect("gives the peer, and both ends list each other", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1), yield* startNode(2)]

      const peer = yield* whileTimePasses(a.mesh.connect(b.address))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual([peer.id, peer.direction, String(peer.address)], [b.mesh.id, "outbound", b.address])
      assert.deepStrictEqual(yield* peerIds(b), [a.mesh.id])
      assert.deepInclude(b.events[0], { _tag: "PeerJoined", id: a.mesh.id, direction: "inbound" })
    }).pipe(Effect.provide(network), Random.withSeed("connect")))

  it.effect("waits until the other end has taken the link in: what that says at once is heard", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1), yield* startNode(2)]

      yield* whileTimePasses(a.mesh.connect(b.address))
      const peers = yield* peerIds(b)
      yield* b.mesh.broadcast("hello")
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(peers, [a.mesh.id])
      assert.deepStrictEqual(a.received.map((message) => message.text), ["hello"])
    }).pipe(Effect.provide(network), Random.withSeed("welcome")))

  it.effect("fails when the link breaks before that", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1), yield* startNode(2)]
      const connecting = yield* Effect.forkChild(Effect.flip(a.mesh.connect(b.address)))
      while ((yield* a.mesh.peers).length === 0) yield* TestClock.adjust("1 millis")
      const waited = connecting.pollUnsafe()
      yield* b.crash
      yield* TestClock.adjust("1 second")

      assert.isUndefined(waited)
      const error = yield* Fiber.join(connecting)
      assert.strictEqual(error instanceof ConnectError ? error.reason._tag : "", "ConnectionLost")
    }).pipe(Effect.provide(network), Random.withSeed("broken")))

  it("fails with what the other end says instead of taking the link in", () => {
    for (const latency of ["0 millis", "20 millis"] as const) {
      for (const maxOps of [2048, 3]) {
        const exit = Simulation.run({ seed: "refused", latency }, (simulation) =>
          Effect.gen(function*() {
            const a = yield* startMesh(simulation, "a", { maxOutboundLinks: 0 })
            const b = yield* startMesh(simulation, "b", { maxOutboundLinks: 0 })
            yield* b.mesh.ban({ id: a.mesh.id })
            const error = yield* a.mesh.connect("b:4444").pipe(
              // So that the fiber stops wherever it can.
              Effect.provideService(Scheduler.MaxOpsBeforeYield, maxOps),
              Effect.flip
            )
            const reason = error instanceof ConnectError ? error.reason : undefined
            return [reason?._tag === "Goodbye" ? reason.reason : reason?._tag, yield* a.mesh.peers] as const
          }))

        assert.deepStrictEqual(exit, Exit.succeed(["Banned", []] as const), `${latency}, ${maxOps} steps at once`)
      }
    }
  })

  it.effect("gives the link there is when asked for the same address again", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1), yield* startNode(2)]
      yield* whileTimePasses(a.mesh.connect(b.address))

      const again = yield* a.mesh.connect(b.address)

      assert.strictEqual(again.id, b.mesh.id)
      assert.strictEqual(yield* Effect.flatMap(MemoryNetwork, (n) => n.connectionCount), 1)
    }).pipe(Effect.provide(network), Random.withSeed("again")))

  it.effect("dials once for all who ask for an address at the same time", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1), yield* startNode(2)]

      const connects = Array.from({ length: 5 }, () => a.mesh.connect(b.address))
      const peers = yield* whileTimePasses(Effect.all(connects, { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(new Set(peers.map((peer) => peer.id)), new Set([b.mesh.id]))
      assert.deepStrictEqual(b.events.map((event) => event._tag), ["PeerJoined"])
      const failed = yield* whileTimePasses(
        Effect.all([1, 2].map(() => Effect.flip(a.mesh.connect("10.9.9.9:1"))), { concurrency: "unbounded" })
      )
      assert.deepStrictEqual(failed.map((error) => error._tag), ["ConnectError", "ConnectError"])
    }).pipe(Effect.provide(network), Random.withSeed("together")))

  it.effect("does not dial a node again that announces another address than it was reached by", () =>
    Effect.gen(function*() {
      const announce = new PeerAddress({ host: "10.0.0.99", port: 4444 })
      const a = yield* startNode(1)
      const b = yield* startNode(2, { announce })
      const c = yield* startNode(3, { bootstrap: [new PeerAddress({ host: b.host, port: 4444 })] })

      yield* whileTimePasses(a.mesh.connect(`${b.host}:4444`))
      yield* TestClock.adjust("1 minute")

      const joined = b.events.flatMap((event) => event._tag === "PeerJoined" ? [event.id] : [])
      assert.deepStrictEqual(joined.sort(), [a.mesh.id, c.mesh.id].sort())
      assert.isBelow((yield* b.mesh.stats).received, 100)
      assert.strictEqual((yield* b.mesh.stats).rejected, 0)
    }).pipe(Effect.provide(network), Random.withSeed("announced")))

  it.effect("says that nobody listens there", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)

      const reason = yield* reasonOf(node, "10.9.9.9:1")

      assert.deepInclude(reason, { _tag: "DialError", kind: "Refused" })
    }).pipe(Effect.provide(network), Random.withSeed("refused")))

  it.effect("says that a text is no address, and how to write one", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)

      for (const text of ["", "here", "here:", ":4444", "1.2.3.4:70000", "::1:4444", "a b:1"]) {
        const error = yield* Effect.flip(node.mesh.connect(text))
        assert.strictEqual(error._tag, "InvalidAddress", text)
        assert.include(error.message, "HOST:PORT")
      }
    }).pipe(Effect.provide(network), Random.withSeed("invalid")))

  it.effect("says at both ends that the subnets differ", () =>
    Effect.gen(function*() {
      const a = yield* startNode(1, { subnet: "one" })
      const b = yield* startNode(2, { subnet: "two" })

      const reason = yield* reasonOf(a, b.address)
      yield* TestClock.adjust("1 second")

      assert.deepInclude(reason, { _tag: "NetworkMismatch", own: a.mesh.networkId, peer: b.mesh.networkId })
      const rejected = b.events.find((event) => event._tag === "Rejected")
      assert.deepInclude(rejected?.reason, { _tag: "NetworkMismatch", own: b.mesh.networkId, peer: a.mesh.networkId })
      assert.deepStrictEqual([yield* peerIds(a), yield* peerIds(b)], [[], []])
    }).pipe(Effect.provide(network), Random.withSeed("subnets")))

  it.effect("says that the address is this node itself", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)

      assert.deepInclude(yield* reasonOf(node, node.address), { _tag: "SelfConnection" })
      assert.deepStrictEqual(yield* peerIds(node), [])
    }).pipe(Effect.provide(network), Random.withSeed("self")))

  it.effect("says that a node is full, which tells where else to go", () =>
    Effect.gen(function*() {
      const full = yield* startNode(1, { maxInboundLinks: 2 })
      const [b, c] = [yield* startNode(2), yield* startNode(3)]
      yield* whileTimePasses(b.mesh.connect(full.address))
      yield* whileTimePasses(c.mesh.connect(full.address))
      const late = yield* startNode(4)

      const reason = yield* reasonOf(late, full.address)
      yield* TestClock.adjust("1 second")

      assert.deepInclude(reason, { _tag: "Goodbye", reason: "Full" })
      assert.strictEqual((yield* full.mesh.peers).length, 2)
      assert.deepStrictEqual(yield* peerIds(late), [b.mesh.id, c.mesh.id].sort())
    }).pipe(Effect.provide(network), Random.withSeed("full")))

  it.effect("leaves one link, the same at both ends, when both dial at once", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1), yield* startNode(2)]

      const [toB, toA] = yield* whileTimePasses(
        Effect.all([a.mesh.connect(b.address), b.mesh.connect(a.address)], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("5 seconds")

      assert.deepStrictEqual([toB.id, toA.id], [b.mesh.id, a.mesh.id])
      assert.strictEqual(yield* Effect.flatMap(MemoryNetwork, (n) => n.connectionCount), 1)
      const [ofA] = yield* a.mesh.peers
      const [ofB] = yield* b.mesh.peers
      assert.notStrictEqual(ofA?.direction, ofB?.direction)
      for (const node of [a, b]) {
        assert.deepStrictEqual(node.events.map((event) => event._tag), ["PeerJoined"], node.host)
      }
      yield* a.mesh.broadcast("one link")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(b.received.length, 1)
    }).pipe(Effect.provide(network), Random.withSeed("crossing")))

  it.effect("gives the other link when the one that it dialed is one too many", () =>
    Effect.gen(function*() {
      const { connecting, dialed, host, node } = yield* dialByHand
      const dialer = yield* whileTimePasses(RawPeer.dial(node, { host, id: "crossing", methods: ours }))
      yield* dialer.handshake
      yield* TestClock.adjust("100 millis")
      const waited = connecting.pollUnsafe()

      yield* dialed.say("whisper", goodbye({ _tag: "Duplicate", id: node.mesh.id }))
      yield* TestClock.adjust("1 second")

      assert.isUndefined(waited)
      const peer = yield* Fiber.join(connecting)
      assert.deepStrictEqual([peer.id, peer.direction], ["crossing", "inbound"])
      assert.deepStrictEqual(yield* peerIds(node), ["crossing"])
    }).pipe(Effect.provide(network), Random.withSeed("too many")))

  it.effect("gives the other link that the node there says that it has, though that comes later", () =>
    Effect.gen(function*() {
      const { connecting, dialed, host, node } = yield* dialByHand
      yield* dialed.say("whisper", goodbye({ _tag: "Duplicate", id: node.mesh.id }))
      yield* TestClock.adjust("2 seconds")
      const waited = connecting.pollUnsafe()
      const peersMeanwhile = yield* peerIds(node)

      const dialer = yield* whileTimePasses(RawPeer.dial(node, { host, id: "crossing", methods: ours }))
      yield* dialer.handshake
      yield* TestClock.adjust("100 millis")

      assert.deepStrictEqual([waited, peersMeanwhile], [undefined, []])
      const peer = yield* Fiber.join(connecting)
      assert.deepStrictEqual([peer.id, peer.direction], ["crossing", "inbound"])
    }).pipe(Effect.provide(network), Random.withSeed("later")))

  it.effect("fails when it says so, and no other link comes", () =>
    Effect.gen(function*() {
      const { connecting, dialed, node } = yield* dialByHand
      yield* dialed.say("whisper", goodbye({ _tag: "Duplicate", id: node.mesh.id }))
      yield* TestClock.adjust("20 seconds")

      const error = yield* Effect.flip(Fiber.join(connecting))
      assert.include(error.message, "Duplicate")
    }).pipe(Effect.provide(network), Random.withSeed("never")))

  it.effect("keeps to no address where it failed, though the node there was met", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1, { maxOutboundLinks: 0 }), yield* startNode(2, { maxOutboundLinks: 0 })]
      yield* b.mesh.ban({ id: a.mesh.id }, { for: "1 day" })

      const reason = yield* reasonOf(a, b.address)
      yield* TestClock.adjust("5 minutes")

      assert.deepInclude(reason, { _tag: "Goodbye", reason: "Banned" })
      assert.strictEqual(b.events.filter((event) => event._tag === "Rejected").length, 1)
      assert.deepStrictEqual(yield* a.mesh.waiting, [])
    }).pipe(Effect.provide(network), Random.withSeed("not kept")))

  it.effect("gives the dial up when it is interrupted", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1), yield* startNode(2)]

      yield* whileTimePasses(Effect.timeoutOption(a.mesh.connect(b.address), "15 millis"))
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual([yield* peerIds(a), yield* peerIds(b)], [[], []])
    }).pipe(Effect.provide(network), Random.withSeed("interrupted")))

  it.effect("goes on for whoever else asked for the address when one of them is interrupted", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1, { maxOutboundLinks: 0 }), yield* startNode(2, { maxOutboundLinks: 0 })]
      const asked = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.andThen(TestClock.adjust("2 millis"), Effect.forkChild(a.mesh.connect(b.address)))
      )

      yield* Fiber.interrupt(asked[0]!)
      yield* Fiber.interrupt(asked[2]!)
      yield* TestClock.adjust("1 second")

      assert.strictEqual((yield* Fiber.join(asked[1]!)).id, b.mesh.id)
      assert.deepStrictEqual(b.events.map((event) => event._tag), ["PeerJoined"])
    }).pipe(Effect.provide(network), Random.withSeed("interrupted")))

  it.effect("waits for a dial that all others give up to end, and then dials", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1, { maxOutboundLinks: 0 }), yield* startNode(2, { maxOutboundLinks: 0 })]
      const given = yield* Effect.forkChild(a.mesh.connect(b.address))
      yield* TestClock.adjust("25 millis")

      yield* Effect.forkChild(Fiber.interrupt(given), { startImmediately: true })
      const peer = yield* whileTimePasses(a.mesh.connect(b.address))
      yield* TestClock.adjust("10 seconds")

      assert.strictEqual(peer.id, b.mesh.id)
      assert.deepStrictEqual([yield* peerIds(a), yield* peerIds(b)], [[b.mesh.id], [a.mesh.id]])
    }).pipe(Effect.provide(network), Random.withSeed("given up")))

  it.effect("is given up when all who asked for the address are interrupted, and then is made anew", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1, { maxOutboundLinks: 0 }), yield* startNode(2, { maxOutboundLinks: 0 })]
      const asked = yield* Effect.forEach([1, 2], () => Effect.forkChild(a.mesh.connect(b.address)))
      yield* TestClock.adjust("5 millis")

      yield* Fiber.interruptAll(asked)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* peerIds(a), yield* peerIds(b)], [[], []])

      const again = yield* whileTimePasses(a.mesh.connect(b.address))
      assert.strictEqual(again.id, b.mesh.id)
    }).pipe(Effect.provide(network), Random.withSeed("interrupted")))

  it.effect("takes whoever answers, though a search dials the same address for another node", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* startNode(1, { maxOutboundLinks: 0 }), yield* startNode(2, { maxOutboundLinks: 0 })]
      const liar = yield* whileTimePasses(RawPeer.dial(a, { host: "10.0.1.1" }))
      yield* liar.handshake
      yield* TestClock.adjust("1 second")
      const search = yield* Effect.forkChild(Effect.exit(a.mesh.whisper("somebody", "hello")))
      yield* TestClock.adjust("20 millis")
      const [requestId] = liar.payloads().flatMap((says) => says._tag === "Request" ? [says.requestId] : [])
      yield* liar.tell({
        _tag: "Response",
        requestId: requestId!,
        address: b.mesh.address,
        nodeId: "somebody"
      })
      yield* TestClock.adjust("12 millis")

      const peer = yield* whileTimePasses(a.mesh.connect(b.address))

      assert.strictEqual(peer.id, b.mesh.id)
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(search)))
      assert.include(yield* peerIds(a), b.mesh.id)
    }).pipe(Effect.provide(network), Random.withSeed("searched")))

  it("leaves nothing of itself behind, in whichever step it is interrupted", () => {
    for (let steps = 0; steps < 20; steps++) {
      const exit = Simulation.run({ seed: "steps", latency: "1 millis" }, (simulation) =>
        Effect.gen(function*() {
          const a = yield* startMesh(simulation, "a", { maxOutboundLinks: 0 })
          yield* startMesh(simulation, "b", { maxOutboundLinks: 0 })
          // So that the fiber stops wherever it can.
          const asked = yield* a.mesh.connect("b:4444").pipe(
            Effect.provideService(Scheduler.MaxOpsBeforeYield, 3),
            Effect.forkChild
          )
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          yield* Fiber.interrupt(asked)
          yield* Effect.sleep("1 second")
          yield* simulation.restart("b")
          yield* Effect.sleep("1 second")
          yield* a.mesh.connect("b:4444")
          return (yield* a.mesh.peers).length
        }))

      assert.deepStrictEqual(exit, Exit.succeed(1), `after ${steps} steps`)
    }
  })
})
