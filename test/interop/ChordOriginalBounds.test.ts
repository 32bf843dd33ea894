/** What originals cannot do to a ring of ours: floods, too many connections, nonsense. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import * as CallCodec from "../../src/Chord/internal/CallCodec.ts"
import { writePosition } from "../../src/Chord/internal/ChordCodec.ts"
import { type OriginalPlace, OriginalShare, placeOf } from "../../src/Chord/internal/OriginalShare.ts"
import { OriginalWork } from "../../src/Chord/internal/OriginalWork.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { custom, heard } from "../utils/CallNodes.ts"
import { type Played } from "../utils/InteropNode.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"
import { bytesOf, ours, py2p } from "../utils/ScriptedPeer.ts"
import {
  assertSound,
  at,
  bits,
  count,
  dial,
  five,
  get,
  inboundOf,
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
    "is not waited for longer because it asks for peers",
    Effect.gen(function*() {
      const { chords } = yield* startRing(1, { handshakeTimeout: "5 seconds" })
      const peer = yield* dial(chords[0]!, "9", "original")

      for (let index = 0; index < 6; index++) {
        yield* peer.say("whisper", { _tag: "RequestPeers" })
        yield* TestClock.adjust("1 second")
      }

      assert.isTrue(yield* peer.isEnded)
      assert.deepStrictEqual(peer.received, [])
    })
  )

  test(
    "that does not read is told no more after a while",
    Effect.gen(function*() {
      const { chords } = yield* startRing(2)
      const peer = yield* meet(chords[0]!)
      const [place] = yield* placesOf("large")
      const letters = Array.from({ length: 60_000 }, () => Random.nextIntBetween(32, 126))
      const large = String.fromCharCode(...(yield* Effect.all(letters)))
      yield* whileTimePasses(chords[1]!.set("large", large))
      const net = yield* MemoryNetwork

      for (let index = 0; index < 300; index++) {
        yield* peer.say("whisper", { _tag: "Retrieve", table: place!.table, key: place!.position })
      }
      yield* net.pause("original")
      yield* pause
      yield* net.resume("original")
      yield* pause
      const answers = says(peer, "Retrieved").length
      const later = yield* lookUp(peer, "large")

      assert.isAtLeast(answers, 4)
      assert.isAtMost(answers, 20)
      assert.deepStrictEqual(later, five(large))
    })
  )

  test(
    "that floods is answered once a second, over however many connections, and disturbs nobody",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5)
      const peers = yield* Effect.forEach(Array.from({ length: 40 }), () => meet(chords[0]!))
      const other = yield* meet(chords[0]!, "M", "another")
      const welcomed = count(peers, "Peers")

      for (let round = 0; round < 20; round++) {
        for (const peer of [...peers, other]) yield* peer.say("whisper", { _tag: "RequestPeers" })
        yield* TestClock.adjust("250 millis")
      }
      yield* assertSound(chords)
      yield* whileTimePasses(chords[1]!.set("key", "value"))
      const found = yield* get(chords[0]!, "key")

      assert.strictEqual(welcomed, 40)
      assert.strictEqual(count(peers, "Peers") - welcomed, 5)
      assert.strictEqual(count([other], "Peers") - 1, 5)
      assert.deepStrictEqual(found, Option.some("value"))
      assert.isFalse(yield* peers[39]!.isEnded)
    })
  )

  test(
    "leaves nothing behind when it disappears",
    Effect.gen(function*() {
      const { chords } = yield* startRing(5, { idleTimeout: "20 seconds" })
      const before = yield* inboundOf(chords[0]!)
      const peers = yield* Effect.forEach(Array.from({ length: 10 }), () => meet(chords[0]!))
      yield* store(peers, "color", "blue")
      yield* pause
      const during = yield* inboundOf(chords[0]!)

      yield* Effect.forEach(peers.slice(0, 5), (peer) => peer.close)
      yield* Effect.flatMap(MemoryNetwork, (net) => net.crash("original"))
      yield* TestClock.adjust("1 minute")

      assert.isAtLeast(during, before + 10)
      assert.isAtMost(yield* inboundOf(chords[0]!), 4)
      assert.deepStrictEqual(yield* get(chords[4]!, "color"), Option.some("blue"))
      yield* assertSound(chords)
    })
  )

  test(
    "finds no place when there are too many, and one of ours still does",
    Effect.gen(function*() {
      const { chords } = yield* startRing(2, { maxOriginalLinks: 3 })
      const peers = yield* Effect.forEach(Array.from({ length: 5 }), () => meet(chords[0]!))
      yield* pause

      const late = yield* startChord(at("node3"), { bits, bootstrap: [chords[0]!.address] })
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual(yield* Effect.forEach(peers, (peer) => peer.isEnded), [false, false, false, true, true])
      assert.deepStrictEqual(peers.slice(3).flatMap((peer) => peer.received), [])
      yield* assertSound([...chords, late.chord])
    })
  )

  test(
    "of a ring of 2^160 that opens a connection for each bit is served over as many as it may have",
    Effect.gen(function*() {
      const { chords } = yield* startRing(2, { bits: 160 })
      const networkId = yield* networkIdOf(160)
      const peers = yield* Effect.forEach(Array.from({ length: 162 }), () => dial(chords[0]!, "9", "original"))
      const open: Array<Played> = []
      for (const peer of peers) if (!(yield* peer.isEnded)) open.push(peer)
      for (const peer of open) yield* peer.handshake(networkId, py2p, at("original"))
      const more = yield* Effect.forEach(
        Array.from({ length: 98 }),
        () => Effect.tap(dial(chords[0]!, "9", "original"), (peer) => peer.handshake(networkId, py2p, at("original")))
      )
      yield* pause

      yield* store(open, "color", "blue")
      yield* pause
      const ended = yield* Effect.forEach([...open, ...more], (peer) => peer.isEnded)

      // Those that are silent are bounded by `maxPendingPerSource`, all by `maxOriginalLinks`.
      assert.strictEqual(open.length, 64)
      assert.strictEqual(ended.filter((isEnded) => !isEnded).length, 128)
      assert.deepStrictEqual(yield* get(chords[1]!, "color"), Option.some("blue"))
      yield* assertSound(chords)
    })
  )

  test(
    "may be silent for as long as it likes, and loses its place only to another that comes",
    Effect.gen(function*() {
      const { chords } = yield* startRing(2, { maxOriginalLinks: 2, idleTimeout: "20 seconds" })
      const silent = yield* meet(chords[0]!)
      const lively = yield* meet(chords[0]!)
      yield* TestClock.adjust("5 minutes")
      yield* lively.say("whisper", { _tag: "RequestPeers" })
      yield* pause
      const ended = [yield* silent.isEnded, yield* lively.isEnded]

      yield* meet(chords[0]!)
      const last = yield* meet(chords[0]!)
      yield* pause

      assert.deepStrictEqual(ended, [false, false])
      assert.deepStrictEqual([yield* silent.isEnded, yield* lively.isEnded, yield* last.isEnded], [true, false, true])
    })
  )

  test(
    "takes no place from one of ours when all links are taken",
    Effect.gen(function*() {
      const { chords } = yield* startRing(3, { maxInboundLinks: 2 })
      const inbound = yield* inboundOf(chords[0]!)

      const peers = yield* Effect.forEach(Array.from({ length: 3 }), () => meet(chords[0]!))

      assert.strictEqual(yield* inboundOf(chords[0]!), 2)
      const ended = yield* Effect.forEach(peers, (peer) => peer.isEnded)
      assert.strictEqual(ended.filter((isEnded) => !isEnded).length, 2 - inbound)
    })
  )

  test(
    "does not get the calls to one of ours whose address it claims",
    Effect.gen(function*() {
      const { chords } = yield* startRing(3, { idleTimeout: "3 seconds" })
      const peers = yield* Effect.forEach(
        chords.slice(1),
        (chord) => meet(chords[0]!, "9", chord.address.host, chord.address)
      )
      const failedBefore = (yield* chords[0]!.stats).calls.failedDials

      for (let round = 0; round < 120; round++) {
        for (const peer of peers) yield* peer.say("whisper", { _tag: "RequestPeers" })
        yield* TestClock.adjust("1 second")
        yield* assertSound(chords)
      }
      yield* whileTimePasses(chords[0]!.set("color", "blue"))

      assert.deepStrictEqual(yield* get(chords[2]!, "color"), Option.some("blue"))
      assert.strictEqual((yield* chords[0]!.stats).calls.failedDials, failedBefore)
      for (const peer of peers) {
        assert.isTrue(peer.received.slice(1).every((one) => one.says?._tag === "Peers"))
      }
    })
  )

  test(
    "is not answered, and ends nothing but its own link, when it says what makes no sense",
    Effect.gen(function*() {
      const { chords } = yield* startRing(2)
      const peer = yield* meet(chords[0]!)
      const value = bytesOf("value")

      yield* peer.say("whisper", { _tag: "Store", table: "md5", key: 1n, value })
      yield* peer.say("whisper", { _tag: "Store", table: "sha1", key: 1n << 160n, value })
      yield* peer.say("whisper", { _tag: "Store", table: "sha1", key: 7n, value: new Uint8Array(70_000) })
      yield* peer.say("whisper", { _tag: "Retrieve", table: "sha1", key: 7n })
      yield* peer.say("whisper", { _tag: "Retrieve", table: "sha1", key: 1n << 160n })
      yield* peer.say("whisper", { _tag: "Request", requestId: "3", nodeId: "req1" })
      yield* pause
      const isEnded = yield* peer.isEnded
      yield* peer.say("whisper", { _tag: "Custom", subFlag: Uint8Array.of(0x0c), packets: [bytesOf("sha1")] })
      yield* pause

      assert.isFalse(isEnded)
      assert.isTrue(yield* peer.isEnded)
      assert.deepStrictEqual(peer.received.map((one) => one.says?._tag), ["Handshake", "Peers"])
      yield* assertSound(chords)
    })
  )
})

describe("what nodes of a ring ask each other for originals", () => {
  /** Asks a member as one of ours does; what it refuses with, or how many packets it answers. */
  const ask = Effect.fnUntraced(function*(
    chord: Node,
    position: bigint,
    kind: string,
    ...packets: ReadonlyArray<Uint8Array>
  ) {
    const peer = yield* dial(chord, "caller", "caller")
    yield* peer.handshake(yield* networkIdOf(), ours, at("caller"))
    yield* pause
    yield* peer.say("whisper", custom(CallCodec.encodeCall(1, kind, [writePosition(position), ...packets])))
    yield* TestClock.adjust("5 seconds")
    const said = heard(peer).find((one) => !isWireFault(one) && (one._tag === "Answer" || one._tag === "Refusal"))
    yield* peer.close
    if (said === undefined) return "nothing"
    return said._tag === "Refusal" ? said.tag : said.packets.length
  })
  const sha1 = bytesOf("sha1")
  const time = (millis: number) => writePosition(BigInt(millis))

  test(
    "is refused by who does not own the place, does not live there, or cannot read it",
    Effect.gen(function*() {
      const { chords } = yield* startRing(3)
      const [one, two] = (yield* snapshot(chords)).members.map(({ self }) => self.position)
      const nobody = [0n, 1n, 2n, 3n].find((position) => ![one, two].includes(position))!
      const value = [time(1), bytesOf("value")]
      const [first] = chords
      const now = yield* Clock.currentTimeMillis

      const answers = yield* Effect.all([
        ask(first!, one!, "keep", sha1, writePosition(one!), ...value),
        ask(first!, one!, "fetch", sha1, writePosition(one!)),
        ask(first!, one!, "fetch-copy", sha1, writePosition(two!)),
        ask(first!, one!, "keep", sha1, writePosition(two!), ...value),
        ask(first!, one!, "fetch", sha1, writePosition(two!)),
        ask(first!, nobody, "fetch", sha1, writePosition(nobody)),
        ask(first!, one!, "fetch", bytesOf("md5"), writePosition(one!)),
        ask(first!, one!, "fetch", sha1),
        ask(first!, one!, "keep", sha1, writePosition(one!), time(1)),
        ask(first!, one!, "keep", sha1, writePosition(one!), time(now + 600_000), bytesOf("value")),
        ask(first!, one!, "keep", sha1, writePosition(one!), time(1), new Uint8Array(70_000))
      ])

      assert.deepStrictEqual(answers.slice(0, 3), [0, 3, 1])
      assert.deepStrictEqual(answers.slice(3, 6), ["NotMine", "NotMine", "NoMember"])
      assert.deepStrictEqual(answers.slice(6), Array.from({ length: 5 }, () => "Malformed"))
    })
  )
})

