/** The recorded vectors of version 0.4, all of them, both ways. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Base58 from "../../src/Protocol/Base58.ts"
import type { CompressionMethod } from "../../src/Protocol/Compression/Compression.ts"
import * as Frame from "../../src/Protocol/Frame.ts"
import { FrameSplitter } from "../../src/Protocol/FrameSplitter.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { knownTypes, maxPackets, type Message, type MessageType, PlainMessage } from "../../src/Protocol/Message.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Identifiers from "../../src/Protocol/v04/Identifiers.ts"
import { isWireFault, type WireFault } from "../../src/Protocol/WireFault.ts"
import { type MessageVector, toBytes, vectors } from "../fixtures/Vectors.ts"
import { keyPositions } from "../utils/keyPositions.ts"
import { copiesItself } from "./copies.ts"
import { bodyOf } from "./manyPackets.ts"
import { protocolLayer } from "./protocolLayer.ts"

const maxBytes = 1 << 22

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const typeOf = (flag: string): MessageType => {
  const known = Object.entries(vectors.flags.main).find(([, byte]) => byte === flag)
  return known === undefined ? `0x${flag}` : known[0] as MessageType
}

const named = (protocol: Protocol["Service"], names: ReadonlyArray<string>): Array<CompressionMethod> =>
  names.flatMap((name) => protocol.methods.filter((method) => method.name === name))

const assertMessage = (result: Message | WireFault): Message => {
  if (isWireFault(result)) return assert.fail(`${result.detail} (${result.reason} at ${result.offset})`)
  return result
}

const make = (protocol: Protocol["Service"], vector: MessageVector): Message =>
  protocol.make(typeOf(vector.msg_type), toBytes(vector.sender), vector.payload.map(toBytes), BigInt(vector.time))

const read = (
  protocol: Protocol["Service"],
  frame: Uint8Array,
  methods: ReadonlyArray<CompressionMethod>
): Message | WireFault => {
  const body = Frame.decodeFrame(frame, maxBytes)
  if (isWireFault(body)) return body
  const plain = protocol.unpack(body, methods, maxBytes)
  return isWireFault(plain) ? plain : protocol.decode(plain)
}

layer(protocolLayer)("Protocol04", (it) => {
  describe("messages", () => {
    it.effect.each(vectors.messages)("writes '$name' as recorded", (vector) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const serialized = toBytes(vector.serialized)

        const message = make(protocol, vector)
        const rebuilt = new PlainMessage(
          message.type,
          message.senderBytes,
          vector.id,
          BigInt(vector.time),
          message.payload
        )

        assert.strictEqual(message.id, vector.id)
        assert.strictEqual(Base58.fromInteger(BigInt(vector.time)), vector.time_58)
        assert.strictEqual(serialized.length, vector.length)
        assert.strictEqual(hex(Frame.frame(protocol.encode(message))), hex(serialized))
        assert.strictEqual(hex(Frame.frame(protocol.encode(rebuilt))), hex(serialized))
      }))

    it.effect.each(vectors.messages)("reads '$name' as recorded", (vector) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        const message = assertMessage(read(protocol, toBytes(vector.serialized), []))

        assert.strictEqual(message.type, typeOf(vector.msg_type))
        assert.strictEqual(hex(message.senderBytes), hex(toBytes(vector.sender)))
        assert.strictEqual(message.sender, Buffer.from(toBytes(vector.sender)).toString())
        assert.strictEqual(message.id, vector.id)
        assert.strictEqual(message.exactTime, BigInt(vector.time))
        assert.strictEqual(message.time, Number(vector.time))
        assert.deepStrictEqual(message.payload.map(hex), vector.payload.map((packet) => hex(toBytes(packet))))
        assert.strictEqual(hex(Frame.frame(protocol.encode(message))), hex(toBytes(vector.serialized)))
      }))

    it.effect.each(vectors.messages)(
      "relays '$name' as a waterfall with nothing else changed",
      (vector) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol
          const body = toBytes(vector.serialized).subarray(4)
          const message = assertMessage(protocol.decode(body))
          const before = hex(body)

          const relayed = protocol.frameRelay(message).subarray(4)
          const waterfall = protocol.make("waterfall", message.senderBytes, message.payload, message.exactTime)

          assert.strictEqual(hex(relayed), hex(protocol.encode(waterfall)))
          assert.strictEqual(assertMessage(protocol.decode(relayed)).id, vector.id)
          assert.strictEqual(hex(body), before)
        })
    )

    it.effect("names all main and sub-flags as recorded", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        assert.deepStrictEqual(Object.keys(vectors.flags.main), [...knownTypes])
        for (const [name, flag] of Object.entries(vectors.flags.sub)) {
          assert.strictEqual(protocol.subFlag([toBytes(flag)]), name)
        }
        assert.strictEqual(protocol.subFlag([]), "none")
        assert.strictEqual(protocol.subFlag([Uint8Array.of(0x0d)]), "custom")
        assert.strictEqual(protocol.subFlag([Uint8Array.of(0, 0)]), "custom")
        assert.strictEqual(protocol.subFlag([new Uint8Array(0)]), "custom")
      }))

    it.effect("knows the original Python node, which bears a renegotiation, by bz2", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const bears = (...methods: ReadonlyArray<string>) => protocol.capabilities(methods).renegotiates

        assert.deepStrictEqual([bears("zlib", "bz2"), bears("zlib", "gzip"), bears("effect-p2p:1:n")], [
          true,
          false,
          true
        ])
      }))

    it.effect.each(["0x0", "0xzz", "shout", "0x 1"])(
      "throws for the type %s, which has no bytes",
      (type) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol
          const message = new PlainMessage(type as MessageType, new Uint8Array(0), "1", 0, [])

          assert.throws(() => protocol.make(type as MessageType, "a", [], 0), RangeError)
          assert.isTrue(Schema.encodeUnknownExit(protocol.Message)(message)._tag === "Failure")
        })
    )

    it.effect.each([-1, 1.5, Number.NaN, -1n])("throws for the time %s", (time) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        assert.throws(() => protocol.make("whisper", "a", [], time), RangeError)
      }))

    it.effect("copies a message with memory of its own", () => Effect.map(Protocol, copiesItself))

    it.effect("refuses more packets than any message needs", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        assert.deepInclude(protocol.decode(bodyOf(protocol, maxPackets)), { packetCount: maxPackets })
        for (const count of [maxPackets + 1, 400_000]) {
          assert.deepInclude(protocol.decode(bodyOf(protocol, count)), {
            reason: "TooManyPackets",
            detail: "4097 packets or more, the limit is 4096"
          })
        }
        const many = Array.from({ length: maxPackets + 1 }, () => new Uint8Array(0))
        assert.throws(() => protocol.make("whisper", "A", many, 0), RangeError)
      }))

    it.effect("names a known flag that was given in hex", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        assert.strictEqual(protocol.make("0x02", "a", [], 0).type, "whisper")
        assert.strictEqual(protocol.make("0xFF", "a", [], 0).type, "0xff")
      }))

    it.effect("names a flag by its first 16 bytes, and passes on all of them", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const flag = "ab".repeat(1000)

        const read = assertMessage(protocol.decode(protocol.encode(protocol.make(`0x${flag}`, "a", [], 0))))

        assert.strictEqual(read.type, `0x${"ab".repeat(16)}`)
        assert.include(hex(protocol.encode(read)), flag)
      }))

    it.effect("refuses a time of more than 64 digits, and takes one of 64", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const long = protocol.make("whisper", "a", [], 58n ** 64n)
        const longest = protocol.make("whisper", "a", [], 58n ** 64n - 1n)

        assert.deepInclude(protocol.decode(protocol.encode(long)), { reason: "InvalidTime" })
        assert.strictEqual(assertMessage(protocol.decode(protocol.encode(longest))).exactTime, 58n ** 64n - 1n)
      }))
  })

  describe("compressed frames", () => {
    it.effect("are of all four methods that the original nodes have", () =>
      Effect.sync(() => {
        const counts = ["zlib", "gzip", "bz2", "lzma"].map((name) =>
          vectors.compressed.filter(({ method }) => method === name).length
        )

        assert.deepStrictEqual(counts, [25, 22, 17, 18])
      }))

    it.effect.each(vectors.compressed)("reads '$message' in $method by $made_by", (vector) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const original = vectors.messages.find((message) => message.name === vector.message)!
        const body = toBytes(vector.frame).subarray(4)

        const plain = protocol.unpack(body, named(protocol, [vector.method]), maxBytes)

        assert.isFalse(isWireFault(plain))
        assert.strictEqual(hex(plain as Uint8Array), hex(toBytes(original.serialized).subarray(4)))
        assert.strictEqual((plain as Uint8Array).length, vector.plain_length)
        assert.strictEqual(assertMessage(protocol.decode(plain as Uint8Array)).id, original.id)
        const bounded = protocol.unpack(body, named(protocol, [vector.method]), vector.plain_length - 1)
        assert.strictEqual(isWireFault(bounded) ? bounded.reason : "read", "DecompressedTooLarge")
      }))
  })

  describe("odd frames", () => {
    it.effect.each(vectors.frames)(
      "$py2p '$name', as py2p does",
      (vector) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol

          const result = read(protocol, toBytes(vector.frame), named(protocol, vector.compressions))

          assert.strictEqual(isWireFault(result) ? "refuses" : "accepts", vector.py2p)
          if (!isWireFault(result)) {
            const expected = vector.py2p_reads!
            assert.strictEqual(result.type, typeOf(expected.msg_type))
            assert.strictEqual(hex(result.senderBytes), expected.sender)
            assert.strictEqual(result.exactTime, BigInt(expected.time))
            assert.strictEqual(result.id, expected.id)
            assert.deepStrictEqual(result.payload.map(hex), expected.payload)
          }
        })
    )

    it.effect.each(vectors.frames.filter((vector) => vector.py2p === "accepts"))(
      "finds '$name' in a stream as a frame",
      (vector) =>
        Effect.sync(() => {
          const found: Array<Uint8Array> = []
          const frame = toBytes(vector.frame)

          assert.isUndefined(new FrameSplitter(maxBytes).push(frame, found))

          assert.deepStrictEqual(found.map(hex), [hex(frame.subarray(4))])
        })
    )

    it.effect.each([
      ["no bytes at all", "TruncatedFrame"],
      ["empty frame", "EmptyFrame"],
      ["cut off in the middle", "TruncatedFrame"],
      ["size header ffffffff", "FrameTooLarge"],
      ["size header one too small", "TrailingBytes"],
      ["three bytes of sizes", "TruncatedLength"],
      ["first packet size ffffffff", "PacketOverrun"],
      ["three packets", "MissingPackets"],
      ["four empty packets", "ChecksumMismatch"],
      ["time holds a nul byte", "InvalidTime"],
      ["checksum: id with a leading 1", "ChecksumMismatch"],
      ["zlib frame cut in half", "MalformedCompression"],
      ["gzip frame with a wrong check sum", "MalformedCompression"],
      ["gzip frame cut by one byte", "MalformedCompression"],
      ["empty zlib stream", "EmptyFrame"]
    ])("says of '%s' that it is %s", ([name, reason]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const vector = vectors.frames.find((frame) => frame.name === name)!

        const result = read(protocol, toBytes(vector.frame), named(protocol, vector.compressions))

        assert.strictEqual(isWireFault(result) ? result.reason : "read", reason)
      }))
  })

  describe("ids", () => {
    it.effect.each(vectors.protocol_ids)(
      "makes the network id of '$subnet' with '$encryption'",
      (vector) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol

          assert.strictEqual(protocol.networkId(vector.subnet, vector.encryption), vector.id)
        })
    )

    it.effect.each(vectors.chord_protocol_ids)(
      "makes the chord network id of '$subnet' with k = $k",
      (vector) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol
          const networkId = protocol.networkId(vector.subnet, vector.encryption)

          assert.strictEqual(Identifiers.chordNetworkId(networkId, vector.k), vector.handshake_id)
        })
    )

    it.effect.each(vectors.node_ids)(
      "makes the node id of $addr as py2p does, and its chord positions",
      (vector) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol
          const networkId = protocol.networkId(vector.subnet, vector.encryption)

          const id = protocol.nodeId({ host: vector.addr, port: vector.port }, networkId, vector.salt)

          assert.strictEqual(id, vector.py2p_id)
          for (const [exponent, expected] of Object.entries(vector.chord)) {
            const position = Identifiers.ringPosition(id, Number(exponent))!
            assert.strictEqual(position, BigInt(expected.id_10))
            assert.strictEqual(Base58.fromInteger(position), expected.id)
          }
        })
    )

    it.effect.each(vectors.node_ids)(
      "does not make the node id of $addr as js2p does, without the quotes",
      (vector) =>
        Effect.gen(function*() {
          const hashing = yield* Hashing
          const digest = hashing.digest("sha384", new TextEncoder().encode(vector.js2p_hashed))

          assert.strictEqual(Base58.fromBytes(digest), vector.js2p_id)
          assert.notStrictEqual(vector.js2p_id, vector.py2p_id)
        })
    )

    it.effect.each(vectors.chord_keys)("places the key '$key' in the five tables", (vector) =>
      Effect.gen(function*() {
        const hashing = yield* Hashing

        const positions = keyPositions(hashing, toBytes(vector.key))

        assert.deepStrictEqual(positions.map(({ table }) => table), Object.keys(vector.hashes))
        for (const { position, table } of positions) {
          const expected = vector.hashes[table]!
          assert.strictEqual(position, BigInt(expected.integer))
          assert.strictEqual(Base58.fromInteger(position), expected.wire)
          for (const [exponent, reduced] of Object.entries(expected.mod)) {
            assert.strictEqual(BigInt.asUintN(Number(exponent), position), BigInt(reduced))
          }
        }
      }))

    it.effect("has no ring position for an id that is not in base 58", () =>
      Effect.sync(() => assert.isUndefined(Identifiers.ringPosition("l0I", 6))))

    it.effect.each([
      ["a'b\"c", `('a\\'b"c', 1)`],
      ["tab\tline\nreturn\r", `('tab\\tline\\nreturn\\r', 1)`],
      ["\x00\x7f\u00a0", `('\\x00\\x7f\\xa0', 1)`],
      ["\u2028\u{e0001}", `('\\u2028\\U000e0001', 1)`],
      ["a b😀", `('a b😀', 1)`]
    ])("hashes the host %o as Python 3 writes it", ([host, text]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const hashing = yield* Hashing
        const digest = hashing.digest("sha384", new TextEncoder().encode(`${text}netsalt`))

        assert.strictEqual(protocol.nodeId({ host: host!, port: 1 }, "net", "salt"), Base58.fromBytes(digest))
      }))
  })
})
