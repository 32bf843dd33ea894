import { assert, describe, it, layer } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Schema } from "effect"
import { contentOf } from "../../src/Protocol/Packet.ts"
import { Payload } from "../../src/Protocol/Payload.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { isWireFault, WireError, type WireFault, type WireFaultReason } from "../../src/Protocol/WireFault.ts"
import { vectors } from "../fixtures/Vectors.ts"
import { Unambiguous } from "./payloads.ts"
import { protocolLayer } from "./protocolLayer.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const packets = (flag: number, ...texts: ReadonlyArray<string>): Array<Uint8Array> => [
  Uint8Array.of(flag),
  ...texts.map(utf8)
]
const address = new PeerAddress({ host: "127.0.0.1", port: 4444 })

layer(protocolLayer)("Protocol04 payloads", (it) => {
  it.effect.prop("reads back every payload that it writes", [Unambiguous], ([payload]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol

      assert.deepStrictEqual(protocol.decodePayload(protocol.encodePayload(payload)), payload)
    }), { arbitrary: { runs: 1000 } })

  it.effect.prop(
    "gives by its Schema what the plain functions give",
    [Unambiguous],
    ([payload]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        const encoded = yield* Schema.encodeEffect(protocol.Payload)(payload)
        const decoded = yield* Schema.decodeEffect(protocol.Payload)(encoded)

        assert.deepStrictEqual(encoded, protocol.encodePayload(payload))
        assert.deepStrictEqual(decoded, payload)
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop("never throws, whatever packets come, and its Schema agrees", [
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 14 })),
    Arbitrary.array(Arbitrary.schema(Schema.Uint8Array), { maxLength: 5 })
  ], ([flag, rest]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const input = [Uint8Array.of(flag), ...rest]

      const result = protocol.decodePayload(input)
      const exit = Schema.decodeExit(protocol.Payload)(input)

      assert.strictEqual(Exit.isFailure(exit), isWireFault(result))
      if (isWireFault(result)) assert.include(String(exit), WireError.fromFault(result).message)
      else assert.deepStrictEqual(exit, Exit.succeed(result))
    }), { arbitrary: { runs: 500 } })

  it.effect.prop("never throws for packets of any JSON, and its Schema agrees", [
    Schema.Literals([1, 3, 7, 10]),
    Arbitrary.array(Arbitrary.schema(Schema.Json), { minLength: 4, maxLength: 4 })
  ], ([flag, values]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const input = packets(flag, ...values.map((value) => JSON.stringify(value)))

      const result = protocol.decodePayload(input)

      assert.strictEqual(Exit.isFailure(Schema.decodeExit(protocol.Payload)(input)), isWireFault(result))
    }), { arbitrary: { runs: 500 } })

  it.effect.prop(
    "refuses a payload whose last needed packet is missing",
    [Unambiguous],
    ([payload]) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const whole = protocol.encodePayload(payload)
        if ("packets" in payload || payload._tag === "Resend") return
        // Without its last packet, the time, it says who wrote it no more.
        if (payload._tag === "SyncStore" && payload.origin !== null) return

        const result = protocol.decodePayload(whole.slice(0, -1))

        // Without its value, an answer about a table is read as one about a node, whose JSON is bad.
        const reasons = payload._tag === "Retrieved" ? ["InvalidJson", "InvalidField"] : ["MissingPacket"]
        assert.include(reasons, isWireFault(result) ? result.reason : `read as ${result._tag}`)
      }),
    { arbitrary: { runs: 300 } }
  )

  describe("methods", () => {
    it.effect("writes the list that js2p writes, and reads that of py2p", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const { js2p, py2p } = vectors.offered_compressions

        assert.deepStrictEqual(protocol.decodePayload(packets(1, py2p)), {
          _tag: "CompressionList",
          methods: ["zlib", "gzip", "bz2", "lzma"]
        })
        assert.deepStrictEqual(
          protocol.encodePayload({ _tag: "CompressionList", methods: ["zlib", "gzip"] }),
          packets(1, js2p)
        )
      }))

    it.effect("knows the flag of every method by name", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const methods = Object.keys(vectors.flags.compression)
        const flags = Object.values(vectors.flags.compression).map((flag) => Buffer.from(flag, "hex").toString())

        const written = protocol.encodePayload({ _tag: "CompressionList", methods })

        assert.strictEqual(methods.length, 16)
        assert.deepStrictEqual(written, packets(1, JSON.stringify(flags)))
        assert.deepStrictEqual(protocol.decodePayload(written), { _tag: "CompressionList", methods })
      }))

    it.effect("keeps unknown texts as they are and skips what is no text", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        assert.deepStrictEqual(
          protocol.decodePayload(packets(1, `["\\u0013", null, "effect-p2p:1:x", 7, "\\u0020"]`)),
          {
            _tag: "CompressionList",
            methods: ["zlib", "effect-p2p:1:x", " "]
          }
        )
      }))

    it.effect("escapes control characters, which are no valid JSON", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        const written = protocol.encodePayload({ _tag: "CompressionList", methods: ["zlib"] })

        assert.strictEqual(new TextDecoder().decode(contentOf(written[1]!)), `["\\u0013"]`)
        assert.deepInclude(protocol.decodePayload(packets(1, "[\"\u0013\"]")), { reason: "InvalidJson", offset: 1 })
      }))
  })

  describe("peers", () => {
    it.effect("skips entries that are not valid and keeps the others in order", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const entries = [
          [["127.0.0.1", 4444], "a"],
          null,
          "text",
          [["", 1], "empty host"],
          [["h", 65536], "port too high"],
          [["h", -1], "port too low"],
          [["h", 1.5], "half a port"],
          [["h", "1"], "port as text"],
          [["h", 1, 2], "three parts"],
          [["h"], "one part"],
          [["h", 1]],
          [["h", 1], "id", "more"],
          [["h", 1], 7],
          [["x".repeat(256), 1], "long host"],
          [null, "b"],
          [["127.0.0.1", 4444], { type: "Buffer", data: [99] }],
          [["h", 1], { type: "Buffer", data: [256] }],
          [["h", 1], { type: "Buffer", data: [0xff] }],
          [["h", 1], { type: "Buffer" }],
          [["h", 1], { data: [99] }]
        ]

        assert.deepStrictEqual(protocol.decodePayload(packets(7, JSON.stringify(entries))), {
          _tag: "Peers",
          peers: [{ address, id: "a" }, { address: null, id: "b" }, { address, id: "c" }]
        })
      }))

    it.effect.each(["{}", "null", "7", "\"text\""])("refuses %s, which is no list", (json) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol

        assert.deepInclude(protocol.decodePayload(packets(7, json)), { reason: "InvalidField", offset: 1 })
      }))

    it.effect("survives lists as deep as they may be, and does not read longer ones", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const deep = "[".repeat(65_536)

        assert.deepInclude(protocol.decodePayload(packets(7, deep)), { reason: "InvalidJson" })
        assert.deepStrictEqual(protocol.decodePayload(packets(7, `${deep}${"]".repeat(65_536)}`)), {
          _tag: "Peers",
          peers: []
        })
        assert.deepInclude(protocol.decodePayload(packets(7, `${deep}${"]".repeat(65_537)}`)), {
          reason: "InvalidField",
          detail: "JSON of 131073 bytes, more than 131072"
        })
      }))
  })

  it.effect("reads values of the shared dictionary that nest 32 deep, and none that nest deeper", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const nested = (depth: number) => `${"[".repeat(depth)}0${"]".repeat(depth)}`
      const store = (json: string) => protocol.decodePayload([utf8("sync"), ...["store", "key", json].map(utf8)])
      const delta = (json: string) => protocol.decodePayload([utf8("sync"), ...["delta", "key", json].map(utf8)])

      assert.deepInclude(store(nested(32)), { _tag: "SyncStore" })
      assert.deepInclude(delta(`{"a":${nested(31)}}`), { _tag: "SyncDelta" })
      for (const depth of [33, 60_000]) {
        assert.deepInclude(store(nested(depth)), { reason: "InvalidField" })
        assert.deepInclude(delta(`{"a":${nested(depth - 1)}}`), { reason: "InvalidField" })
      }
    }))

  it.effect("reads the id of an answer as text or as js2p's serialized bytes", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const expected = { _tag: "Response", requestId: "r", address, nodeId: "5eMS" } as const

      for (const id of [`"5eMS"`, `{"type":"Buffer","data":[53,101,77,83]}`]) {
        const result = protocol.decodePayload(packets(10, "r", `[["127.0.0.1", 4444], ${id}]`))
        assert.deepStrictEqual(result, expected)
      }
    }))

  it.effect("tells an answer of chord from one of the mesh by its packets", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const entry = `[["127.0.0.1",4444],"id"]`

      assert.deepInclude(protocol.decodePayload(packets(10, "sha1", "2", "value")), { _tag: "Retrieved", key: 1n })
      assert.deepInclude(protocol.decodePayload(packets(10, "sha1", entry)), { _tag: "Response", requestId: "sha1" })
      assert.deepInclude(protocol.decodePayload(packets(10, "r", entry, "more")), { _tag: "Response", nodeId: "id" })
      assert.deepInclude(protocol.decodePayload(packets(10, "toString", entry, "more")), { _tag: "Response" })
    }))

  it.effect("writes an address that is not known as null", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol

      const written = protocol.encodePayload({ _tag: "Response", requestId: "r", address: null, nodeId: "n" })

      assert.deepStrictEqual(written, packets(10, "r", `[null,"n"]`))
    }))

  it.effect("keeps a byte order mark, which is part of an id", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol

      assert.deepInclude(protocol.decodePayload(packets(8, "\ufeffr", "\ufeffn")), {
        requestId: "\ufeffr",
        nodeId: "\ufeffn"
      })
    }))

  it.effect("ignores packets after those that a sub-flag asks for", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol

      assert.deepStrictEqual(protocol.decodePayload(packets(9, "more")), { _tag: "Resend" })
      assert.deepStrictEqual(protocol.decodePayload(packets(8, "*", "more")), { _tag: "RequestPeers" })
      assert.deepStrictEqual(protocol.decodePayload(packets(7, "[]", "more")), { _tag: "Peers", peers: [] })
    }))

  it.effect("takes chord keys of up to 512 bits", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const highest = (1n << 512n) - 1n
      const store = (key: bigint) =>
        protocol.decodePayload(protocol.encodePayload({ _tag: "Store", table: "sha512", key, value: Uint8Array.of(1) }))

      assert.deepInclude(store(highest), { _tag: "Store", key: highest })
      assert.deepInclude(store(highest + 1n), { reason: "InvalidField", offset: 2 })
      assert.deepInclude(protocol.decodePayload(packets(12, "sha1", `${"1".repeat(500)}2`)), { key: 1n })
      assert.deepInclude(protocol.decodePayload(packets(12, "sha1", "2".repeat(1_000_000))), { reason: "InvalidField" })
    }))

  it.effect.each<[string, Array<Uint8Array>, WireFaultReason, number]>([
    ["no packets at all", [], "MissingPacket", 0],
    ["a handshake without packets", packets(3), "MissingPacket", 1],
    ["a handshake without methods", packets(3, "id", "net", "null"), "MissingPacket", 4],
    ["a handshake whose id is not UTF-8", [Uint8Array.of(3), Uint8Array.of(0xff)], "InvalidText", 1],
    ["a handshake with a bad address", packets(3, "id", "net", `["h"]`, "[]"), "InvalidField", 3],
    ["a handshake whose address is no JSON", packets(3, "id", "net", "('h', 1)", "[]"), "InvalidJson", 3],
    ["a handshake whose methods are no list", packets(3, "id", "net", "null", "{}"), "InvalidField", 4],
    ["peers without a list", packets(7), "MissingPacket", 1],
    ["a request without packets", packets(8), "MissingPacket", 1],
    ["a request for nobody", packets(8, "r"), "MissingPacket", 2],
    ["an answer without a node", packets(10, "r"), "MissingPacket", 2],
    ["an answer that is no pair", packets(10, "r", "[]"), "InvalidField", 2],
    ["a store without a value", packets(11, "sha1", "2"), "MissingPacket", 3],
    ["a store with a key that is no number", packets(11, "sha1", "0", "v"), "InvalidField", 2],
    ["a retrieve without a key", packets(12, "sha1"), "MissingPacket", 2],
    ["compression without a list", packets(1), "MissingPacket", 1]
  ])("refuses $0", ([, input, reason, offset]) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol

      const result = protocol.decodePayload(input)

      assert.deepInclude(result as WireFault, { _tag: "WireFault", reason, offset })
    }))
})

describe("PeerAddress", () => {
  it("is what a payload holds, not a lookalike", () => {
    assert.isTrue(Schema.is(Payload)({ _tag: "Peers", peers: [{ address, id: "a" }] }))
    assert.isFalse(Schema.is(Payload)({ _tag: "Peers", peers: [{ address: { host: "h", port: 1 }, id: "a" }] }))
  })
})
