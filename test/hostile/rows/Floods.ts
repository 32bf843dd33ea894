/** Rows of messages that are right by themselves, but too many, old, forged, or not asked for. */
import { assert } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Simulation from "../../../src/Layers/Simulation/Simulation.ts"
import { frame } from "../../../src/Protocol/Frame.ts"
import { PeerAddress } from "../../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../../src/Transport/MemoryNetwork.ts"
import { peerIds, whileTimePasses } from "../../utils/MeshNetwork.ts"
import * as RawPeer from "../../utils/RawPeer.ts"
import { assertServes, hasReason, join, ours, plain, type Row, startField, virtual } from "../Row.ts"
import { startMesh } from "../Simulated.ts"

const nowSeconds = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))
const said = (text: string) => [Uint8Array.of(0), RawPeer.bytes(text)]

export const floods: ReadonlyArray<Row> = [
  virtual(
    11,
    "replay of a message inside the window",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      const message = peer.make("broadcast", said("once"), yield* nowSeconds)
      for (let i = 0; i < 1000; i++) yield* peer.say(message)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(field.node.received.length, 1)
      assert.strictEqual(field.honest.received.length, 1)
      assert.strictEqual((yield* field.node.mesh.stats).duplicates, 999)
      yield* assertServes(field)
      return { limit: "ids of the relay window", millis: 0 }
    })
  ),
  virtual(
    12,
    "replay after the window, timestamp old",
    Effect.gen(function*() {
      const field = yield* startField()
      yield* TestClock.adjust("10 minutes")
      const peer = yield* join(field.node, "10.0.1.1")
      const before = (yield* field.node.mesh.stats).seenIds
      for (let i = 0; i < 100; i++) yield* peer.say(peer.make("broadcast", said(`old ${i}`), (yield* nowSeconds) - 61))
      yield* TestClock.adjust("100 millis")
      const stats = yield* field.node.mesh.stats
      assert.deepStrictEqual([stats.expired, stats.seenIds, stats.delivered], [100, before, 0])
      yield* assertServes(field)
      return { limit: "relayWindow", millis: 0 }
    })
  ),
  virtual(
    13,
    "timestamp in the far future",
    Effect.gen(function*() {
      const field = yield* startField({ maxSeenIds: 100 })
      const peer = yield* join(field.node, "10.0.1.1")
      for (let i = 0; i < 100; i++) yield* peer.say(peer.make("broadcast", said(`x ${i}`), 2 ** 40 + i))
      for (let i = 0; i < 300; i++) yield* peer.say(peer.make("broadcast", said(`y ${i}`), (yield* nowSeconds) + 59))
      yield* TestClock.adjust("100 millis")
      const stats = yield* field.node.mesh.stats
      assert.deepStrictEqual([stats.fromFuture, stats.seenIds], [100, 100])
      yield* TestClock.adjust("3 minutes")
      yield* assertServes(field)
      assert.isAtMost((yield* field.node.mesh.stats).seenIds, 2)
      return { limit: "maxClockSkew, maxSeenIds", millis: 0 }
    })
  ),
  plain(14, "the clock of this node jumps an hour, both ways", () => {
    const exit = Simulation.run(
      { seed: "clock", latency: "10 millis", startMillis: 1e12 },
      (simulation) =>
        Effect.gen(function*() {
          const node = yield* startMesh(simulation, "node")
          const honest = yield* startMesh(simulation, "honest", { bootstrap: ["node:4444"] })
          yield* Effect.sleep("10 seconds")
          for (const jump of ["1 hour", "-1 hour"] as const) {
            yield* simulation.skew("node", jump)
            yield* Effect.sleep("3 minutes")
            yield* simulation.skew("node", 0)
            yield* Effect.sleep("3 minutes")
            yield* honest.mesh.broadcast(`after ${jump}`)
            yield* Effect.sleep("1 second")
            assert.strictEqual(node.received.at(-1)?.text, `after ${jump}`)
          }
          assert.isFalse(node.events.some((event) => event._tag === "PeerLeft"))
          assert.strictEqual((yield* node.mesh.stats).pendingHandshakes, 0)
        })
    )
    assert.isTrue(Exit.isSuccess(exit), String(exit))
    return { limit: "time that only grows", millis: 0 }
  }),
  virtual(
    15,
    "a flood of unique ids",
    Effect.gen(function*() {
      const field = yield* startField({ maxSeenIds: 1000, maxMessagesPerSecond: 1000 })
      const peer = yield* join(field.node, "10.0.1.1")
      const time = yield* nowSeconds
      const flood = Array.from({ length: 5000 }, (_, i) => peer.make("broadcast", said(`unique ${i}`), time))
      const bytes = Buffer.concat(flood.map((message) => frame(peer.protocol.encode(message))))
      yield* Effect.forkScoped(peer.write(new Uint8Array(bytes)))
      yield* assertServes(field)
      const early = yield* field.node.mesh.stats
      assert.isAbove(early.throttled, 0)
      assert.isAtMost(early.seenIds, 1000)
      yield* TestClock.adjust("6 seconds")
      // Slower, but all of it: what is too much waits at the other end.
      assert.isAbove(field.node.received.length, 5000)
      return { limit: "maxMessagesPerSecond, maxSeenIds", millis: 1000 }
    }),
    { windowBytes: 16_384 }
  ),
  virtual(
    16,
    "the same id with other content",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      const right = frame(peer.protocol.encode(peer.make("broadcast", said("the truth"), yield* nowSeconds)))
      const wrong = right.slice()
      wrong.set(RawPeer.bytes("a lie...."), right.length - 9)
      yield* peer.write(wrong)
      yield* peer.write(right)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(field.node.received.map(({ text }) => text), ["the truth"])
      yield* assertServes(field)
      return { limit: "the id is the digest", millis: 0 }
    })
  ),
  virtual(
    17,
    "forged sender id in a broadcast",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      const before = yield* field.node.mesh.peers
      yield* peer.say(peer.make("broadcast", said("from honest"), yield* nowSeconds, field.honest.mesh.id))
      yield* TestClock.adjust("100 millis")
      const forged = field.node.received[0]
      assert.strictEqual(forged?.proof, "claimed")
      assert.strictEqual(forged?.from, peer.id)
      assert.deepStrictEqual(yield* field.node.mesh.peers, before)
      yield* whileTimePasses(field.node.mesh.reply(forged!, "to its author"))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(field.honest.received.at(-1)?.text, "to its author")
      yield* assertServes(field)
      return { limit: "proof: claimed", millis: 0 }
    })
  ),
  virtual(
    33,
    "relays everything back to the giver",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      yield* whileTimePasses(field.honest.mesh.broadcast("an echo"))
      yield* TestClock.adjust("100 millis")
      const echo = peer.received.find(({ type }) => type === "waterfall")
      for (let i = 0; i < 500; i++) yield* peer.say(echo!)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(field.honest.received.length, 0)
      assert.strictEqual((yield* field.node.mesh.stats).duplicates, 500)
      yield* assertServes(field)
      return { limit: "ids of the relay window", millis: 0 }
    })
  ),
  virtual(
    34,
    "100 000 requests, of ids unknown and known",
    Effect.gen(function*() {
      const field = yield* startField({ maxSearchesPerSecond: 50 })
      const peer = yield* join(field.node, "10.0.1.1")
      const requests = Array.from({ length: 4000 }, (_, i) => {
        const nodeId = i % 2 === 0 ? field.honest.mesh.id : `nobody ${i}`
        const payload = peer.protocol.encodePayload({ _tag: "Request", requestId: `r${i}`, nodeId })
        return frame(peer.protocol.encode(peer.make("whisper", payload, 0)))
      })
      const bytes = new Uint8Array(Buffer.concat(requests))
      const rounds = 25
      for (let round = 0; round < rounds; round++) yield* whileTimePasses(peer.write(bytes))
      yield* TestClock.adjust("500 millis")
      const answers = peer.payloads().filter((payload) => payload._tag === "Response").length
      assert.isAtMost(answers, 50 * 10 + 50)
      assert.isAbove((yield* field.node.mesh.stats).excess, 90_000)
      yield* assertServes(field)
      return { limit: "maxSearchesPerSecond", millis: 0, note: `${answers} answers` }
    })
  ),
  virtual(
    35,
    "unsolicited response, and retrieved",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1", { address: new PeerAddress({ host: "10.0.1.1", port: 0 }) })
      const before = (yield* field.node.mesh.stats).knownAddresses
      const address = new PeerAddress({ host: "10.9.9.9", port: 4444 })
      for (let i = 0; i < 1000; i++) {
        yield* peer.tell({ _tag: "Response", requestId: `${i}`, address, nodeId: "wanted" }, i)
        yield* peer.tell({ _tag: "Retrieved", table: "sha1", key: BigInt(i), value: RawPeer.bytes("x") }, i)
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* field.node.mesh.stats).knownAddresses, before)
      yield* assertServes(field)
      return { limit: "only what was asked for", millis: 0 }
    })
  ),
  virtual(
    36,
    "response with an address that is not of that id",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      // Where the answer leads: a node of another id, which would read the whisper.
      const imposter = new PeerAddress({ host: "10.0.1.9", port: 4444 })
      const network = yield* MemoryNetwork
      const listener = yield* network.transport("10.0.1.9").listen(imposter)
      let got = ""
      const shake = frame(peer.protocol.encode(peer.make(
        "whisper",
        peer.protocol.encodePayload({
          _tag: "Handshake",
          nodeId: "imposter",
          networkId: field.node.mesh.networkId,
          address: null,
          methods: []
        }),
        0
      )))
      yield* Effect.forkScoped(listener.serve((connection) =>
        Effect.gen(function*() {
          yield* connection.send([shake])
          while (true) {
            for (const chunk of yield* connection.pull) got += new TextDecoder("latin1").decode(chunk)
          }
        }).pipe(Effect.ignore)
      ))
      const whisper = yield* Effect.forkChild(Effect.flip(field.node.mesh.whisper("wanted", "a secret")))
      yield* TestClock.adjust("100 millis")
      const request = peer.payloads().find((payload) => payload._tag === "Request")
      assert.isDefined(request)
      yield* peer.tell({ _tag: "Response", requestId: request?.requestId ?? "", address: imposter, nodeId: "wanted" })
      const error = yield* whileTimePasses(Fiber.join(whisper))
      assert.include(String(error), "PeerNotFound")
      assert.notInclude(got, "a secret")
      assert.isAbove(got.length, 0)
      hasReason(field.node, "WrongPeer")
      yield* assertServes(field)
      return { limit: "WrongPeer", millis: 100 }
    })
  ),
  virtual(
    37,
    "resend asked 10 000 times",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      const before = peer.received.length
      const ask = frame(
        peer.protocol.encode(peer.make("renegotiate", peer.protocol.encodePayload({ _tag: "Resend" }), 0))
      )
      yield* Effect.forkScoped(peer.write(new Uint8Array(Buffer.concat(Array.from({ length: 10_000 }, () => ask)))))
      yield* TestClock.adjust("100 millis")
      assert.isAtMost(peer.received.length - before, 2)
      hasReason(field.node, "RenegotiationLimit")
      yield* assertServes(field)
      return { limit: "once a message, 16 in all", millis: 20 }
    })
  ),
  virtual(
    38,
    "renegotiation without end",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1", { methods: ["zlib", "gzip", "bz2"] })
      for (let i = 0; i < 20; i++) {
        const methods = Array.from({ length: 100 }, (_, n) => `method ${n} of ${i}`)
        yield* peer.say(peer.make("renegotiate", peer.protocol.encodePayload({ _tag: "CompressionList", methods }), i))
        yield* TestClock.adjust("20 millis")
      }
      hasReason(field.node, "RenegotiationLimit")
      yield* assertServes(field)
      return { limit: "16 rounds, 64 methods", millis: 340 }
    })
  ),
  virtual(
    39,
    "ping flood",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1", { methods: ours })
      const ping = frame(peer.protocol.encode(
        peer.make("ping", peer.protocol.encodePayload({ _tag: "Ping", packets: [RawPeer.bytes("x")] }), 0)
      ))
      const bytes = new Uint8Array(Buffer.concat(Array.from({ length: 10_000 }, () => ping)))
      yield* Effect.forkScoped(peer.write(bytes))
      yield* TestClock.adjust("500 millis")
      const pongs = peer.received.filter(({ type }) => type === "pong").length
      assert.isAtLeast(pongs, 512)
      assert.isAtMost(pongs, 512 + 32)
      yield* assertServes(field)
      return { limit: "32 pings a second, 512 at once", millis: 0, note: `${pongs} pongs` }
    })
  ),
  virtual(
    40,
    "unknown message type, unknown sub-flag, no payload",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      const other = yield* join(field.node, "10.0.1.2")
      const before = other.received.length
      const time = yield* nowSeconds
      yield* peer.say(peer.make("broadcast", [Uint8Array.of(0x42), RawPeer.bytes("?")], time))
      yield* peer.say(peer.make("0x20", said("another main flag"), time))
      yield* peer.say(peer.make("broadcast", [], time))
      yield* TestClock.adjust("100 millis")
      // As the originals do, what is unknown goes on; what would end one of them does not.
      assert.deepStrictEqual(other.received.slice(before).map(({ payload }) => payload[0]?.[0]), [0x42])
      assert.deepStrictEqual(field.node.received, [])
      assert.strictEqual((yield* field.node.mesh.stats).ignored, 3)
      assert.include(yield* peerIds(field.node), peer.id)
      yield* assertServes(field)
      return { limit: "ignored, counted", millis: 0 }
    })
  )
]
