/** Rows of bytes that are no messages, or too much of one. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as zlib from "node:zlib"
import { frame } from "../../../src/Protocol/Frame.ts"
import { PeerAddress } from "../../../src/Protocol/PeerAddress.ts"
import { bodyOf } from "../../Protocol/manyPackets.ts"
import { dialAs, startOurs } from "../../utils/InteropNode.ts"
import { whileTimePasses } from "../../utils/MeshNetwork.ts"
import * as RawPeer from "../../utils/RawPeer.ts"
import { bytesOf, wire } from "../../utils/ScriptedPeer.ts"
import { assertServes, dial, hasReason, join, reasons, type Row, startField, virtual } from "../Row.ts"

const header = (size: number) => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, size)
  return bytes
}

const concat = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))

/** With real digests and compressions, as they are on the wire of original nodes. */
const packed = <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.provide(body, wire)

/** A node with real digests and compressions, and an attacker that has shaken hands as js2p. */
const startPacked = Effect.fnUntraced(function*(methods: ReadonlyArray<string> = ["zlib", "gzip"]) {
  const address = new PeerAddress({ host: "10.0.0.1", port: 4444 })
  const { events, mesh, received } = yield* startOurs(address, { maxOutboundLinks: 0 })
  const meet = Effect.fnUntraced(function*(id: string) {
    const peer = yield* dialAs(id, address, id)
    yield* peer.handshake(mesh.networkId, methods, null)
    yield* TestClock.adjust("100 millis")
    return peer
  })
  const honest = yield* meet("10.0.2.2")
  const serves = Effect.gen(function*() {
    const time = 2
    yield* honest.say("whisper", { _tag: "UserWhisper", packets: [bytesOf("hello")] }, time)
    yield* TestClock.adjust("1 second")
    assert.strictEqual(received.at(-1)?.text, "hello")
  })
  return { mesh, events, received, meet, serves }
})

