import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, startPublic, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const at = (host: string, port = 4444) => new PeerAddress({ host, port })
const knownCount = (node: TestNode) => Effect.map(node.mesh.stats, (stats) => stats.knownAddresses)

/** A peer of that host comes. */
const visit = Effect.fnUntraced(function*(node: TestNode, options: RawPeer.RawPeerOptions) {
  const peer = yield* whileTimePasses(RawPeer.dial(node, options))
  yield* peer.handshake
  yield* TestClock.adjust("100 millis")
  return peer
})

describe("hearsay", () => {
  it.effect("of peers about their own host is bounded as that about others", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxOutboundLinks: 0 })
      for (let port = 1; port <= 12; port++) {
        yield* visit(node, { host: "10.66.6.6", id: `${port}`, address: at("10.66.6.6", port) })
        yield* TestClock.adjust("1 second")
      }

      assert.strictEqual(yield* knownCount(node), 8)
    }).pipe(Effect.provide(network), Random.withSeed("own host")))

  it.effect("from elsewhere is taken as far as a list of peers is, and what the user learned in full", () =>
    Effect.gen(function*() {
      const node = yield* startPublic()
      const told = [
        at("127.0.0.1", 6379),
        at("victim.example.org"),
        ...Array.from({ length: 20 }, (_, index) => at("192.168.1.5", 1 + index)),
        ...Array.from({ length: 300 }, (_, index) => at(`192.168.${2 + Math.floor(index / 200)}.${1 + index % 200}`))
      ]

      assert.strictEqual(yield* node.mesh.learn(told, at("198.51.100.7")), 0)
      assert.strictEqual(yield* node.mesh.learn(told, at("192.168.1.7")), 308)
      assert.strictEqual(yield* knownCount(node), 250)
      assert.strictEqual(yield* node.mesh.learn([at("127.0.0.1", 6379)], at("127.0.0.1")), 1)
      yield* node.mesh.learn(told)
      assert.strictEqual(yield* knownCount(node), told.length)
    }).pipe(Effect.provide(network), Random.withSeed("elsewhere")))

  it.effect("of ever other hosts has a node dial three of them a second, once it has dialed all that it may need", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      const dialed = () => node.events.filter(({ _tag }) => _tag === "DialFailed").length
      for (let second = 1; second <= 60; second++) {
        const told = Array.from({ length: 200 }, (_, index) => at(`10.66.${second}.${1 + index}`))
        yield* node.mesh.learn(told, at("10.7.7.7"))
        yield* TestClock.adjust("1 second")
        if (second === 5) assert.isAtLeast(dialed(), 64)
      }

      assert.isAtMost(dialed(), 96 + 60 * 3)
    }).pipe(Effect.provide(network), Random.withSeed("ever other hosts")))

  it.effect("that was not tried yet does not wait behind much that is gone", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1)
      yield* node.mesh.learn(Array.from({ length: 150 }, (_, index) => at(`10.66.6.${1 + index}`)), at("10.7.7.7"))
      yield* TestClock.adjust("1 minute")

      const tried = new Set(node.events.flatMap((event) => event._tag === "DialFailed" ? [`${event.address}`] : []))
      assert.strictEqual(tried.size, 150)
    }).pipe(Effect.provide(network), Random.withSeed("much that is gone")))

  it.effect("of names for secure WebSockets is of names, and not of what leads elsewhere in a URL", () =>
    Effect.gen(function*() {
      const node = yield* startPublic(["", "wss"])
      const secure = (...hosts: ReadonlyArray<string>) => hosts.map((host) => at(`wss://${host}`, 443))
      const odd = secure(
        "a@127.0.0.1",
        "127.0.0.1/shutdown?now=",
        "192.168.0.1#",
        "%31%32%37.0.0.1",
        "\uff11\uff12\uff17.0.0.1",
        "localhost.",
        "a.localhost",
        "a@example.org",
        "example.org/expensive?"
      )

      assert.strictEqual(yield* node.mesh.learn(odd, at("198.51.100.7")), 0)
      assert.strictEqual(yield* node.mesh.learn(secure("example.org"), at("198.51.100.7")), 1)
      // No IPv6 address, so the system would look it up, as a name of the stranger's own.
      assert.strictEqual(yield* node.mesh.learn([at("1::2::a.example.org")], at("198.51.100.7")), 0)
    }).pipe(Effect.provide(network), Random.withSeed("secure names")))

  it.effect("about this machine is not taken from who may have come through a proxy", () =>
    Effect.gen(function*() {
      const node = yield* startPublic()
      const lie = { address: at("127.0.0.1", 6379), id: "victim" }
      const proxied = yield* visit(node, { host: "ws://127.0.0.1", id: "proxied", address: lie.address })
      yield* proxied.tell({ _tag: "Peers", peers: [lie, { address: at("10.0.0.1"), id: "inside" }] })
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* knownCount(node), 0)

      const local = yield* visit(node, { host: "127.0.0.1", id: "local" })
      yield* local.tell({ _tag: "Peers", peers: [lie] })
      yield* TestClock.adjust("100 millis")

      assert.strictEqual(yield* knownCount(node), 2)
    }).pipe(Effect.provide(network), Random.withSeed("proxy")))
})
