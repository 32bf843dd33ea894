/** A ring of ours, and original chord nodes that a test plays by hand as its guests. */
import { assert, it } from "@effect/vitest"
import { Effect, Logger, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Chord } from "../../src/Chord/Chord.ts"
import type { ChordOptions } from "../../src/Chord/ChordConfig.ts"
import * as Invariant from "../../src/Chord/Invariant.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import type { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { dialAs, network, type Played } from "../utils/InteropNode.ts"
import { keyPositions } from "../utils/keyPositions.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"
import { bytesOf, py2p } from "../utils/ScriptedPeer.ts"
import { startChord } from "./ChordReplay.ts"

/** The width of the rings: the default of the originals. */
export const bits = 6
/** An address on the network in memory. */
export const at = (host: string, port = 4444) => new PeerAddress({ host, port })
/** Longer than the time in which an original gets one list. */
export const pause = TestClock.adjust("2 seconds")
const decoder = new TextDecoder()

/** A test on the network in memory, with real digests. */
export const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>) =>
  it.effect(
    name,
    () => body.pipe(Effect.scoped, Effect.provide(network), Effect.provide(Logger.layer([])), Random.withSeed(name))
  )

export type Ours = Effect.Success<ReturnType<typeof startChord>>
export type Node = Chord["Service"]

/** A ring of so many of ours, each on a host of its own, that has come to rest. */
export const startRing = Effect.fnUntraced(function*(count: number, options: Partial<ChordOptions> = {}) {
  const nodes: Array<Ours> = []
  for (let index = 1; index <= count; index++) {
    const bootstrap = nodes.map(({ chord }) => chord.address).slice(0, 1)
    nodes.push(yield* startChord(at(`node${index}`), { bits, bootstrap, ...options }))
    yield* pause
  }
  yield* TestClock.adjust("2 minutes")
  yield* assertSound(nodes.map(({ chord }) => chord))
  return { nodes, chords: nodes.map(({ chord }) => chord) }
})

/** What all of ours know of the ring. */
export const snapshot = (chords: ReadonlyArray<Node>) =>
  Effect.map(Effect.forEach(chords, (chord) => chord.ring), (rings) => ({
    members: rings.flat().map((member) => member.membership)
  }))

/** The ring is one, in order, and consists of ours alone. */
export const assertSound = Effect.fnUntraced(function*(chords: ReadonlyArray<Node>) {
  const ring = yield* snapshot(chords)
  assert.deepStrictEqual(Invariant.violations(ring), [])
  assert.deepStrictEqual(Invariant.astray(ring), [])
  const ids = new Set(chords.map((chord) => chord.id))
  for (const chord of chords) {
    for (const { fingers, membership } of yield* chord.ring) {
      for (const finger of fingers.values()) assert.isTrue(ids.has(finger.nodeId))
      for (const successor of membership.successors) assert.isTrue(ids.has(successor.nodeId) || successor.nodeId === "")
    }
  }
})

/** What nodes of rings of that width say of their network. */
export const networkIdOf = (width = bits) =>
  Effect.map(Protocol, (protocol) => protocol.chordNetworkId(protocol.networkId("chord", "Plaintext"), width))

/** A connection of an original node that has said nothing yet. */
export const dial = (chord: Node, id: string, host: string) => dialAs(id, chord.address, host)

/** An original node that has said who it is. */
export const meet = Effect.fnUntraced(function*(chord: Node, id = "9", host = "original", address = at(host)) {
  const peer = yield* dial(chord, id, host)
  yield* peer.handshake(yield* networkIdOf(), py2p, address)
  yield* TestClock.adjust("100 millis")
  return peer
})

/** What an original was told of one kind. */
export const says = (peer: Played, tag: Payload["_tag"]) =>
  peer.received.flatMap((one) => one.says?._tag === tag ? [one.says] : [])

/** How often originals were told something of one kind. */
export const count = (peers: ReadonlyArray<Played>, tag: Payload["_tag"]) =>
  peers.reduce((sum, peer) => sum + says(peer, tag).length, 0)

/** The five places of a key, as the originals name them. */
export const placesOf = (key: string) =>
  Effect.map(Hashing, (hashing) => keyPositions(hashing, bytesOf(key))).pipe(Effect.provide(NodeHashing.layer))

/** Stores a value under the first so many tables, by these connections in turn. */
export const store = Effect.fnUntraced(
  function*(peers: ReadonlyArray<Played>, key: string, value: string, tableCount = 5) {
    for (const [index, { position, table }] of (yield* placesOf(key)).slice(0, tableCount).entries()) {
      yield* peers[index % peers.length]!.say("whisper", { _tag: "Store", table, key: position, value: bytesOf(value) })
    }
  }
)

/** What an original gets that looks a key up: one answer for each table, or fewer. */
export const lookUp = Effect.fnUntraced(function*(peer: Played, key: string) {
  const before = peer.received.length
  const places = yield* placesOf(key)
  for (const { position, table } of places) {
    yield* peer.say("whisper", { _tag: "Retrieve", table, key: position })
  }
  yield* pause
  return peer.received.slice(before).flatMap(({ message, says }) => {
    if (says?._tag !== "Retrieved") return []
    assert.strictEqual(message.type, "whisper")
    assert.isTrue(places.some(({ position, table }) => table === says.table && position === says.key))
    return [decoder.decode(says.value)]
  })
})

/** A value at all five places. */
export const five = (value: string) => [value, value, value, value, value]
/** The value of a key, by one of ours. */
export const get = (chord: Node, key: string) => whileTimePasses(chord.get(key))
/** How many links others dialed to one of ours. */
export const inboundOf = (chord: Node) => Effect.map(chord.stats, (stats) => stats.calls.inboundLinks)
