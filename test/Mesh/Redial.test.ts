import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Layer, Queue, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startMesh } from "../hostile/Simulated.ts"
import { listenAs, network, type Played, startOurs } from "../utils/InteropNode.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"
import { ours as methods } from "../utils/ScriptedPeer.ts"

const here = new PeerAddress({ host: "10.0.0.1", port: 4444 })
const there = new PeerAddress({ host: "10.0.0.2", port: 4444 })

/** Shakes hands with whoever dials, and hangs up after so long; when it was dialed, in milliseconds. */
const hangUp = Effect.fnUntraced(function*(
  networkId: string,
  accepted: Queue.Queue<Played>,
  afterMillis: number,
  forMillis: number
) {
  const dialedAt: Array<number> = []
  for (let passed = 0; passed < forMillis;) {
    yield* TestClock.adjust("50 millis")
    passed += 50
    for (const peer of yield* Queue.clear(accepted)) {
      dialedAt.push(yield* Clock.currentTimeMillis)
      yield* peer.handshake(networkId, methods, there)
      yield* TestClock.adjust(afterMillis)
      passed += afterMillis
      yield* peer.close
    }
  }
  return dialedAt
})

describe("a node that hangs up after the handshake", () => {
  it.effect("is dialed again after ever longer waits", () =>
    Effect.gen(function*() {
      const accepted = yield* listenAs("fickle", there)
      const node = yield* startOurs(here, { bootstrap: [there] })

      const dialedAt = yield* hangUp(node.mesh.networkId, accepted, 100, 120_000)

      assert.isAtLeast(dialedAt.length, 6)
      assert.isAtMost(dialedAt.length, 12)
      assert.isAbove(dialedAt.at(-1)! - dialedAt.at(-2)!, 20_000)
      assert.isAbove(node.events.filter((event) => event._tag === "PeerJoined").length, 5)
    }).pipe(Effect.provide(network)))

  it.effect("is dialed again soon when the link has lasted some seconds", () =>
    Effect.gen(function*() {
      const accepted = yield* listenAs("lasting", there)
      const node = yield* startOurs(here, { bootstrap: [there] })

      const dialedAt = yield* hangUp(node.mesh.networkId, accepted, 7000, 60_000)

      assert.isAtLeast(dialedAt.length, 7)
    }).pipe(Effect.provide(network)))
})

/** How often somebody was turned away there. */
const turnedAwayCount = (node: TestNode) => node.events.filter(({ _tag }) => _tag === "Rejected").length

describe("a bootstrap node without a free slot", () => {
  it.effect("is left alone by a node that has its share of links, and dialed again by one that has lost it", () =>
    Effect.gen(function*() {
      const hub = yield* startNode(1, { maxInboundLinks: 1, maxOutboundLinks: 0 })
      const other = yield* startNode(2, { maxOutboundLinks: 0 })
      const first = yield* startNode(3, { maxOutboundLinks: 1, bootstrap: [hub.address] })
      yield* TestClock.adjust("5 seconds")
      const late = yield* startNode(4, { maxOutboundLinks: 1, bootstrap: [hub.address, other.address] })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* late.mesh.peers).map(({ id }) => id), [other.mesh.id])

      // Ever longer waits, beyond those for an address where nobody answers.
      yield* TestClock.adjust("5 minutes")
      const before = turnedAwayCount(hub)
      yield* TestClock.adjust("10 minutes")
      assert.isAtMost(turnedAwayCount(hub) - before, 7)

      yield* first.stop
      yield* other.crash
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* late.mesh.peers).map(({ id }) => id), [hub.mesh.id])
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("full")))
})

