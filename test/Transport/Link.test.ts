import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as zlib from "node:zlib"
import { frame } from "../../src/Protocol/Frame.ts"
import { maxPackets, type Message } from "../../src/Protocol/Message.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import type { WireFaultReason } from "../../src/Protocol/WireFault.ts"
import type { LinkClosed } from "../../src/Transport/CloseReason.ts"
import { readGoodbye } from "../../src/Transport/Goodbye.ts"
import * as Link from "../../src/Transport/Link.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { Outgoing } from "../../src/Transport/Outgoing.ts"
import { bodyOf } from "../Protocol/manyPackets.ts"
import {
  broadcastOf,
  bytesOf,
  connectHosts,
  js2p,
  linkOptions,
  make as makePeer,
  ours,
  py2p,
  textsOf,
  whisperOf,
  wire
} from "../utils/ScriptedPeer.ts"

/** A link, its peer played by the test, and the messages that whoever owns the link gets. */
const linked = Effect.fnUntraced(function*(
  methods: ReadonlyArray<string> = [],
  changed: Partial<Link.LinkOptions> = {}
) {
  const protocol = yield* Protocol
  const { accepted, dialed } = yield* connectHosts()
  const scope = yield* Scope.fork(yield* Effect.scope)
  const link = yield* Scope.provide(Link.make(dialed, 1, "outbound", { ...linkOptions, ...changed }), scope)
  link.acceptMethods(methods)
  const peer = yield* makePeer(accepted, protocol)
  const pulled: Array<Message> = []
  const ended = yield* Deferred.make<LinkClosed>()
  yield* Effect.forever(Effect.map(link.pull, (batch) => void pulled.push(...batch))).pipe(
    Effect.catch((error) => Deferred.succeed(ended, error)),
    Effect.forkScoped
  )
  return { protocol, link, peer, pulled, ended: Deferred.await(ended), close: Scope.close(scope, Exit.void) }
})

const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(Layer.merge(wire, MemoryNetwork.layer()))))

const repetitive = "all work and no play ".repeat(20)
/** As many bytes that no method can shrink. */
const noise = (count: number): Uint8Array => {
  const out = new Uint8Array(count)
  for (let i = 0, state = 1; i < count; i++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223
    out[i] = state >>> 24
  }
  return out
}

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

const tags = (peer: { readonly received: ReadonlyArray<{ readonly says: { _tag: string } | undefined }> }) =>
  peer.received.map((one) => one.says?._tag)

