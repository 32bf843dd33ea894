import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import type { MeshOptions } from "../../src/Mesh/MeshConfig.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import type { Connection } from "../../src/Transport/Transport.ts"
import { startNode, type TestNode } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"
import * as ScriptedPeer from "../utils/ScriptedPeer.ts"

const network = MemoryNetwork.layer({ latency: "10 millis" })
const methods = ["zlib", "effect-p2p:1:7"]

/**
 * Answers where the node dials it, tells of a further address, dials the node in turn under the same id, and gives up
 * the link that the node opened.
 */
const startTurning = Effect.fnUntraced(function*(node: TestNode, address: PeerAddress, further: PeerAddress) {
  const protocol = yield* Effect.provide(Protocol, MemoryMesh.layerWire("0.4"))
  const scope = yield* Effect.scope
  const network = yield* MemoryNetwork
  const id = String(address)
  const answer = (connection: Connection) =>
    Effect.gen(function*() {
      const peer = yield* ScriptedPeer.make(connection, protocol, id)
      yield* peer.handshake(node.mesh.networkId, methods, address)
      yield* peer.say("whisper", { _tag: "Peers", peers: [{ address: further, id: String(further) }] })
      const back = yield* Scope.provide(RawPeer.dial(node, { host: address.host, id, methods, address }), scope)
      yield* back.handshake
      yield* Effect.sleep("100 millis")
    }).pipe(Effect.scoped, Effect.provideService(MemoryNetwork, network), Effect.ignore)
  const listener = yield* network.transport(address.host).listen(address)
  yield* Effect.forkScoped(listener.serve(answer))
})

/** A node that dials such peers one after the other, as each tells it where the next one is. */
const lure = Effect.fnUntraced(function*(options: Partial<MeshOptions>, addressOf: (index: number) => PeerAddress) {
  const node = yield* startNode(1, { maxOutboundLinks: 1, pingInterval: "1 hour", ...options })
  for (let index = 0; index < 8; index++) yield* startTurning(node, addressOf(index), addressOf(index + 1))
  yield* Effect.forkScoped(node.mesh.connect(String(addressOf(0))))
  let most = 0
  for (let second = 0; second < 60; second++) {
    yield* TestClock.adjust("1 second")
    const peers = yield* node.mesh.peers
    most = Math.max(most, peers.filter(({ direction }) => direction === "inbound").length)
  }
  const reasons = node.events.flatMap((event) => event._tag === "PeerLeft" ? [event.reason] : [])
  return { node, most, reasons }
})

describe("peers that the node dialed, and that keep a link of theirs in place of that", () => {
  it.effect("get no more places than their source may have", () =>
    Effect.gen(function*() {
      const at = (index: number) => new PeerAddress({ host: "198.51.100.9", port: 1000 + index })
      const { most, node, reasons } = yield* lure({ maxLinksPerSource: 2 }, at)
      const left = { _tag: "SourceFull", source: "198.51.100.9", slots: "links", limit: 2 } as const
      assert.strictEqual(most, 2)
      assert.deepInclude(reasons, left)
      assert.strictEqual((yield* node.mesh.peers)[0]?.id, "198.51.100.9:1000")
    }).pipe(Effect.provide(network), Random.withSeed("one source")))

  it.effect("get no more places than there are for peers that dialed", () =>
    Effect.gen(function*() {
      // All are dialed at once, and dial in turn while there is room.
      const at = (index: number) => new PeerAddress({ host: `198.51.100.${index + 1}`, port: 1000 })
      const { most } = yield* lure({ maxInboundLinks: 2, maxOutboundLinks: 6 }, at)
      assert.strictEqual(most, 2)
    }).pipe(Effect.provide(network), Random.withSeed("many sources")))
})
