/** Inputs by a generator that knows the grammar of wire 0.4, and where it likes to be wrong. */
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import type { Hashing } from "../../src/Protocol/Hashing.ts"
import * as Ids from "../../src/Protocol/internal/Ids.ts"
import type { MessageType } from "../../src/Protocol/Message.ts"
import * as MessageCodec from "../../src/Protocol/v04/MessageCodec.ts"
import type { Draws } from "./Draws.ts"

const encoder = new TextEncoder()
const text = (value: string) => encoder.encode(value)
const json = (value: unknown) => text(JSON.stringify(value))

const subFlags = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x10, 0x13, 0x20, 0xff]
const types: ReadonlyArray<MessageType> = ["broadcast", "waterfall", "whisper", "renegotiate", "ping", "pong"]
const words = ["*", "", "mesh", "sha1", "sha512", "goodbye", "ask", "answer", "topic", "call", "tell", "effect-p2p:1:7"]
const times = [0, 1, 59, 60, 61, 1_700_000_000, 2 ** 32, 2 ** 53 - 1]

const anyJson = (draws: Draws, depth = 0): unknown => {
  switch (draws.below(depth > 3 ? 6 : 8)) {
    case 0:
      return null
    case 1:
      return draws.pick([0, -1, 1.5, 65_536, 4444, 1e308])
    case 2:
      return draws.pick(words)
    case 3:
      return [["10.0.0.1", draws.below(70_000)], draws.pick(words)]
    case 4:
      return { type: "Buffer", data: Array.from({ length: draws.below(5) }, () => draws.below(300)) }
    case 5:
      return draws.chance() < 0.5
    case 6:
      return Array.from({ length: draws.below(5) }, () => anyJson(draws, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: draws.below(3) }, () => [draws.pick(words), anyJson(draws, depth + 1)])
      )
  }
}

const anyPacket = (draws: Draws): Uint8Array => {
  switch (draws.below(7)) {
    case 0:
      return draws.bytes(draws.below(20))
    case 1:
      return json(anyJson(draws))
    case 2:
      return new Uint8Array(0)
    case 3:
      return json(Array.from({ length: draws.below(6) }, () => [["10.0.0.1", draws.below(65_536)], draws.pick(words)]))
    case 4:
      return json(["\u0010", "\u0011", "\u0013", "lz-string", "snappy", draws.pick(words)].slice(draws.below(5)))
    case 5:
      return text("z".repeat(draws.below(100)))
    default:
      return text(draws.pick(words))
  }
}

/** The packets of a payload, the sub-flag first. */
export const anyPayload = (draws: Draws): Array<Uint8Array> => {
  const packets = Array.from({ length: draws.below(6) }, () => anyPacket(draws))
  const first = draws.below(4) === 0 ? text(draws.pick(words)) : Uint8Array.of(draws.pick(subFlags))
  return draws.below(20) === 0 ? packets : [first, ...packets]
}

/** One message in its frame. */
export const anyFrame = (hashing: Hashing["Service"], draws: Draws): Uint8Array => {
  const idText = Ids.idText(hashing)
  const message = MessageCodec.make(idText, draws.pick(types), draws.pick(words), anyPayload(draws), draws.pick(times))
  const body = MessageCodec.encode(message)
  const method = draws.pick([undefined, undefined, NodeCompression.zlibMethod, NodeCompression.gzipMethod])
  return frame(method === undefined ? body : method.compress!(body))
}