export const frames: ReadonlyArray<Row> = [
  virtual(
    3,
    "length header 0xffffffff",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      yield* peer.write(header(0xffffffff))
      yield* TestClock.adjust("20 millis")
      hasReason(field.node, "FrameTooLarge")
      assert.strictEqual((yield* field.node.mesh.stats).unfinishedBytes, 0)
      yield* assertServes(field)
      return { limit: "maxMessageBytes", millis: 20 }
    })
  ),
  virtual(
    4,
    "header just under the limit, body never comes",
    Effect.gen(function*() {
      const limit = 500_000
      const field = yield* startField({ maxUnfinishedBytes: limit, frameTimeout: "60 seconds" })
      for (let i = 1; i <= 8; i++) {
        const peer = yield* join(field.node, `10.0.1.${i}`)
        yield* peer.write(concat(header(2 * 1024 * 1024), new Uint8Array(100_000)))
        yield* TestClock.adjust("100 millis")
        assert.isAtMost((yield* field.node.mesh.stats).unfinishedBytes, limit)
      }
      hasReason(field.node, "OverBudget")
      yield* TestClock.adjust("80 seconds")
      hasReason(field.node, "FrameTimeout")
      assert.strictEqual((yield* field.node.mesh.stats).unfinishedBytes, 0)
      yield* assertServes(field)
      return { limit: "maxUnfinishedBytes, frameTimeout", millis: 60_000 }
    })
  ),
  virtual(
    5,
    "length 0, or shorter than a header",
    Effect.gen(function*() {
      const field = yield* startField()
      const cases = [
        [new Uint8Array(4), "EmptyFrame"],
        [frame(Uint8Array.of(1)), "TruncatedLength"],
        [frame(new Uint8Array(4)), "MissingPackets"],
        [frame(Uint8Array.of(0, 0, 0, 9, 1, 1, 1, 1)), "PacketOverrun"]
      ] as const
      for (const [index, [bytes, reason]] of cases.entries()) {
        const peer = yield* join(field.node, `10.0.1.${index}`)
        yield* peer.write(bytes)
        yield* TestClock.adjust("20 millis")
        assert.strictEqual(reasons(field.node).at(-1), reason)
      }
      yield* assertServes(field)
      return { limit: "the decoder", millis: 20 }
    })
  ),
  virtual(
    6,
    "truncated and random bytes at each offset",
    Effect.gen(function*() {
      const field = yield* startField()
      const sample = yield* dial(field.node, "10.0.1.0")
      const { protocol } = sample
      const bytes = frame(protocol.encode(sample.make("broadcast", [Uint8Array.of(0), RawPeer.bytes("text")], 0)))
      for (let offset = 0; offset < bytes.length; offset++) {
        const peer = yield* join(field.node, `10.1.${offset >> 8}.${offset & 255}`)
        const broken = bytes.slice()
        const noise = yield* Effect.sync(() => (offset * 151 + 97) & 255)
        broken[offset] = broken[offset]! ^ (noise === 0 ? 1 : noise)
        yield* peer.write(offset % 2 === 0 ? broken : broken.subarray(0, offset))
        yield* TestClock.adjust("20 millis")
      }
      yield* TestClock.adjust("90 seconds")
      assert.notInclude(reasons(field.node), "Defect")
      hasReason(field.node, "FrameTimeout")
      assert.isAbove(reasons(field.node).length, 10)
      yield* assertServes(field)
      return { limit: "the decoder", millis: 20, note: `${bytes.length} offsets` }
    })
  ),
  {
    ...virtual(7, "decompression bomb", Effect.die("played below")),
    play: (isHeavy) => bombRow(isHeavy ? 1024 : 64).play(isHeavy)
  },
  virtual(
    8,
    "nested compression, wrong algorithm tag",
    Effect.gen(function*() {
      const { events, meet, serves } = yield* startPacked()
      const nested = yield* meet("10.0.1.1")
      yield* nested.write(frame(zlib.deflateSync(zlib.deflateSync(new Uint8Array(100)))))
      const wrong = yield* meet("10.0.1.2")
      yield* wrong.write(frame(concat(Uint8Array.of(0x1f, 0x8b), zlib.deflateSync(new Uint8Array(100)))))
      const unknown = yield* meet("10.0.1.3")
      yield* unknown.write(frame(bytesOf("BZh91AY&SY, which was not offered")))
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(reasons({ events }), ["PacketOverrun", "MalformedCompression", "PacketOverrun"])
      yield* serves
      return { limit: "the decoder", millis: 20 }
    }).pipe(packed),
    { latency: "1 millis" }
  ),
  virtual(
    9,
    "lists without end: 2^32 packets, 200 000 packets, JSON a million deep",
    Effect.gen(function*() {
      const field = yield* startField({ maxMessageBytes: 4 * 1024 * 1024 })
      const many = yield* join(field.node, "10.0.1.1")
      yield* many.write(frame(concat(header(0xffffffff), new Uint8Array(60))))
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(reasons(field.node).at(-1), "PacketOverrun")
      const short = yield* join(field.node, "10.0.1.2")
      yield* whileTimePasses(short.write(frame(bodyOf(short.protocol, 200_000))))
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(reasons(field.node).at(-1), "TooManyPackets")
      const deep = yield* join(field.node, "10.0.1.3")
      yield* whileTimePasses(
        deep.say(deep.make("whisper", [Uint8Array.of(7), RawPeer.bytes("[".repeat(1_000_000))], 0))
      )
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(reasons(field.node).at(-1), "InvalidField")
      yield* assertServes(field)
      return { limit: "4096 packets, 128 KiB of JSON", millis: 20 }
    })
  ),
  virtual(
    10,
    "bad checksum: an id that is not that of the content",
    Effect.gen(function*() {
      const field = yield* startField()
      const peer = yield* join(field.node, "10.0.1.1")
      const wrong = (n: number) => {
        const bytes = frame(peer.protocol.encode(peer.make("whisper", [Uint8Array.of(2), RawPeer.bytes(`${n}`)], 0)))
        bytes[bytes.length - 1] = 0x7a
        return bytes
      }
      for (let n = 0; n < 2; n++) yield* peer.write(wrong(n))
      yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* field.node.mesh.peers).length, 2)
      yield* peer.write(wrong(3))
      yield* TestClock.adjust("20 millis")
      hasReason(field.node, "ChecksumMismatch")
      assert.deepStrictEqual(field.node.received, [])
      yield* assertServes(field)
      return { limit: "3 wrong ids", millis: 20 }
    })
  )
]

/** So many megabytes of zeros, packed. */
const bomb = (megabytes: number) =>
  Effect.callback<Uint8Array>((resume) => {
    const packer = zlib.createDeflate()
    const parts: Array<Buffer> = []
    const zeros = Buffer.alloc(2 ** 20)
    packer.on("data", (part: Buffer) => parts.push(part))
    packer.on("end", () => resume(Effect.succeed(new Uint8Array(Buffer.concat(parts)))))
    let left = megabytes
    const feed = (): void => {
      while (left-- > 0) {
        if (!packer.write(zeros)) return void packer.once("drain", feed)
      }
      packer.end()
    }
    feed()
  })

const bombRow = (megabytes: number): Row =>
  virtual(
    7,
    "decompression bomb",
    Effect.gen(function*() {
      const packed = yield* bomb(megabytes)
      const { events, meet, mesh, received, serves } = yield* startPacked()
      const peer = yield* meet("10.0.1.1")
      yield* whileTimePasses(peer.write(frame(packed)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(reasons({ events }), ["DecompressedTooLarge"])
      // Many that are just small enough, in one chunk: they inflate one after the other.
      const other = yield* meet("10.0.1.2")
      const fitting = frame(zlib.deflateSync(new Uint8Array(2 * 1024 * 1024 - 4)))
      yield* whileTimePasses(other.write(concat(...Array.from({ length: 20 }, () => fitting))))
      yield* TestClock.adjust("1 second")
      assert.isAbove(reasons({ events }).length, 1)
      assert.strictEqual(received.length, 0)
      assert.strictEqual((yield* mesh.peers).length, 1)
      yield* serves
      return {
        limit: "maxMessageBytes",
        millis: 20,
        note: `${megabytes} MiB in ${Math.round(packed.length / 1024)} KiB`
      }
    }).pipe(packed),
    { latency: "1 millis" }
  )