describe("Link", () => {
  for (const size of [1, 2, 3, 5, 64, 1000, 100_000]) {
    test(
      `reads the same messages in chunks of ${size} bytes`,
      Effect.gen(function*() {
        const { peer, protocol, pulled } = yield* linked(js2p)
        const messages = ["one", "", repetitive, "four"].map((text, i) =>
          protocol.make("whisper", "peer", protocol.encodePayload(whisperOf(text)), i)
        )
        const bytes = join(messages.map((message) => frame(protocol.encode(message))))

        for (let start = 0; start < bytes.length; start += size) yield* peer.write(bytes.slice(start, start + size))
        yield* peer.sync

        assert.deepStrictEqual(pulled.map((message) => message.id), messages.map((message) => message.id))
      })
    )
  }

  describe("compression", () => {
    const cases: ReadonlyArray<readonly [methods: ReadonlyArray<string>, magic: string]> = [
      [["gzip", "zlib"], "789c"],
      [["zlib"], "789c"],
      [["bz2", "gzip"], "1f8b"],
      [["bz2", "lzma", "nobody has this"], "0000"],
      [[], "0000"]
    ]
    for (const [methods, magic] of cases) {
      test(
        `sends to a peer that offers ${methods.join(", ") || "nothing"} bodies that begin with ${magic}`,
        Effect.gen(function*() {
          const { dialed, accepted } = yield* connectHosts()
          const link = yield* Link.make(dialed, 1, "outbound", linkOptions)
          link.acceptMethods(methods)

          link.tell(broadcastOf(repetitive))
          const first = yield* Stream.runHead(accepted.incoming)

          assert.strictEqual(
            Option.getOrUndefined(Option.map(first, (bytes) => Buffer.from(bytes.subarray(4, 6)).toString("hex"))),
            magic
          )
        })
      )
    }

    test(
      "is not used before the peer said what it reads, nor for what is short, nor for what would grow",
      Effect.gen(function*() {
        const { accepted, dialed } = yield* connectHosts()
        const link = yield* Link.make(dialed, 1, "outbound", linkOptions)
        const peer = yield* makePeer(accepted, yield* Protocol)

        link.tell(broadcastOf(repetitive))
        link.acceptMethods(js2p)
        link.tell({ _tag: "UserBroadcast", packets: [noise(5000)] })
        link.tell({ _tag: "UserBroadcast", packets: [new Uint8Array(linkOptions.compressFromBytes - 97)] })
        link.tell(broadcastOf(repetitive))
        yield* peer.waitFor((one) => one.isCompressed)

        assert.deepStrictEqual(peer.received.map((one) => one.isCompressed), [false, false, false, true])
      })
    )

    test(
      "is understood in any of the methods offered, and left out, at any time",
      Effect.gen(function*() {
        const { peer, protocol, pulled } = yield* linked(["gzip"])
        const body = (text: string) =>
          protocol.encode(protocol.make("whisper", "peer", protocol.encodePayload(whisperOf(text)), 0))

        yield* peer.write(frame(zlib.deflateSync(body("by zlib"))))
        yield* peer.write(frame(body("plain")))
        yield* peer.write(frame(zlib.gzipSync(body("by gzip"))))
        yield* peer.sync

        assert.deepStrictEqual(pulled.map((message) => textsOf(protocol.decodePayload(message.payload) as never)), [
          ["by zlib"],
          ["plain"],
          ["by gzip"]
        ])
      })
    )
  })

  describe("malformed bytes", () => {
    const valid = Effect.map(
      Protocol,
      (protocol) => protocol.encode(protocol.make("whisper", "peer", protocol.encodePayload(whisperOf("x")), 1))
    )
    const changed = (change: (body: Uint8Array) => void) =>
      Effect.map(valid, (body) => {
        const copy = body.slice()
        change(copy)
        return frame(copy)
      })
    const wrongId = changed((body) => body.set(bytesOf("y"), body.length - 1))
    const said = (type: Message["type"], ...packets: ReadonlyArray<string | number>) =>
      Effect.map(Protocol, (protocol) =>
        frame(protocol.encode(protocol.make(
          type,
          "peer",
          packets.map((packet) => typeof packet === "string" ? bytesOf(packet) : Uint8Array.of(packet)),
          0
        ))))
    const timeStart = (body: Uint8Array) => 6 * 4 + 1 + 4 + new DataView(body.buffer).getUint32(8)
    const cases: ReadonlyArray<
      readonly [reason: WireFaultReason, offset: number | "after", bytes: Effect.Effect<Uint8Array, never, Protocol>]
    > = [
      ["FrameTooLarge", "after", Effect.succeed(Uint8Array.of(0, 1, 0x86, 0xa1))],
      ["EmptyFrame", "after", Effect.succeed(new Uint8Array(4))],
      ["MalformedCompression", 0, Effect.succeed(frame(Uint8Array.of(0x78, 0x9c, 1, 2, 3, 4)))],
      ["DecompressedTooLarge", 0, Effect.succeed(frame(zlib.deflateSync(new Uint8Array(100_001))))],
      ["TruncatedLength", 0, Effect.succeed(frame(Uint8Array.of(1, 2, 3)))],
      ["PacketOverrun", 0, Effect.succeed(Uint8Array.of(0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 255))],
      ["MissingPackets", 4, Effect.succeed(frame(Uint8Array.of(0, 0, 0, 1, 2)))],
      [
        "TooManyPackets",
        4100 * 4,
        Effect.map(Protocol, (protocol) => frame(zlib.deflateSync(bodyOf(protocol, maxPackets + 1))))
      ],
      ["InvalidTime", 95, changed((body) => body.set(bytesOf("0"), timeStart(body)))],
      ["ChecksumMismatch", 29, Effect.map(wrongId, (bytes) => join([bytes, bytes, bytes]))],
      ["MissingPacket", 1, said("renegotiate", 1)],
      [
        "InvalidText",
        1,
        Effect.map(
          Protocol,
          (protocol) =>
            frame(protocol.encode(protocol.make("renegotiate", "peer", [Uint8Array.of(1), Uint8Array.of(0xff)], 0)))
        )
      ],
      ["InvalidJson", 1, said("renegotiate", 1, "[")],
      ["InvalidField", 1, said("renegotiate", 1, "{}")]
    ]
    for (const [reason, offset, bytes] of cases) {
      test(
        `end the link as ${reason}, behind the messages before them`,
        Effect.gen(function*() {
          const { ended, peer, protocol, pulled } = yield* linked(js2p)
          const first = frame(yield* valid)

          yield* peer.write(join([first, yield* bytes, frame(yield* valid)]))
          const error = yield* ended

          assert.deepInclude(error.reason, { _tag: "Malformed", reason })
          const expected = offset === "after" ? first.length : offset
          assert.strictEqual(error.reason._tag === "Malformed" ? error.reason.offset : undefined, expected)
          assert.strictEqual(pulled.length, 1)
          assert.deepStrictEqual(protocol.decodePayload(pulled[0]!.payload), whisperOf("x"))
        })
      )
    }

    test(
      "are borne twice where only the id is wrong, behind a message that was right",
      Effect.gen(function*() {
        const { link, peer, pulled } = yield* linked(js2p)
        const right = frame(yield* valid)
        const wrong = yield* wrongId

        yield* peer.write(join([right, wrong, right, wrong, right]))
        yield* peer.sync

        assert.strictEqual(pulled.length, 3)
        assert.strictEqual(link.ignoredCount, 2)
      })
    )

    test(
      "are told from an end within a frame, which is a lost connection",
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const network = yield* MemoryNetwork
        const { accepted, dialed } = yield* connectHosts()
        const link = yield* Link.make(dialed, 1, "outbound", linkOptions)
        yield* accepted.send([Uint8Array.of(0, 0, 0, 9, 1, 2)])
        assert.isNotNull(protocol)

        const pulling = yield* Effect.forkChild(Effect.flip(link.pull))
        yield* TestClock.adjust("1 millis")
        yield* network.crash("far")
        const error = yield* Fiber.join(pulling)

        assert.deepInclude(error.reason, { _tag: "ConnectionLost", clean: false, detail: "2 of 9 body bytes" })
      })
    )

    test(
      "are refused at their header, before the rest of a large frame came",
      Effect.gen(function*() {
        const { ended, peer } = yield* linked(js2p, { maxMessageBytes: 1000 })

        yield* peer.write(Uint8Array.of(0, 0, 3, 0xe9))
        const { reason } = yield* ended

        assert.deepInclude(reason, { _tag: "Malformed", reason: "FrameTooLarge", offset: 0 })
      })
    )

    test(
      "do not include a frame of just the largest size",
      Effect.gen(function*() {
        const { peer, protocol, pulled } = yield* linked(js2p)
        const empty = protocol.make("whisper", "peer", protocol.encodePayload(whisperOf("")), 0)
        const room = linkOptions.maxMessageBytes - protocol.encode(empty).length

        yield* peer.say("whisper", whisperOf("a".repeat(room - ("scripted".length - "peer".length))))
        yield* peer.sync

        assert.strictEqual(pulled.length, 1)
        assert.strictEqual(pulled[0]?.body?.length, linkOptions.maxMessageBytes)
      })
    )
  })

  describe("renegotiation", () => {
    const list = (...methods: ReadonlyArray<string>) => ({ _tag: "CompressionList", methods }) as const
    const resend = { _tag: "Resend" } as const

    test(
      "to nothing is answered by nothing, and then both are quiet and plain",
      Effect.gen(function*() {
        const { link, peer, pulled } = yield* linked(py2p)

        yield* peer.say("renegotiate", list())
        const answer = yield* peer.next("CompressionList")
        yield* peer.say("renegotiate", list())
        yield* peer.sync
        link.tell(broadcastOf(repetitive))
        const plain = yield* peer.next("UserBroadcast")

        assert.deepStrictEqual(answer.says, list())
        assert.strictEqual(answer.message.type, "renegotiate")
        assert.isFalse(plain.isCompressed)
        assert.deepStrictEqual(tags(peer), ["CompressionList", "Pong", "UserBroadcast"])
        assert.deepStrictEqual(pulled, [])
      })
    )

    test(
      "is answered with the methods this node has, in its own order, and holds from then on",
      Effect.gen(function*() {
        const { link, peer } = yield* linked(py2p)

        yield* peer.say("renegotiate", list("lzma", "gzip", "zlib", "lzjb"))
        const answer = yield* peer.next("CompressionList")
        yield* peer.say("renegotiate", list("gzip"))
        yield* peer.sync

        assert.deepStrictEqual(answer.says, list("zlib", "gzip"))
        assert.strictEqual(link.method?.name, "gzip")
      })
    )

    test(
      "to the list that is set already is not answered",
      Effect.gen(function*() {
        const { peer } = yield* linked(py2p)

        yield* peer.say("renegotiate", list(...py2p))
        yield* peer.sync

        assert.deepStrictEqual(tags(peer), ["Pong"])
      })
    )

    test(
      "is taken from a peer like js2p, but never sent to it",
      Effect.gen(function*() {
        const { link, peer } = yield* linked(js2p)
        link.tell(broadcastOf(repetitive))
        yield* peer.say("renegotiate", list())
        yield* peer.sync

        const sent = [link.renegotiate([]), link.requestResend()]
        link.tell(broadcastOf(repetitive))
        yield* peer.sync

        assert.deepStrictEqual(sent, [false, false])
        assert.deepStrictEqual(peer.received.map((one) => one.message.type), ["whisper", "pong", "whisper", "pong"])
        assert.deepStrictEqual(peer.received.map((one) => one.isCompressed), [true, false, false, false])
      })
    )

    test(
      "more than 16 times ends the link",
      Effect.gen(function*() {
        const { ended, link, peer } = yield* linked(py2p)

        for (let i = 0; i < 16; i++) yield* peer.say("renegotiate", list(i % 2 === 0 ? "zlib" : "gzip"))
        yield* peer.sync
        assert.strictEqual(link.method?.name, "gzip")
        yield* peer.say("renegotiate", resend)

        assert.deepStrictEqual((yield* ended).reason, { _tag: "RenegotiationLimit", limit: 16 })
      })
    )

    test(
      "over the limit ends the link before what comes behind it is read",
      Effect.gen(function*() {
        const { ended, peer, protocol, pulled } = yield* linked(py2p)
        const bytes = (type: Message["type"], payload: Payload) =>
          frame(protocol.encode(protocol.make(type, "peer", protocol.encodePayload(payload), 0)))
        const rounds = Array.from({ length: 17 }, () => bytes("renegotiate", resend))

        yield* peer.write(
          join([bytes("whisper", whisperOf("before")), ...rounds, bytes("whisper", whisperOf("after"))])
        )
        yield* ended

        assert.strictEqual(pulled.length, 1)
      })
    )

    test(
      "asks for a plain copy of a frame that cannot be unpacked, from a peer that understands that",
      Effect.gen(function*() {
        const { peer, pulled } = yield* linked(py2p)

        yield* peer.write(frame(Uint8Array.of(0x78, 0x9c, 0, 0, 0, 0)))
        yield* peer.say("whisper", whisperOf("plain copy"))
        yield* peer.sync

        assert.deepStrictEqual(tags(peer), ["CompressionList", "Resend", "Pong"])
        assert.deepStrictEqual(peer.received[0]?.says, list())
        assert.strictEqual(pulled.length, 1)
      })
    )

    test(
      "asks so 16 times at most, and then ends the link",
      Effect.gen(function*() {
        const { ended, peer } = yield* linked(py2p)
        const broken = frame(Uint8Array.of(0x78, 0x9c, 0, 0, 0, 0))

        for (let i = 0; i < 16; i++) yield* peer.write(broken)
        yield* peer.sync
        yield* peer.write(broken)
        const { reason } = yield* ended

        assert.deepInclude(reason, { _tag: "Malformed", reason: "MalformedCompression" })
        assert.strictEqual(tags(peer).filter((tag) => tag === "Resend").length, 16)
      })
    )

    test(
      "repeats the last message once, as a new message of its time",
      Effect.gen(function*() {
        const { link, peer } = yield* linked(py2p)
        link.tell(broadcastOf("first"))
        link.tell(broadcastOf("last"))
        yield* TestClock.adjust("5 seconds")

        yield* peer.say("renegotiate", resend)
        yield* peer.say("renegotiate", resend)
        yield* peer.sync

        assert.deepStrictEqual(peer.received.slice(0, 3).map((one) => textsOf(one.says)), [["first"], ["last"], [
          "last"
        ]])
        const [, last, again] = peer.received.map((one) => one.message)
        assert.deepStrictEqual([last?.time, again?.time], [0, 5])
        assert.notStrictEqual(again?.id, last?.id)
        assert.deepStrictEqual(tags(peer).slice(3), ["Pong"])
      })
    )

    test(
      "repeats a message again when another was sent since, with its own main flag",
      Effect.gen(function*() {
        const { link, peer, protocol } = yield* linked(py2p)
        link.tell(broadcastOf("first"))
        yield* peer.say("renegotiate", resend)
        yield* peer.sync
        const shared = protocol.make("broadcast", "me", protocol.encodePayload(broadcastOf("second")), 0)
        link.offer(new Outgoing(protocol.frame(shared), 100))
        link.remember(shared)

        yield* peer.say("renegotiate", resend)
        yield* peer.sync

        assert.deepStrictEqual(
          peer.received.filter((one) => one.says?._tag !== "Pong").map((one) => [
            one.message.type,
            ...textsOf(one.says)
          ]),
          [["whisper", "first"], ["whisper", "first"], ["broadcast", "second"], ["broadcast", "second"]]
        )
      })
    )

    test(
      "repeats a signed message as it was: with another time its signature would be wrong",
      Effect.gen(function*() {
        const { link, peer, protocol } = yield* linked(py2p)
        const signature = new TextEncoder().encode("effect-p2p:signed:1:key:nonce:signature")
        const packets = protocol.encodePayload(broadcastOf("signed"))
        link.say(protocol.make("broadcast", "me", [...packets, signature], 0))
        yield* TestClock.adjust("5 seconds")

        yield* peer.say("renegotiate", resend)
        yield* peer.sync

        const [first, again] = peer.received.map((one) => one.message)
        assert.deepStrictEqual([again?.id, again?.time], [first?.id, 0])
      })
    )

    test(
      "repeats nothing when nothing was sent, and goes on",
      Effect.gen(function*() {
        const { peer } = yield* linked(py2p)

        yield* peer.say("renegotiate", resend)
        yield* peer.sync

        assert.deepStrictEqual(tags(peer), ["Pong"])
      })
    )

    test(
      "with another sub-flag is handed on like any message",
      Effect.gen(function*() {
        const { peer, pulled } = yield* linked(py2p)

        yield* peer.say("renegotiate", whisperOf("psst"))
        yield* peer.sync

        assert.deepStrictEqual(pulled.map((message) => message.type), ["renegotiate"])
      })
    )
  })

  describe("ping", () => {
    test(
      "is answered with its packets, to any peer, and not handed on",
      Effect.gen(function*() {
        const { peer, pulled } = yield* linked(js2p)
        const packets = [bytesOf("a"), new Uint8Array(0), noise(200)]

        yield* peer.say("ping", { _tag: "Ping", packets })
        const { says } = yield* peer.next("Pong")

        assert.deepStrictEqual(says, { _tag: "Pong", packets })
        assert.deepStrictEqual(pulled, [])
      })
    )

    test(
      "is not answered when it is over 256 bytes, or has no packet at all",
      Effect.gen(function*() {
        const { peer, protocol, pulled } = yield* linked(ours)

        yield* peer.say("ping", { _tag: "Ping", packets: [noise(256)] })
        yield* peer.send(protocol.make("ping", "peer", [], 0))
        yield* peer.sync
        yield* peer.say("ping", { _tag: "Ping", packets: [noise(255)] })
        yield* peer.sync

        assert.strictEqual(tags(peer).filter((tag) => tag === "Pong").length, 3)
        assert.deepStrictEqual(pulled.map(({ type }) => type), ["ping", "ping"])
      })
    )

    test(
      "is not answered when it has over 16 packets, its sub-flag among them: empty ones have a size on the wire",
      Effect.gen(function*() {
        const { peer, pulled } = yield* linked(ours)
        const emptyPackets = (count: number) => Array.from({ length: count }, () => new Uint8Array(0))

        for (const count of [maxPackets - 1, 16, 15]) {
          yield* peer.say("ping", { _tag: "Ping", packets: emptyPackets(count) })
        }
        const { says } = yield* peer.next("Pong")

        assert.deepStrictEqual(says, { _tag: "Pong", packets: emptyPackets(15) })
        assert.deepStrictEqual(pulled.map(({ type }) => type), ["ping", "ping"])
      })
    )

    test(
      "is sent to one of ours only, and the pong is swallowed",
      Effect.gen(function*() {
        const { link, peer, pulled } = yield* linked(ours)
        const other = yield* linked(py2p)

        assert.isTrue(link.ping())
        yield* peer.next("Ping")
        yield* peer.say("pong", { _tag: "Pong", packets: [] })
        yield* peer.sync

        assert.isFalse(other.link.ping())
        assert.deepStrictEqual(pulled, [])
      })
    )

    test(
      "and whatever else comes whole moves the time of the last sign of life",
      Effect.gen(function*() {
        const { link, peer } = yield* linked(ours)
        assert.strictEqual(link.lastReceivedMillis, 0)

        yield* TestClock.adjust("7 seconds")
        yield* peer.write(Uint8Array.of(0, 0))
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(link.lastReceivedMillis, 0)
        yield* peer.write(Uint8Array.of(0, 5, 0, 0, 0, 1, 2))
        yield* TestClock.adjust("1 millis")

        assert.strictEqual(link.lastReceivedMillis, 7001)
      })
    )
  })

  describe("goodbye", () => {
    test(
      "tells one of ours why the link ends, when the link closes",
      Effect.gen(function*() {
        const { close, link, peer } = yield* linked(ours)

        link.sayGoodbye({ _tag: "Full", limit: 3 })
        yield* close
        const { message } = yield* peer.waitFor((one) => one.message.type === "whisper")

        assert.deepStrictEqual(readGoodbye(message), {
          _tag: "Goodbye",
          reason: "Full",
          detail: "all 3 slots for links are taken"
        })
      })
    )

    test(
      "is not said to the originals, nor where nobody would hear it",
      Effect.gen(function*() {
        const [toPython, toOurs] = [yield* linked(py2p), yield* linked(ours)]

        toPython.link.sayGoodbye({ _tag: "Stopped" })
        toOurs.link.sayGoodbye({ _tag: "ConnectionLost", clean: true, detail: "closed" })
        toOurs.link.sayGoodbye({ _tag: "Goodbye", reason: "Stopped", detail: "" })
        toOurs.link.sayGoodbye({ _tag: "TooSlow", queuedBytes: 1, afterMillis: 1 })
        yield* Effect.all([toPython.peer.sync, toOurs.peer.sync])

        assert.deepStrictEqual([tags(toPython.peer), tags(toOurs.peer)], [["Pong"], ["Pong"]])
      })
    )

    test(
      "is only what a whisper says, and is cut to size",
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const packets = ["goodbye", "R".repeat(1000), "d".repeat(1000)].map(bytesOf)

        assert.isUndefined(readGoodbye(protocol.make("broadcast", "peer", packets, 0)))
        assert.isUndefined(readGoodbye(protocol.make("whisper", "peer", [bytesOf("goodbyf")], 0)))
        assert.isUndefined(readGoodbye(protocol.make("whisper", "peer", [], 0)))
        assert.deepStrictEqual(readGoodbye(protocol.make("whisper", "peer", packets.slice(0, 1), 0)), {
          _tag: "Goodbye",
          reason: "",
          detail: ""
        })
        assert.deepStrictEqual(readGoodbye(protocol.make("whisper", "peer", packets, 0)), {
          _tag: "Goodbye",
          reason: "R".repeat(64),
          detail: "d".repeat(512)
        })
      })
    )
  })

  test(
    "fails whoever waits for its end with the first reason it is closed for",
    Effect.gen(function*() {
      const { link } = yield* linked()
      const waiting = yield* Effect.forkChild(Effect.flip(link.closed), { startImmediately: true })

      link.close({ _tag: "Disconnected" })
      link.close({ _tag: "Stopped" })
      const error = yield* Fiber.join(waiting)

      assert.deepStrictEqual(error.reason, { _tag: "Disconnected" })
      assert.strictEqual(error.message, "the application closed the link")
    })
  )

  test(
    "gives back what was not read yet before anything else, in order",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* connectHosts()
      const protocol = yield* Protocol
      const link = yield* Link.make(dialed, 1, "outbound", linkOptions)
      const peer = yield* makePeer(accepted, protocol)
      const messages = ["a", "b", "c"].map((text) =>
        protocol.make("whisper", "peer", protocol.encodePayload(whisperOf(text)), 0)
      )
      yield* peer.write(join(messages.map((message) => frame(protocol.encode(message)))))

      const batch = yield* link.pull
      link.unread(batch.slice(2))
      link.unread(batch.slice(1, 2))
      const again = yield* link.pull

      assert.deepStrictEqual(batch.map((message) => message.id), messages.map((message) => message.id))
      assert.deepStrictEqual(again.map((message) => message.id), messages.slice(1).map((message) => message.id))
    })
  )

  describe("outbox", () => {
    test(
      "drops what does not fit, counts it, and sends the rest in order when the peer reads",
      Effect.gen(function*() {
        const { accepted, dialed } = yield* connectHosts()
        const link = yield* Link.make(dialed, 1, "outbound", linkOptions)
        const payload = (i: number) => ({ _tag: "UserWhisper", packets: [bytesOf(String(i)), noise(20_000)] }) as const

        const taken: Array<number> = []
        for (let i = 0; i < 200; i++) {
          if (link.tell(payload(i))) taken.push(i)
          yield* TestClock.adjust("1 millis")
        }
        const peer = yield* makePeer(accepted, yield* Protocol)
        yield* peer.waitFor((one) => textsOf(one.says)[0] === String(taken.at(-1)))

        assert.isBelow(taken.length, 50)
        assert.strictEqual(link.droppedCount, 200 - taken.length)
        assert.deepStrictEqual(peer.received.map((one) => Number(textsOf(one.says)[0])), taken)
      })
    )

    test(
      "takes a frame larger than itself when it is empty",
      Effect.gen(function*() {
        const { link, peer } = yield* linked(js2p)

        assert.isTrue(link.tell({ _tag: "UserWhisper", packets: [noise(90_000)] }))
        const { message } = yield* peer.next("UserWhisper")
        assert.isTrue(link.tell(whisperOf("next")))

        assert.strictEqual(message.payload[1]?.length, 90_000)
      })
    )

    test(
      "is written out when the link closes in order",
      Effect.gen(function*() {
        const { close, link, peer } = yield* linked(js2p)
        for (let i = 0; i < 10; i++) link.tell(whisperOf(String(i)))

        yield* close
        yield* peer.waitFor((one) => textsOf(one.says)[0] === "9")

        assert.isFalse(link.tell(whisperOf("late")))
        assert.strictEqual(peer.received.length, 10)
      })
    )

    test(
      "holds up closing for the drain timeout at most when the peer does not read",
      Effect.gen(function*() {
        const { dialed } = yield* connectHosts()
        const scope = yield* Scope.fork(yield* Effect.scope)
        const link = yield* Scope.provide(
          Link.make(dialed, 1, "outbound", { ...linkOptions, maxOutboxBytes: 1 << 20 }),
          scope
        )
        for (let i = 0; i < 10; i++) link.tell({ _tag: "UserWhisper", packets: [noise(80_000)] })

        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust("1 millis")

        yield* Fiber.join(closing)
      })
    )

    test(
      "closes the link when the connection takes nothing more",
      Effect.gen(function*() {
        const network = yield* MemoryNetwork
        const { dialed } = yield* connectHosts()
        const link = yield* Link.make(dialed, 1, "outbound", linkOptions)
        yield* network.crash("far")

        link.tell(whisperOf("anybody"))
        const { reason } = yield* Effect.flip(link.closed)

        assert.deepStrictEqual(reason, { _tag: "ConnectionLost", clean: false, detail: "reset" })
      })
    )
  })
})