describe("connections that come to nothing", () => {
  it.effect("do not make the node look through its addresses", () =>
    Effect.gen(function*() {
      let drawCount = 0
      const random = yield* Random.Random
      const counting: typeof random = {
        nextIntUnsafe: () => random.nextIntUnsafe(),
        nextDoubleUnsafe: () => {
          drawCount++
          return random.nextDoubleUnsafe()
        }
      }
      const context = yield* Layer.build(MemoryMesh.layer({ host: "10.0.0.1" })).pipe(
        Effect.provideService(Random.Random, counting)
      )
      const mesh = yield* Effect.provide(Mesh, context)
      const node = { host: "10.0.0.1", address: String(mesh.address), mesh, received: [], events: [] }
      // What the node draws by itself in this time, for its waits.
      const idle = Effect.gen(function*() {
        const before = drawCount
        yield* TestClock.adjust("4 seconds")
        return drawCount - before
      })
      yield* TestClock.adjust("10 seconds")
      const quiet = yield* idle

      const before = drawCount
      for (let index = 1; index <= 40; index++) {
        const stranger = yield* whileTimePasses(
          RawPeer.dial(node, {
            host: `10.0.1.${index}`,
            networkId: "another"
          })
        )
        yield* stranger.handshake
        yield* TestClock.adjust("90 millis")
      }

      assert.strictEqual((yield* mesh.stats).rejected, 40)
      assert.isAtMost(drawCount - before, quiet + 10)
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("strangers")))
})

describe("many bootstrap nodes that do not answer", () => {
  /** A network with a node, and forty of them for it: dials there take long, and end in nothing. */
  const withDead = <A>(
    body: (simulation: Simulation.Simulation, dead: ReadonlyArray<string>) => Effect.Effect<A, unknown, Scope.Scope>
  ) =>
    Simulation.run({ seed: "dead", latency: "10 millis" }, (simulation) => {
      const hosts = Array.from({ length: 40 }, (_, index) => `dead${index}`)
      const crashed = Effect.forEach(hosts, (host) => simulation.network.crash(host, { silently: true }))
      return Effect.andThen(crashed, body(simulation, hosts.map((host) => `${host}:4444`)))
    })

  it.for([
    { maxConcurrentDials: 4, maxOutboundLinks: 4 },
    { maxConcurrentDials: 4, maxOutboundLinks: 1 },
    { maxConcurrentDials: 1, maxOutboundLinks: 4 }
  ])(
    "do not keep a node from dialing others that it hears of: $maxConcurrentDials dials at once, $maxOutboundLinks links",
    (options) => {
      const exit = withDead((simulation, bootstrap) =>
        Effect.gen(function*() {
          yield* startMesh(simulation, "alive", { maxOutboundLinks: 0 })
          const { mesh } = yield* startMesh(simulation, "node", { ...options, bootstrap })
          yield* Effect.sleep("10 minutes")
          yield* mesh.learn([new PeerAddress({ host: "alive", port: 4444 })])
          yield* Effect.sleep("30 seconds")
          return (yield* mesh.peers).length
        })
      )

      assert.deepStrictEqual(exit, Exit.succeed(1))
    }
  )

  it("do not keep a node from asking its peers for others", () => {
    const exit = withDead((simulation, bootstrap) =>
      Effect.gen(function*() {
        yield* startMesh(simulation, "hub", { maxOutboundLinks: 0 })
        const { mesh } = yield* startMesh(simulation, "node", { bootstrap: [...bootstrap, "hub:4444"] })
        yield* Effect.sleep("10 minutes")
        const late = yield* startMesh(simulation, "late", { maxOutboundLinks: 0 })
        yield* late.mesh.connect("hub:4444")
        yield* Effect.sleep("2 minutes")
        return (yield* mesh.peers).length
      })
    )

    assert.deepStrictEqual(exit, Exit.succeed(2))
  })

  it("are dialed again in turn: one that comes back is found", () => {
    const exit = withDead((simulation, bootstrap) =>
      Effect.gen(function*() {
        const { mesh } = yield* startMesh(simulation, "node", { bootstrap })
        yield* Effect.sleep("10 minutes")
        yield* startMesh(simulation, "dead39", { maxOutboundLinks: 0 })
        yield* Effect.sleep("5 minutes")
        return (yield* mesh.peers).length
      })
    )

    assert.deepStrictEqual(exit, Exit.succeed(1))
  })
})
