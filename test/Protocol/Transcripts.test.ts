/** Every frame of the recorded conversations between original nodes. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Frame from "../../src/Protocol/Frame.ts"
import { contentsOf } from "../../src/Protocol/Packet.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { isWireFault, type WireFault } from "../../src/Protocol/WireFault.ts"
import { type RecordedFrame, recordedFrames, transcripts } from "../fixtures/Vectors.ts"
import { protocolLayer } from "./protocolLayer.ts"

const maxBytes = 1 << 20
const conversations = [...transcripts.mesh, ...transcripts.chord]
const textDecoder = new TextDecoder()

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const packetHex = (packet: RecordedFrame["packets"][number]): string =>
  typeof packet === "string" ? Buffer.from(packet).toString("hex") : packet.hex

const present = <A>(result: A | WireFault): A => {
  if (isWireFault(result)) return assert.fail(`${result.detail} (${result.reason} at ${result.offset})`)
  return result
}

/** The case of `Payload` that a frame must decode to. */
const expectedTag = (frame: RecordedFrame, isChord: boolean): Payload["_tag"] => {
  switch (frame.sub) {
    case "broadcast":
      return "UserBroadcast"
    case "whisper":
      return "UserWhisper"
    case "handshake":
      return "Handshake"
    case "peers":
      return "Peers"
    case "request":
      return frame.packets[0] === "*" ? "RequestPeers" : "Request"
    case "response":
      return isChord ? "Retrieved" : "Response"
    case "compression":
      return "CompressionList"
    case "resend":
      return "Resend"
    case "store":
      return "Store"
    case "retrieve":
      return "Retrieve"
    default:
      return assert.fail(`a sub-flag that no recording has: ${frame.sub}`)
  }
}

/** JSON as JavaScript writes it, with ids serialized as bytes turned into text; other text as it is. */
const normalized = (packet: Uint8Array): string => {
  const text = textDecoder.decode(packet)
  if (!text.startsWith("[")) return hex(packet)
  return JSON.stringify(
    JSON.parse(text),
    (_, value: unknown) =>
      typeof value === "object" && value !== null && "data" in value
        ? Buffer.from(value.data as Array<number>).toString()
        : value
  )
}

layer(protocolLayer)("Transcripts", (it) => {
  it.effect("hold 624 frames, all of which are plain, zlib or gzip", () =>
    Effect.sync(() => {
      const frames = conversations.flatMap(recordedFrames)
      const count = (compressed: string | null) => frames.filter((frame) => frame.compressed === compressed).length

      assert.strictEqual(frames.length, 624)
      assert.deepStrictEqual([count(null), count("zlib"), count("gzip")], [200, 423, 1])
    }))

  describe.each(conversations.map((conversation) => ({ ...conversation, conversation })))("$title", ({
    conversation
  }) => {
    const isChord = transcripts.chord.includes(conversation)
    const frames = recordedFrames(conversation)

    it.effect("reads every frame as it was recorded", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        for (const frame of frames) {
          const body = present(Frame.decodeFrame(Buffer.from(frame.hex, "hex"), maxBytes))

          const plain = present(protocol.unpack(body, protocol.methods, maxBytes))
          const message = present(protocol.decode(plain))

          assert.strictEqual(plain === body, frame.compressed === null)
          assert.strictEqual(message.type, frame.main)
          assert.strictEqual(protocol.subFlag(message.payload), frame.sub)
          assert.strictEqual(message.sender, frame.sender)
          assert.strictEqual(message.id, frame.id)
          assert.strictEqual(message.time, frame.time)
          assert.deepStrictEqual(message.payload.slice(1).map(hex), frame.packets.map(packetHex))
        }
      }))

    it.effect("writes every frame again, byte for byte", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        for (const frame of frames) {
          const bytes = Buffer.from(frame.hex, "hex")
          const plain = present(protocol.unpack(bytes.subarray(4), protocol.methods, maxBytes))
          const message = present(protocol.decode(plain))

          const again = protocol.make(message.type, message.sender, message.payload, message.time)

          assert.strictEqual(hex(protocol.encode(again)), hex(plain))
          if (frame.compressed === null) assert.strictEqual(hex(Frame.frame(protocol.encode(again))), frame.hex)
        }
      }))

    it.effect("understands every payload, and writes it again but for the spaces of Python's JSON", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        for (const frame of frames) {
          const body = present(protocol.unpack(Buffer.from(frame.hex, "hex").subarray(4), protocol.methods, maxBytes))
          const packets = present(protocol.decode(body)).payload

          const payload = present(protocol.decodePayload(packets))

          assert.strictEqual(payload._tag, expectedTag(frame, isChord))
          assert.deepStrictEqual(contentsOf(protocol.encodePayload(payload)).map(normalized), packets.map(normalized))
        }
      }))
  })
})