describe("the values of originals", () => {
  const value = (text: string, atMillis = 0) => ({ value: bytesOf(text), atMillis })
  const shape = { bits, shifts: [0, 0, 0, 0, 0] }
  const placed = (digest: bigint): OriginalPlace => placeOf(shape, "sha1", digest)!

  it("are forgotten, the one used longest ago first, when there are too many", () => {
    const share = new OriginalShare({ maxRecords: 2, maxBytes: 1e6 })
    share.put(placed(1n), value("one"))
    share.put(placed(2n), value("two"))
    share.get(placed(1n))

    share.put(placed(3n), value("three"))

    assert.deepStrictEqual([1n, 2n, 3n].map((digest) => share.get(placed(digest)) !== undefined), [true, false, true])
    assert.strictEqual(share.count, 2)
  })

  it("are forgotten when they take too many bytes", () => {
    const share = new OriginalShare({ maxRecords: 100, maxBytes: 1000 })
    for (const digest of [1n, 2n, 3n]) share.put(placed(digest), { value: new Uint8Array(144), atMillis: 0 })

    const bytes = share.bytes
    share.put(placed(3n), { value: new Uint8Array(1000), atMillis: 1 })

    assert.strictEqual(bytes, 800)
    assert.deepStrictEqual([share.count, share.bytes], [0, 0])
  })

  it("are replaced by later ones only, and are told apart by table and whole digest", () => {
    const share = new OriginalShare({ maxRecords: 100, maxBytes: 1e6 })
    share.put(placed(1n), value("new", 2))
    share.put(placed(1n), value("old", 1))
    share.put(placed(65n), value("same position"))
    share.put(placeOf(shape, "sha224", 1n)!, value("other table"))

    assert.deepStrictEqual(share.get(placed(1n)), value("new", 2))
    assert.strictEqual(share.count, 3)
    assert.strictEqual(placed(65n).position, placed(1n).position)
  })
})

