/** The recorded vectors and conversations of version 0.7, all of them, both ways. */
import { assert, describe, it as plainIt, layer } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Schema } from "effect"
import * as Ring from "../../src/Chord/Ring.ts"
import * as Base58 from "../../src/Protocol/Base58.ts"
import {
  type CompressingMethod,
  type CompressionMethod,
  negotiate
} from "../../src/Protocol/Compression/Compression.ts"
import * as Frame from "../../src/Protocol/Frame.ts"
import { type HashAlgorithm, Hashing } from "../../src/Protocol/Hashing.ts"
import { maxPackets, type Message, type MessageType, PlainMessage } from "../../src/Protocol/Message.ts"
import { contentOf, kindOf, type Packet, text, TypedPacket } from "../../src/Protocol/Packet.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Identifiers from "../../src/Protocol/v07/Identifiers.ts"
import * as MessagePack from "../../src/Protocol/v07/MessagePack.ts"
import * as Values from "../../src/Protocol/v07/Values.ts"
import { isWireFault, type WireFault, type WireFaultReason } from "../../src/Protocol/WireFault.ts"
import { conversations07, type MessageVector, type Value, vectors07 } from "../fixtures/Vectors07.ts"
import { keyPositions } from "../utils/keyPositions.ts"
import { copiesItself } from "./copies.ts"
import { bodyOf } from "./manyPackets.ts"
import { json, Unambiguous } from "./payloads.ts"
import { protocolLayer07 } from "./protocolLayer07.ts"
import { decodeTampered } from "./tampered.ts"

type ProtocolApi = Protocol["Service"]

const maxBytes = 1 << 22
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))

const isList = (value: Value): value is ReadonlyArray<Value> => Array.isArray(value)

/** A recorded value as JavaScript has it. */
const plain = (value: Value): unknown => {
  if (value === null || typeof value !== "object") return value
  if (isList(value)) return value.map(plain)
  if ("s" in value) return value.s
  if ("b" in value) return bytes(value.b)
  if ("i" in value) return Number.isSafeInteger(Number(value.i)) ? Number(value.i) : BigInt(value.i)
  if ("f" in value) return Number(value.f)
  return Object.fromEntries(value.m.map(([key, item]) => [String(plain(key)), plain(item)]))
}

const packet = (value: Value): Packet => {
  const content = plain(value)
  if (typeof content === "string") return text(content)
  return content instanceof Uint8Array ? content : new TypedPacket("value", Values.encode(content))
}

const decoder = new TextDecoder()

/** What a method does that only its name counts of. */
const reversed: Omit<CompressingMethod, "name"> = {
  compress: (bytes) => bytes.toReversed(),
  decompress: (bytes) => bytes.toReversed(),
  recognizes: () => false
}

/** What a packet holds, to compare with what was recorded. */
const held = (packet: Packet): unknown => {
  const content = contentOf(packet)
  switch (kindOf(packet)) {
    case "bytes":
      return new Uint8Array(content)
    case "text":
      return decoder.decode(content)
    case "value":
      return Values.decode(content)?.value
  }
}

const present = <A>(result: A | WireFault): A =>
  isWireFault(result) ? assert.fail(`${result.detail} (${result.reason} at ${result.offset})`) : result

const named = (protocol: ProtocolApi, flags: ReadonlyArray<number>): Array<CompressionMethod> => {
  const names = Object.entries(vectors07.flags.compression).filter(([, flag]) => flags.includes(flag))
  return protocol.methods.filter((method) => names.some(([name]) => name === method.name))
}

const read = (
  protocol: ProtocolApi,
  frame: Uint8Array,
  methods: ReadonlyArray<CompressionMethod>
): Message | WireFault => {
  const body = Frame.decodeFrame(frame, maxBytes)
  if (isWireFault(body)) return body
  const unpacked = protocol.unpack(body, methods, maxBytes)
  return isWireFault(unpacked) ? unpacked : protocol.decode(unpacked)
}

