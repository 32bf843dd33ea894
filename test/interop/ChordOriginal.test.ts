/** Original chord nodes, played by hand, as guests of a ring of ours. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Base58 from "../../src/Protocol/Base58.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"
import { py2p } from "../utils/ScriptedPeer.ts"
import {
  assertSound,
  at,
  bits,
  dial,
  five,
  get,
  lookUp,
  meet,
  networkIdOf,
  type Node,
  pause,
  placesOf,
  says,
  snapshot,
  startRing,
  store,
  test
} from "./ChordOriginals.ts"
import { startChord } from "./ChordReplay.ts"

describe("an original chord node", () => {
  test(
    "that dials one of ours is told nothing before it speaks, then who that is and who else is there",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const members = (yield* snapshot(chords)).members.map(({ self }) => self)
      const peer = yield* dial(chords[0]!, "9", "original")
      yield* pause
      const early = peer.received.length

      yield* peer.handshake(yield* networkIdOf(), py2p, at("original"))
      yield* pause
      yield* peer.handshake(yield* networkIdOf(), py2p, at("original"))
      yield* peer.say("whisper", { _tag: "Peers", peers: [{ address: at("elsewhere"), id: "2" }] })
      yield* pause

      assert.strictEqual(early, 0)
      assert.deepStrictEqual(peer.received.map((one) => one.says?._tag), ["Handshake", "Peers"])
      const nodeId = Base58.fromInteger(members[0]!.position)
      assert.deepInclude(peer.received[0]!.says, {
        _tag: "Handshake",
        nodeId,
        networkId: yield* networkIdOf(),
        address: chords[0]!.address,
        methods: ["zlib", "gzip", "snappy", "lz-string"]
      })
      assert.isFalse(peer.received[0]!.isCompressed)
      const [list] = says(peer, "Peers")
      const named = list?._tag === "Peers" ? list.peers : []
      assert.deepStrictEqual(named[0], { address: at("original"), id: "9" })
      assert.isAbove(named.length, 1)
      for (const { address, id } of named.slice(1)) {
        const member = members.find(({ position }) => Base58.fromInteger(position) === id)
        assert.deepStrictEqual(member?.address, address)
      }
      yield* assertSound(chords)
    })
  )

  test(
    "of another ring size is left without a word",
    Effect.gen(function*() {
      const { chords } = yield* startRing(1)
      const peer = yield* dial(chords[0]!, "9", "original")

      yield* peer.handshake(yield* networkIdOf(bits + 1), py2p, at("original"))
      yield* pause

      assert.isTrue(yield* peer.isEnded)
      assert.deepStrictEqual(peer.received, [])
    })
  )

  test(
    "may ask for peers before it says who it is",
    Effect.gen(function*() {
      const { chords } = yield* startRing(1)
      const peer = yield* dial(chords[0]!, "9", "original")

      for (let index = 0; index < 3; index++) yield* peer.say("whisper", { _tag: "RequestPeers" })
      yield* pause
      yield* peer.handshake(yield* networkIdOf(), py2p, at("original"))
      yield* pause

      assert.deepStrictEqual(peer.received.map((one) => one.says?._tag), ["Handshake", "Peers"])
    })
  )

  test(
    "stores through any of ours what all of ours and other originals then find",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const peers = yield* Effect.forEach(chords, (chord) => meet(chord))
      const other = yield* meet(chords[3]!, "M", "another")

      yield* store(peers, "color", "blue")
      yield* pause

      for (const chord of chords) {
        assert.deepStrictEqual(yield* get(chord, "color"), Option.some("blue"))
        assert.deepStrictEqual(yield* get(chord, "shape"), Option.none())
      }
      const entry = yield* whileTimePasses(chords[2]!.read("color"))
      assert.isFalse(Option.getOrThrow(entry).isDegraded)
      assert.strictEqual(Option.getOrThrow(entry).version.writer, "original")
      assert.deepStrictEqual(yield* lookUp(other, "color"), five("blue"))
      assert.deepStrictEqual(yield* lookUp(other, "shape"), [])
      yield* store([other], "color", "red")
      yield* pause
      assert.deepStrictEqual(yield* lookUp(peers[1]!, "color"), five("red"))
      yield* assertSound(chords)
    })
  )

  test(
    "finds through any of ours what one of ours has set, and no more when that is deleted",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const peers = yield* Effect.forEach(chords, (chord) => meet(chord))

      yield* whileTimePasses(chords[4]!.set("color", "grün"))
      for (const peer of peers) assert.deepStrictEqual(yield* lookUp(peer, "color"), five("grün"))
      yield* whileTimePasses(chords[1]!.delete("color"))
      for (const peer of peers) assert.deepStrictEqual(yield* lookUp(peer, "color"), [])
      yield* assertSound(chords)
    })
  )

  test(
    "finds each of many keys, of which several lie at one position of a small ring",
    Effect.gen(function*() {
      const { chords } = yield* startRing(3)
      const peer = yield* meet(chords[0]!)
      const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`)

      for (const key of keys) yield* whileTimePasses(chords[1]!.set(key, `value of ${key}`))

      const positions = (yield* Effect.forEach(keys, placesOf)).map(([first]) => first!.position % 64n)
      assert.isBelow(new Set(positions).size, keys.length)
      for (const key of keys) assert.deepStrictEqual(yield* lookUp(peer, key), five(`value of ${key}`))
    })
  )

  test(
    "hears of each node once, by the name that it calls itself, also where nodes hold several places",
    Effect.gen(function*() {
      const { chords } = yield* startRing(3, { virtualNodes: 3, bits: 32 })
      const networkId = yield* networkIdOf(32)
      const greet = Effect.fnUntraced(function*(chord: Node, id: string) {
        const peer = yield* dial(chord, id, "original")
        yield* peer.handshake(networkId, py2p, at("original"))
        yield* TestClock.adjust("100 millis")
        return peer
      })
      const ids = [1n, 1n << 30n, 1n << 31n, 3n << 30n].map(Base58.fromInteger)
      const peers = yield* Effect.forEach(chords, (chord) => greet(chord, ids[0]!))
      for (const id of ids.slice(1)) peers.push(...yield* Effect.forEach(chords, (chord) => greet(chord, id)))
      const names = new Map(peers.flatMap((peer, index) =>
        says(peer, "Handshake").map((says) => [
          String(chords[index % chords.length]!.address),
          says._tag === "Handshake" ? says.nodeId : ""
        ])
      ))

      for (const peer of peers) {
        const named = says(peer, "Peers").flatMap((says) => says._tag === "Peers" ? says.peers.slice(1) : [])
        assert.strictEqual(named.length, 2)
        assert.strictEqual(new Set(named.map(({ id }) => id)).size, 2)
        for (const { address, id } of named) assert.strictEqual(id, names.get(String(address)))
      }
    })
  )

  test(
    "needs three places that agree for its value to count",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const peer = yield* meet(chords[0]!)

      yield* store([peer], "two", "value", 2)
      yield* store([peer], "three", "value", 3)
      yield* store([peer], "split", "one", 5)
      yield* pause
      yield* store([peer], "split", "other", 2)
      yield* pause

      assert.deepStrictEqual(yield* get(chords[2]!, "two"), Option.none())
      const three = Option.getOrThrow(yield* whileTimePasses(chords[2]!.read("three")))
      assert.deepInclude(three, { value: "value", isDegraded: true })
      assert.deepStrictEqual(yield* get(chords[2]!, "split"), Option.some("one"))
    })
  )

  test(
    "does not change what the dictionary has, and counts again once that was deleted before",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const peer = yield* meet(chords[0]!)

      yield* store([peer], "color", "theirs, before")
      yield* pause
      yield* whileTimePasses(chords[1]!.set("color", "ours"))
      yield* store([peer], "color", "theirs")
      yield* pause
      const set = [yield* get(chords[3]!, "color"), yield* lookUp(peer, "color")]
      yield* whileTimePasses(chords[1]!.delete("color"))
      const deleted = [yield* get(chords[3]!, "color"), yield* lookUp(peer, "color")]
      yield* store([peer], "color", "theirs, after")
      yield* pause
      const after = [yield* get(chords[3]!, "color"), yield* lookUp(peer, "color")]

      assert.deepStrictEqual(set, [Option.some("ours"), five("ours")])
      assert.deepStrictEqual(deleted, [Option.none(), []])
      assert.deepStrictEqual(after, [Option.some("theirs, after"), five("theirs, after")])
    })
  )

  test(
    "does not bring back what it stored while a value of ours lasted that has expired",
    Effect.gen(function*() {
      const { chords } = yield* startRing(3)
      const peer = yield* meet(chords[0]!)

      yield* whileTimePasses(chords[1]!.set("color", "ours", { ttl: "10 seconds" }))
      yield* pause
      yield* store([peer], "color", "theirs")
      yield* TestClock.adjust("20 seconds")
      const expired = [yield* get(chords[2]!, "color"), yield* lookUp(peer, "color")]
      yield* store([peer], "color", "theirs")
      yield* pause
      const after = yield* lookUp(peer, "color")

      assert.deepStrictEqual(expired, [Option.none(), []])
      assert.deepStrictEqual(after, five("theirs"))
    })
  )

  test(
    "finds at once what it has just stored",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const peer = yield* meet(chords[2]!)

      yield* store([peer], "color", "blue")
      const found = yield* lookUp(peer, "color")

      assert.deepStrictEqual(found, five("blue"))
    })
  )

  test(
    "still has its values when nodes of ours join, leave and crash",
    Effect.gen(function*() {
      const { chords, nodes } = yield* startRing(5)
      const peer = yield* meet(chords[0]!)
      yield* store([peer], "color", "blue")
      yield* pause

      const late = yield* startChord(at("node6"), { bits, bootstrap: [chords[0]!.address] })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* get(late.chord, "color"), Option.some("blue"))
      yield* nodes[3]!.stop
      yield* Effect.flatMap(MemoryNetwork, (net) => net.crash("node5"))
      yield* TestClock.adjust("2 minutes")

      const left = [...chords.slice(0, 3), late.chord]
      yield* assertSound(left)
      for (const chord of left) assert.deepStrictEqual(yield* get(chord, "color"), Option.some("blue"))
      assert.deepStrictEqual(yield* lookUp(peer, "color"), five("blue"))
    })
  )

  test(
    "has its values at every place after two nodes of five have crashed at once",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const peer = yield* meet(chords[0]!)
      yield* Effect.forEach(["a", "b", "c"], (key) => store([peer], key, `value of ${key}`))
      yield* pause

      const net = yield* MemoryNetwork
      yield* net.crash("node2")
      yield* net.crash("node4")
      yield* TestClock.adjust("3 minutes")

      yield* assertSound([chords[0]!, chords[2]!, chords[4]!])
      for (const key of ["a", "b", "c"]) assert.deepStrictEqual(yield* lookUp(peer, key), five(`value of ${key}`))
    })
  )

  test(
    "is a link like others, and finds nothing, where originals are not let in",
    Effect.gen(function*() {
      const { chords } = yield* startRing(2, { originals: false })
      const peer = yield* meet(chords[0]!)
      yield* whileTimePasses(chords[1]!.set("color", "blue"))

      yield* store([peer], "key", "value")
      const found = yield* lookUp(peer, "color")

      assert.deepStrictEqual(found, [])
      assert.deepStrictEqual(yield* get(chords[1]!, "key"), Option.none())
      assert.isFalse(yield* peer.isEnded)
    })
  )
})