describe("the work for originals", () => {
  it.effect("is done in order for each name, and refused when there is too much", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      const done: Array<string> = []
      const work = new OriginalWork((effect) => Effect.runForkWith(context)(effect), 40)
      const job = (name: string, label: string) =>
        work.offer(name, Effect.delay(Effect.sync(() => void done.push(label)), "1 second"))

      const taken = ["a1", "a2", "b1"].map((label) => job(label.charAt(0), label))
      for (let index = 0; index < 37; index++) taken.push(job(`other ${index}`, "other"))
      taken.push(job("one more", "one more"))
      yield* TestClock.adjust("1 second")
      const first = done.filter((label) => label !== "other")
      yield* TestClock.adjust("10 seconds")

      assert.deepStrictEqual(taken.filter((isTaken) => !isTaken).length, 1)
      assert.deepStrictEqual(first, ["a1", "b1"])
      assert.strictEqual(done.length, 40)
      assert.isAbove(done.indexOf("a2"), done.indexOf("a1"))
      assert.strictEqual(work.count, 0)
    }))

  it.effect("is all done though thousands of it wait and are over at once", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      let count = 0
      const work = new OriginalWork((effect) => Effect.runForkWith(context)(effect), 20_000)
      work.offer("a", Effect.sleep("1 second"))
      for (let index = 0; index < 10_000; index++) work.offer("a", Effect.sync(() => void count++))

      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual([count, work.count], [10_000, 0])
    }))
})