const typeOf = (value: Value): MessageType => {
  const flag = plain(value)
  const name = Object.entries(vectors07.flags.main).find(([, number]) => number === flag)?.[0]
  return (name ?? `0x${hex(Values.encode(flag))}`) as MessageType
}

/** The frames of a message: of both originals where they differ. */
const frames = (vector: MessageVector) =>
  [[vector.frame, vector.id], [vector.frame_js, vector.id_js], [vector.frame_py, vector.id_py]].flatMap(([frame, id]) =>
    frame === undefined || id === undefined ? [] : [{ frame: bytes(frame), id }]
  )

const written = vectors07.messages.filter(({ sender, time }) =>
  // Ours writes ids as texts and whole seconds.
  sender !== null && typeof sender === "object" && "s" in sender && Number.isInteger(plain(time))
)

layer(protocolLayer07)("Protocol07", (it) => {
  describe("messages", () => {
    it.effect.each(vectors07.messages)("reads '$name' as recorded", (vector) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        for (const { frame, id } of frames(vector)) {
          const message = present(read(protocol, frame, []))

          assert.strictEqual(message.id, id)
          assert.strictEqual(message.type, typeOf(vector.msg_type))
          assert.strictEqual(message.time, Math.trunc(Number(plain(vector.time))))
          assert.deepStrictEqual(
            message.packets.map(held).map((one) => typeof one === "bigint" ? Number(one) : one),
            vector.payload.map(plain).map((one) => typeof one === "bigint" ? Number(one) : one)
          )
          assert.strictEqual(hex(Frame.frame(protocol.encode(message))), hex(frame))
          assert.strictEqual(hex(protocol.frameRelay(message)), hex(frame))
        }
      }))

    it.effect.each(written)("writes '$name' as recorded", (vector) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const time = Number(plain(vector.time))

        const message = protocol.make(
          typeOf(vector.msg_type),
          String(plain(vector.sender)),
          vector.payload.map(packet),
          time
        )
        const rebuilt = new PlainMessage(
          message.type,
          message.senderBytes,
          message.id,
          time,
          message.payload,
          undefined,
          message.packets
        )

        const shortest = bytes(vector.frame ?? vector.frame_py ?? "")
        assert.strictEqual(hex(Frame.frame(protocol.encode(message))), hex(shortest))
        assert.strictEqual(hex(Frame.frame(protocol.encode(rebuilt))), hex(shortest))
        assert.strictEqual(message.id, vector.id ?? vector.id_py)
      }))

    it.effect.each(vectors07.messages.filter((vector) => vector.compressed !== undefined))(
      "reads '$name' compressed by every method and implementation, and its own",
      (vector) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol
          for (const [name, made] of Object.entries(vector.compressed ?? {})) {
            for (const frame of Object.values(made)) {
              assert.strictEqual(present(read(protocol, bytes(frame), protocol.methods)).id, vector.id, name)
            }
            const method = protocol.methods.find((method) => method.name === name)
            assert.isDefined(method)
            if (method?.compress === undefined) continue
            const packed = method.compress(bytes(vector.frame!).subarray(4))
            assert.strictEqual(present(read(protocol, Frame.frame(packed), [method])).id, vector.id)
          }
        })
    )
  })

  describe("frames", () => {
    const reasons: Readonly<Record<string, WireFaultReason>> = {
      "checksum all zero": "ChecksumMismatch",
      "one bit of the body flipped": "ChecksumMismatch",
      "checksum of the text form of the hash": "ChecksumMismatch",
      "length too small by one": "TrailingBytes",
      "length too large by one": "TruncatedFrame",
      "length in little-endian order": "FrameTooLarge",
      "length counts itself": "TruncatedFrame",
      "empty frame": "EmptyFrame",
      "31 bytes": "MissingPackets",
      "checksum of nothing, no body": "MissingPackets",
      "body is a map": "InvalidField",
      "body is a string": "InvalidField",
      "body is nil": "InvalidField",
      "body is an integer": "InvalidField",
      "body is an empty array": "MissingPackets",
      "body is an array of two": "MissingPackets",
      "body is truncated": "PacketOverrun",
      "body uses the byte 0xc1": "PacketOverrun",
      "time as text": "InvalidTime",
      "time as nil": "InvalidTime",
      "compressed, none agreed": "ChecksumMismatch",
      "length prefix inside the compression": "ChecksumMismatch",
      "zlib stream cut short": "MalformedCompression",
      "json body": "InvalidField"
    }

    it.effect.each(vectors07.frames)("'$name' gives a message or a typed fault", (vector) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        const result = read(protocol, bytes(vector.frame), named(protocol, vector.agreed_compression))

        assert.strictEqual(isWireFault(result) ? result.reason : undefined, reasons[vector.name])
        // Ours may be stricter than the originals, never less strict than both.
        if (!isWireFault(result)) assert.include([vector.js, vector.py], "parsed")
      }))

    it.effect("takes a plain body that begins as a compressed one does", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        let time = 0
        let message = protocol.make("broadcast", "A", [], time)
        while (!protocol.methods.some((method) => method.recognizes(message.body!))) {
          message = protocol.make("broadcast", "A", [], ++time)
        }

        assert.strictEqual(present(read(protocol, Frame.frame(message.body!), protocol.methods)).id, message.id)
      }))

    it.effect("gives up on what inflates past the limit", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const zlib = protocol.methods.find((method) => method.name === "zlib")!
        const packed = zlib.compress!(protocol.make("broadcast", "A", [new Uint8Array(100_000)], 1).body!)

        const result = protocol.unpack(packed, protocol.methods, 50_000)

        assert.strictEqual(isWireFault(result) ? result.reason : "read", "DecompressedTooLarge")
      }))
  })

  describe("ids", () => {
    it.effect("of networks, nodes and keys are as recorded", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const hashing = yield* Hashing
        for (const { encryption, id, subnet } of vectors07.protocol_ids) {
          assert.strictEqual(protocol.networkId(subnet, encryption), id)
        }
        for (const { addr, id_js, port, protocol_id, salt } of vectors07.node_ids) {
          assert.strictEqual(protocol.nodeId({ host: addr, port }, protocol_id, salt), id_js)
        }
        for (const { key, positions } of vectors07.chord_key_hashes) {
          const shiftOf = (table: HashAlgorithm) => Identifiers.keyShift(table, Identifiers.ringBits)
          for (const { position, table } of keyPositions(hashing, bytes(key.b), shiftOf)) {
            assert.strictEqual(String(position), positions[table]?.integer)
            assert.strictEqual(Base58.fromInteger(position), positions[table]?.text)
          }
        }
      }))

    it.effect("of nodes and keys are as far from each other as recorded, and the nearest before a key is the same node", () =>
      Effect.gen(function*() {
        const { chord } = yield* Protocol
        const hashing = yield* Hashing
        const bits = Identifiers.ringBits
        const { cases, storing_nodes } = vectors07.chord_responsible
        const positionOf = (id: string) => chord.ringPosition(id, bits) ?? assert.fail(`${id} is no id`)
        for (const { distance, from, to } of vectors07.chord_distance) {
          assert.strictEqual(Ring.distance(bits, BigInt(from), BigInt(to)), BigInt(distance))
        }
        for (const { key, method, node } of cases) {
          const table = method as HashAlgorithm
          const number = Base58.toBigInt(hashing.digest(table, bytes(key.b))) << BigInt(chord.keyShift(table, bits))
          const place = BigInt.asUintN(bits, number)
          const found = storing_nodes.toSorted((a, b) => {
            const further = Ring.distance(bits, positionOf(a), place) - Ring.distance(bits, positionOf(b), place)
            return further < 0n ? -1 : 1
          })
          assert.strictEqual(found[0], node, `${method} of ${key.b}`)
        }
        for (const { integer, text } of vectors07.base58) {
          assert.strictEqual(Base58.fromInteger(BigInt(integer)), text)
          assert.strictEqual(Base58.toInteger(text), BigInt(integer))
        }
      }))

    it.effect("of methods are read as the originals offer them, and the first of both is sent with", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const nameOf = (flag: number) =>
          Object.entries(vectors07.flags.compression).find(([, each]) => each === flag)?.[0] ?? String(flag)
        for (const offered of Object.values(vectors07.compression_offered)) {
          const list = [new TypedPacket("value", Uint8Array.of(1)), protocol.packetOf(offered)]
          assert.deepStrictEqual(protocol.decodePayload(list), {
            _tag: "CompressionList",
            methods: offered.map(nameOf)
          })
        }
        for (const { lists: [own = [], theirs = []], result } of vectors07.intersect) {
          const methods = own.map((flag) => ({ name: nameOf(flag), ...reversed }))
          const first = result[0]
          assert.strictEqual(
            negotiate(methods, theirs.map(nameOf))?.name,
            first === undefined ? undefined : nameOf(first)
          )
        }
      }))

    it.effect("of sub-flags are as recorded, but for those of paths", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const flag = (number: number) => protocol.subFlag([new TypedPacket("value", Values.encode(number))])
        for (const [name, number] of Object.entries(vectors07.flags.sub)) {
          assert.strictEqual(flag(number), ["forward", "new_paths", "revoke_paths"].includes(name) ? "unknown" : name)
        }
        assert.deepStrictEqual([flag(99), flag(200), protocol.subFlag([])], ["unknown", "unknown", "none"])
        assert.deepStrictEqual([protocol.subFlag([text("topic")]), protocol.subFlag([bytes("05")])], [
          "custom",
          "custom"
        ])
      }))
  })

  describe("conversations", () => {
    it.effect.each(conversations07)(
      "understands every frame of '$name', and writes its like",
      (conversation) =>
        Effect.gen(function*() {
          const protocol = yield* Protocol
          for (const step of conversation.steps) {
            for (const recorded of step.frames) {
              const message = present(read(protocol, bytes(recorded.frame), protocol.methods))
              const payload = protocol.decodePayload(message.packets)
              const [flag, ...rest] = message.packets.map(held)
              // A chord's state is a handshake of two packets, its deltas have a table: no message of ours.
              if ((flag === 5 && rest.length === 1) || (flag === 17 && rest.length === 3)) continue

              const again = protocol.encodePayload(present(payload)).map(held)

              if (flag !== 0 && flag !== 2 && flag !== 11 && flag !== 13) {
                // Python's ids are bytes.
                assert.deepStrictEqual(texts(again), texts([flag, ...rest]))
              }
              const custom = protocol.make(message.type, message.sender, message.packets, message.time)
              assert.deepStrictEqual(custom.packets.map(held), [flag, ...rest])
            }
          }
        })
    )
  })
})

