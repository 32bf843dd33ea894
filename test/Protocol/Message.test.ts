/** What holds for every message and for every run of bytes, recorded or not. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Schema } from "effect"
import * as Base58 from "../../src/Protocol/Base58.ts"
import { knownTypes, Message, type MessageType, PlainMessage } from "../../src/Protocol/Message.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { isWireFault, WireError, type WireFault } from "../../src/Protocol/WireFault.ts"
import { protocolLayer } from "./protocolLayer.ts"
import { decodeTampered } from "./tampered.ts"

const Bytes = Arbitrary.schema(Schema.Uint8Array)
const Natural = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

const Type = Arbitrary.map(
  Arbitrary.all([Arbitrary.schema(Schema.Literals(knownTypes)), Arbitrary.schema(Schema.Boolean), Bytes]),
  ([known, isKnown, bytes]): MessageType => {
    const isNamed = bytes.length === 1 && bytes[0]! < knownTypes.length
    return isKnown || isNamed ? known : `0x${Buffer.from(bytes.subarray(0, 16)).toString("hex")}`
  }
)
const Time = Arbitrary.map(
  Arbitrary.all([Arbitrary.schema(Natural), Arbitrary.schema(Schema.Boolean), Arbitrary.schema(Natural)]),
  ([time, isLarge, low]): number | bigint => isLarge ? (BigInt(time) << 64n) + BigInt(low) : time
)
const Parts = Arbitrary.all([Type, Bytes, Arbitrary.array(Bytes, { maxLength: 8 }), Time])

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const joined = (packets: ReadonlyArray<Uint8Array>): string => packets.map(hex).join("")

const fields = (message: Message | WireFault): object =>
  isWireFault(message) ? message : {
    type: message.type,
    sender: hex(message.senderBytes),
    id: message.id,
    time: message.exactTime,
    payload: message.payload.map(hex)
  }

layer(protocolLayer)("Protocol04 messages", (it) => {
  it.effect.prop(
    "reads back every message that it writes",
    [Parts],
    ([[type, sender, payload, time]]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const made = protocol.make(type, sender, payload, time)

        const read = protocol.decode(protocol.encode(made))

        assert.deepStrictEqual(fields(read), {
          type,
          sender: hex(sender),
          id: made.id,
          time: BigInt(time),
          payload: payload.map(hex)
        })
        assert.deepStrictEqual(fields(read), fields(made))
        assert.isTrue(read instanceof Message && read.time === Number(time))
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop("writes the same bytes for a message with and without the body it came in", [Parts], ([
    [type, sender, payload, time]
  ]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const made = protocol.make(type, sender, payload, time)

      const bare = new PlainMessage(made.type, made.senderBytes, made.id, made.exactTime, made.payload)

      assert.strictEqual(hex(protocol.encode(bare)), hex(protocol.encode(made)))
      assert.strictEqual(hex(protocol.frameRelay(bare)), hex(protocol.frameRelay(made)))
    }))

  it.effect.prop("reads a message that lies anywhere in a larger buffer", [Parts, Bytes, Bytes], ([
    [type, sender, payload, time],
    before,
    after
  ]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const made = protocol.make(type, sender, payload, time)
      const body = protocol.encode(made)
      const buffer = Buffer.concat([before, body, after])

      const read = protocol.decode(buffer.subarray(before.length, before.length + body.length))

      assert.deepStrictEqual(fields(read), fields(made))
      assert.isFalse(read instanceof Message && read.payload.some(Buffer.isBuffer))
    }))

  it.effect.prop(
    "refuses every message that was cut short",
    [Parts],
    ([[type, sender, payload, time]]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const body = protocol.encode(protocol.make(type, sender, payload, time))
        for (let length = 0; length < body.length; length++) {
          assert.isTrue(isWireFault(protocol.decode(body.subarray(0, length))))
        }
      }),
    { arbitrary: { runs: 30 } }
  )

  // Neither main flag, sender nor the borders between packets are covered by the id: those may change.
  it.effect.prop(
    "refuses a message in which a byte was changed, or reads the same id, time and payload bytes",
    [Parts, Natural, Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 }))],
    ([[type, sender, payload, time], place, mask]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const made = protocol.make(type, sender, payload, time)
        const changed = protocol.encode(made).slice()
        changed[place % changed.length]! ^= mask

        const read = protocol.decode(changed)

        if (isWireFault(read)) return
        assert.strictEqual(read.id, made.id)
        assert.strictEqual(read.exactTime, made.exactTime)
        assert.strictEqual(joined(read.payload), joined(made.payload))
        assert.notDeepEqual(fields(read), fields(made))
      }),
    { arbitrary: { runs: 1000 } }
  )

  it.effect("refuses a change of any single byte of id, time or payload", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const body = protocol.encode(protocol.make("whisper", "sender", [Uint8Array.of(2), Uint8Array.of(1, 2, 3)], 59))
      const idStart = 6 * 4 + 1 + "sender".length
      for (let place = idStart; place < body.length; place++) {
        for (let mask = 1; mask < 256; mask++) {
          const changed = body.slice()
          changed[place]! ^= mask
          assert.isTrue(isWireFault(protocol.decode(changed)))
        }
      }
    }))

  it.effect.prop("never throws, whatever bytes come, and says where it stopped", [
    Arbitrary.array(Arbitrary.schema(Byte), { maxLength: 80 }),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))
  ], ([bytes, zeros]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const body = Uint8Array.from([...bytes.slice(0, 1), ...Array.from({ length: zeros }, () => 0), ...bytes])

      const result = protocol.decode(body)

      if (!isWireFault(result)) return assert.fail("no such bytes hold a digest")
      assert.isAtLeast(result.offset, 0)
      assert.isAtMost(result.offset, body.length)
      assert.isNotEmpty(result.detail)
    }), { arbitrary: { runs: 500 } })

  it.effect.prop(
    "gives by its Schema what the plain functions give",
    [Parts],
    ([[type, sender, payload, time]]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const made = protocol.make(type, sender, payload, time)

        const encoded = yield* Schema.encodeEffect(protocol.Message)(made)
        const decoded = yield* Schema.decodeEffect(protocol.Message)(encoded)

        assert.strictEqual(hex(encoded), hex(protocol.encode(made)))
        assert.deepStrictEqual(fields(decoded), fields(made))
      })
  )

  it.effect.prop(
    "fails by its Schema where the plain function gives a fault, with the same words",
    [Bytes],
    ([bytes]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const fault = protocol.decode(bytes)

        const exit = Schema.decodeExit(protocol.Message)(bytes)

        assert.isTrue(isWireFault(fault))
        assert.isTrue(Exit.isFailure(exit))
        assert.include(String(exit), WireError.fromFault(fault as WireFault).message)
      })
  )

  it.effect("checks no broadcast whose id is known, and everything else", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      for (const type of ["broadcast", "waterfall"] as const) {
        assert.deepInclude(decodeTampered(protocol, type, true), { type, isVerified: false })
        assert.deepInclude(decodeTampered(protocol, type, false), { reason: "ChecksumMismatch" })
      }
      assert.deepInclude(decodeTampered(protocol, "whisper", true), { reason: "ChecksumMismatch" })
    }))

  it.effect("copies the packets it was given, and none of those it reads", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const packet = Uint8Array.of(2)

      const made = protocol.make("whisper", "a", [packet], 1)
      packet[0] = 3
      const body = Uint8Array.from(protocol.encode(made))
      const read = protocol.decode(body)

      assert.deepStrictEqual([...made.payload[0]!], [2])
      assert.isTrue(read instanceof Message && read.payload[0]!.buffer === body.buffer)
    }))

  it.effect("takes a time with leading ones, and passes the bytes on as they came", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const made = protocol.make("broadcast", "a", [Uint8Array.of(0)], 58)
      const body = protocol.encode(made)
      const longer = Buffer.concat([
        body.subarray(0, body.length - 3),
        Buffer.from("1"),
        body.subarray(body.length - 3)
      ])
      longer[4 * 3 + 3]! += 1

      const read = protocol.decode(longer)

      assert.deepStrictEqual(fields(read), fields(made))
      const relayed = protocol.decode(protocol.frameRelay(read as Message).subarray(4))
      assert.deepStrictEqual(fields(relayed), { ...fields(made), type: "waterfall" })
    }))
})

describe("Message", () => {
  it("gives a sender that is not UTF-8 as text with U+FFFD, and keeps its bytes", () => {
    const message = new PlainMessage("whisper", Uint8Array.of(0x61, 0xff), "1", 0, [])

    assert.strictEqual(message.sender, "a\ufffd")
    assert.deepStrictEqual([...message.senderBytes], [0x61, 0xff])
  })

  it("tells two senders apart that differ in a byte order mark", () => {
    const marked = new PlainMessage("whisper", Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), "1", 0, [])

    assert.strictEqual(marked.sender, "\ufeffa")
  })

  it.each([0, 1, Number.MAX_SAFE_INTEGER])("holds the time %i exactly", (time) => {
    assert.strictEqual(new PlainMessage("whisper", new Uint8Array(0), "1", BigInt(time), []).time, time)
    assert.strictEqual(new PlainMessage("whisper", new Uint8Array(0), "1", time, []).exactTime, BigInt(time))
  })

  it("holds a time above 2^53 exactly beside its rounded number", () => {
    const message = new PlainMessage("whisper", new Uint8Array(0), "1", 2n ** 64n + 1n, [])

    assert.strictEqual(message.exactTime, 2n ** 64n + 1n)
    assert.strictEqual(message.time, 2 ** 64)
    assert.strictEqual(Base58.fromInteger(message.exactTime), "jpXCZedGfVS")
  })
})
