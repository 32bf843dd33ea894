import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { CallRefused } from "../../src/Chord/CallError.ts"
import * as CallCodec from "../../src/Chord/internal/CallCodec.ts"
import { isWireFault, type WireFaultReason } from "../../src/Protocol/WireFault.ts"
import { bytesOf } from "../utils/ScriptedPeer.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const bytes = (maxLength: number) =>
  Arbitrary.array(Arbitrary.schema(between(0, 255)), { maxLength }).pipe(
    Arbitrary.map((items) => Uint8Array.from(items))
  )
const PacketList = Arbitrary.array(bytes(12), { maxLength: 5 })
const Kind = Arbitrary.array(Arbitrary.schema(between(0x21, 0x7e)), { minLength: 1, maxLength: 32 }).pipe(
  Arbitrary.map((codes) => String.fromCharCode(...codes))
)
const Number32 = Arbitrary.schema(between(0, CallCodec.maxNumber))

const number = Uint8Array.of(0, 0, 0, 7)
const packets = (...items: ReadonlyArray<string | Uint8Array>) =>
  items.map((item) => typeof item === "string" ? bytesOf(item) : item)

describe("CallCodec", () => {
  it.prop("reads the call it wrote", [Number32, Kind, PacketList], ([number, kind, packets]) => {
    assert.deepStrictEqual(CallCodec.decode(CallCodec.encodeCall(number, kind, packets)), {
      _tag: "Call",
      number,
      kind,
      packets
    })
    assert.deepStrictEqual(CallCodec.decode(CallCodec.encodeTell(kind, packets)), { _tag: "Tell", kind, packets })
  })

  it.prop("reads the answer it wrote", [Number32, PacketList], ([number, packets]) => {
    assert.deepStrictEqual(CallCodec.decode(CallCodec.encodeAnswer(number, packets)), {
      _tag: "Answer",
      number,
      packets
    })
  })

  it.prop("reads the refusal it wrote", [Number32, Kind], ([number, tag]) => {
    assert.deepStrictEqual(CallCodec.decode(CallCodec.encodeRefusal(number, tag, `weil ${tag}: nö`)), {
      _tag: "Refusal",
      number,
      tag,
      detail: `weil ${tag}: nö`
    })
  })

  it("writes these bytes", () => {
    const texts = (payload: ReadonlyArray<Uint8Array>) =>
      payload.map((packet) => Buffer.from(packet).toString("latin1"))

    assert.deepStrictEqual(texts(CallCodec.encodeCall(0x01020304, "ping", packets("x"))), [
      "call",
      "\x01\x02\x03\x04",
      "ping",
      "x"
    ])
    assert.deepStrictEqual(texts(CallCodec.encodeTell("note", packets("x", ""))), ["tell", "note", "x", ""])
    assert.deepStrictEqual(texts(CallCodec.encodeAnswer(255, [])), ["answer", "\x00\x00\x00\xff", "ok"])
    assert.deepStrictEqual(texts(CallCodec.encodeRefusal(1, "Busy", "later")), [
      "answer",
      "\x00\x00\x00\x01",
      "no",
      "Busy",
      "later"
    ])
  })

  it("leaves other messages alone", () => {
    for (
      const payload of [[], packets(""), packets("cal"), packets("callx", number), packets(Uint8Array.of(2), "hi")]
    ) {
      assert.isUndefined(CallCodec.decode(payload))
    }
  })

  const malformed: ReadonlyArray<[string, ReadonlyArray<Uint8Array>, WireFaultReason, number]> = [
    ["a call alone", packets("call"), "MissingPacket", 1],
    ["a call of no kind", packets("call", number), "MissingPacket", 2],
    ["a short number", packets("call", "123", "ping"), "InvalidField", 1],
    ["a long number", packets("call", "12345", "ping"), "InvalidField", 1],
    ["an empty kind", packets("call", number, ""), "InvalidField", 2],
    ["a long kind", packets("call", number, "k".repeat(33)), "InvalidField", 2],
    ["a kind with a blank", packets("call", number, "a b"), "InvalidField", 2],
    ["a kind that is not ASCII", packets("call", number, "ö"), "InvalidField", 2],
    ["a tell alone", packets("tell"), "MissingPacket", 1],
    ["an answer alone", packets("answer"), "MissingPacket", 1],
    ["an answer without a verdict", packets("answer", number), "MissingPacket", 2],
    ["an answer that is neither", packets("answer", number, "perhaps"), "InvalidField", 2],
    ["a refusal without a tag", packets("answer", number, "no"), "MissingPacket", 3],
    ["a refusal without a detail", packets("answer", number, "no", "Busy"), "MissingPacket", 4],
    ["a refusal with a bad tag", packets("answer", number, "no", "\n", ""), "InvalidField", 3]
  ]
  it.each(malformed)("refuses %s", (_, payload, reason, offset) => {
    assert.deepInclude(CallCodec.decode(payload), { _tag: "WireFault", reason, offset })
  })

  it.prop("never throws, whatever the packets", [Arbitrary.array(bytes(6), { maxLength: 6 })], ([rest]) => {
    for (const flag of ["call", "tell", "answer"]) {
      const said = CallCodec.decode([bytesOf(flag), ...rest])
      assert.isTrue(isWireFault(said) || said !== undefined)
    }
    CallCodec.decode(rest)
  })

  it("cuts a long detail off, on both sides", () => {
    const long = "d".repeat(2000)

    assert.strictEqual(CallCodec.encodeRefusal(1, "Busy", long)[4]?.length, 512)
    const said = CallCodec.decode(packets("answer", number, "no", "Busy", long))
    assert.deepInclude(said, { _tag: "Refusal", detail: "d".repeat(512) })
  })

  it("takes no kind and no tag that could not be read again", () => {
    for (const word of ["", "k".repeat(33), "a b", "ö", "\u{1f600}"]) {
      assert.throws(() => CallCodec.encodeCall(1, word, []), RangeError)
      assert.throws(() => CallCodec.encodeTell(word, []), RangeError)
      assert.throws(() => new CallRefused(word, ""), RangeError)
    }
  })

  it.prop("never says that a message is smaller than it is", [Kind, PacketList], ([kind, packets]) => {
    const payload = CallCodec.encodeCall(1, kind, packets)
    const envelopeBytes = 4 * 4 + 1 + 256 + 66 + 10
    const payloadBytes = payload.reduce((sum, packet) => sum + packet.length + 4, 0)

    assert.isAtLeast(CallCodec.messageBytes(packets), envelopeBytes + payloadBytes)
  })
})