const texts = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return decoder.decode(value)
  return Array.isArray(value) ? value.map(texts) : value
}

const Byte = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
const Bytes = Arbitrary.array(Byte, { maxLength: 200 }).pipe(Arbitrary.map((values) => Uint8Array.from(values)))

layer(protocolLayer07)("Protocol07 with any bytes", (it) => {
  it.effect.prop(
    "reads back every payload that it writes, and by its Schema the same",
    [Unambiguous],
    ([payload]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const message = present(
          protocol.decode(protocol.make("whisper", "A", protocol.encodePayload(payload), 1).body!)
        )

        assert.deepStrictEqual(protocol.decodePayload(message.packets), payload)
        assert.deepStrictEqual(yield* Schema.decodeEffect(protocol.Payload)(message.packets), payload)
        const encoded = yield* Schema.encodeEffect(protocol.Payload)(payload)
        assert.deepStrictEqual(encoded.map(held), protocol.encodePayload(payload).map(held))
      }),
    { arbitrary: { runs: 200 } }
  )

  it.effect.prop("gives a message or a fault for whatever list follows a right checksum, and its Schema agrees", [
    Arbitrary.schema(Schema.Json),
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))),
    Bytes
  ], ([value, cut, junk]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const hashing = yield* Hashing
      const whole = Values.encode([0, "A", 1, 5, value, junk])
      for (const list of [junk, whole, whole.subarray(0, -cut - 1), Uint8Array.of(0x95, ...junk)]) {
        const body = Uint8Array.of(...hashing.digest("sha256", list), ...list)

        const result = protocol.decode(body)
        const payload = isWireFault(result) ? result : protocol.decodePayload(result.packets)

        assert.strictEqual(Exit.isFailure(Schema.decodeExit(protocol.Message)(body)), isWireFault(result))
        if (!isWireFault(result)) {
          assert.strictEqual(
            Exit.isFailure(Schema.decodeExit(protocol.Payload)(result.packets)),
            isWireFault(payload)
          )
        }
      }
    }), { arbitrary: { runs: 200 } })

  it.effect.prop("gives a payload or a fault for any values under any sub-flag", [
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
    Arbitrary.array(Arbitrary.schema(Schema.Json), { maxLength: 5 })
  ], ([flag, values]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const packets = [flag, ...values].map((value) =>
        typeof value === "string" ? text(value) : new TypedPacket("value", Values.encode(value))
      )

      const result = protocol.decodePayload(packets)

      assert.isTrue(isWireFault(result) || "_tag" in result)
    }), { arbitrary: { runs: 200 } })

  it.effect("refuses a list that nests deeper than it says, or announces more than there is", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const hashing = yield* Hashing
      const reasonOf = (packet: ReadonlyArray<number>) => {
        const list = Uint8Array.of(0x95, 0, 0xa1, 0x41, 1, 0, ...packet)
        const result = protocol.decode(Uint8Array.of(...hashing.digest("sha256", list), ...list))
        return isWireFault(result) ? result.reason : undefined
      }
      const nest = (depth: number) => [...Array.from({ length: depth }, () => 0x91), 0]

      assert.strictEqual(reasonOf(nest(MessagePack.maxDepth)), undefined)
      for (
        const packet of [nest(MessagePack.maxDepth + 1), nest(100_000), [0xdd, 0xff, 0xff, 0xff, 0xff], [0xdb, 0x7f]]
      ) {
        assert.strictEqual(reasonOf(packet), "PacketOverrun")
      }
    }))

  it.effect("copies a message with memory of its own", () => Effect.map(Protocol, copiesItself))

  it.effect("refuses more packets than any message needs", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol

      assert.deepInclude(protocol.decode(bodyOf(protocol, maxPackets)), { packetCount: maxPackets })
      assert.deepInclude(protocol.decode(bodyOf(protocol, maxPackets + 1)), {
        reason: "TooManyPackets",
        detail: "4097 packets, the limit is 4096"
      })
      const many = Array.from({ length: maxPackets + 1 }, () => bytes(""))
      assert.throws(() => protocol.make("whisper", "A", many, 0), RangeError)
    }))

  it.effect("checks no broadcast whose id is known, and everything else", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      assert.deepInclude(decodeTampered(protocol, "broadcast", true), { type: "broadcast", isVerified: false })
      assert.deepInclude(decodeTampered(protocol, "broadcast", false), { reason: "ChecksumMismatch" })
      assert.deepInclude(decodeTampered(protocol, "whisper", true), { reason: "ChecksumMismatch" })
    }))

  it.effect("reads the key __proto__ as any other, no map with keys that are lists, and inherits nothing", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const delta = (map: Uint8Array) =>
        protocol.decodePayload([
          new TypedPacket("value", Uint8Array.of(17)),
          text("key"),
          new TypedPacket("value", map)
        ])
      const names = { ["__proto__"]: { x: [{ ["__proto__"]: null, y: 1 }] }, constructor: 1, "\ufeffmarked": 2, "": 3 }

      const said = present(delta(Values.encode(names)))
      assert(said._tag === "SyncDelta")
      assert.deepStrictEqual(Object.keys(said.changes), ["__proto__", "constructor", "\ufeffmarked", ""])
      assert.strictEqual(JSON.stringify(said.changes), JSON.stringify(names))
      assert.strictEqual(Object.getPrototypeOf(said.changes), Object.prototype)
      assert.isFalse("x" in said.changes || "x" in {})
      assert.deepInclude(delta(Uint8Array.of(0x81, 0x90, 1)), { reason: "InvalidField" })
    }))

  it("reads texts in values as they were written, with byte order marks in front of them, whatever their length", () => {
    for (const bytes of [3, 31, 32, 199, 200, 201, 255, 256, 257, 65_535, 65_536]) {
      const marked = `\ufeff${"x".repeat(bytes - 3)}`
      const value = { first: [marked, 1, `\ufeff${marked}`], [marked]: { [`\ufeff${marked}`]: marked }, last: "\ufeff" }

      assert.deepStrictEqual(Values.decode(Values.encode(value))?.value, value)
    }
  })

  it("reads what is no UTF-8 in a text by itself, and the values beside it", () => {
    for (const content of ["f5808080", "f7bfbfbf", "d5", "e4bd", "f0", "80", "ff"]) {
      const text = [0xa0 | content.length / 2, ...bytes(content)]
      const read = (next: number) => Values.decode(Uint8Array.of(0x93, 1, ...text, next))?.value

      const alone = Values.decode(Uint8Array.from(text))?.value

      assert.isString(alone)
      assert.deepStrictEqual([read(0x21), read(0x3f)], [[1, alone, 0x21], [1, alone, 0x3f]])
    }
  })

  it.effect("reads no value of the shared dictionary that is longer than any node writes", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const value = (size: number) => new TypedPacket("value", Values.encode(Array.from({ length: size }, () => 0)))
      const said = (subFlag: number, ...packets: ReadonlyArray<Packet>) =>
        protocol.decodePayload([new TypedPacket("value", Uint8Array.of(subFlag)), text("key"), ...packets])
      const isTooLong = { reason: "InvalidField", detail: "a value of 163841 bytes, more than 163840" } as const

      assert.deepInclude(said(11, value(163_835)), { _tag: "SyncStore" })
      assert.deepInclude(said(11, value(163_836)), { ...isTooLong, offset: 2 })
      assert.deepInclude(said(17, value(163_836)), { ...isTooLong, offset: 2 })
      assert.deepInclude(said(11, value(1), text("owner"), value(100)), { reason: "InvalidField", offset: 4 })
    }))

  it.effect("throws for what cannot be written", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol

      for (const type of ["waterfall", "shout", "0x", "0xzz", "0x91"] as ReadonlyArray<MessageType>) {
        assert.throws(() => protocol.make(type, "A", [], 0), RangeError)
      }
      assert.throws(() => protocol.make("broadcast", "A", [], -1), RangeError)
      assert.throws(() => protocol.make("broadcast", "A", [], 1n << 64n), RangeError)
      const message = new PlainMessage("waterfall", new Uint8Array(0), "", 0, [])
      assert.isTrue(Exit.isFailure(Schema.encodeExit(protocol.Message)(message)))
    }))
})

describe("MessagePack", () => {
  plainIt.prop("finds where values end, whatever they are", [Arbitrary.schema(Schema.Json), Bytes], ([any, rest]) => {
    const content = json(any)
    const value = Values.encode([content, rest])

    assert.strictEqual(MessagePack.skip(Uint8Array.of(...value, ...rest), 0), value.length)
    assert.strictEqual(MessagePack.skip(value.subarray(0, -1), 0), -1)
    assert.deepStrictEqual(Values.decode(value)?.value, [content, rest])
  })

  plainIt.prop("writes numbers, texts and bytes as the library does", [
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    Schema.Literals([0, 1, 31, 32, 255, 256, 65_535, 65_536])
  ], ([number, size]) => {
    for (const integer of [number, number % 70_000, number % 0x1_0000_0001]) {
      assert.deepStrictEqual(MessagePack.integer(integer), Values.encode(integer))
      assert.strictEqual(MessagePack.readInteger(Values.encode(integer), 0, 9), integer)
    }
    const content = new Uint8Array(size).fill(0x61)
    for (const kind of ["bytes", "text"] as const) {
      const out = new Uint8Array(MessagePack.headerBytes(kind, size) + size)
      assert.strictEqual(MessagePack.writePart(kind, content, out, 0), out.length)
      assert.deepStrictEqual(out, Values.encode(kind === "bytes" ? content : decoder.decode(content)))
    }
  })
})
