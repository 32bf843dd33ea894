/**
 * How a message carries the proof of its author: as one more packet behind the payload, which original
 * nodes relay, and deliver as one more packet; ours take it off. It is text, for the original
 * JavaScript node ends on packets that are none:
 * `effect-p2p:signed:1:<key>:<nonce>:<signature>`, key and signature in base 64 for URLs.
 *
 * Signed is all that a replay could change: network, kind, receiver, sender, time and payload, with the
 * kinds of its packets where the wire version keeps them. The nonce tells two equal whispers of one second apart.
 */
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import { contentOf, kindOf, type Packet, text } from "./Packet.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const prefix = "effect-p2p:signed:1:"
const prefixBytes = encoder.encode(prefix)

/** The longest such packet that is looked at, in bytes; ours have 170 or so. */
const maxPacketBytes = 512
const signatureBytes = 64

/**
 * What a signature is made over.
 *
 * @category models
 * @since 0.1.0
 */
export interface Signed {
  readonly networkId: string
  readonly kind: "broadcast" | "whisper"
  /** The id of the node that a whisper is for; empty for a broadcast. */
  readonly receiver: string
  readonly sender: Uint8Array
  readonly time: bigint
  readonly nonce: string
  /** The payload without the packet of the signature. */
  readonly payload: ReadonlyArray<Packet>
  /** Whether the wire version keeps the kinds of packets. */
  readonly isTyped: boolean
}

/**
 * A signature as it was read: not checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Signature {
  readonly publicKey: Uint8Array
  readonly nonce: string
  readonly signature: Uint8Array
}

/**
 * The bytes that are signed: each part with its length before it, so that no two messages have the same.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toBytes = (signed: Signed): Uint8Array => {
  const { isTyped, kind, networkId, nonce, payload, receiver, sender, time } = signed
  const texts = [prefix, networkId, kind, receiver, String(time), nonce]
  if (isTyped) texts.push(payload.map(kindOf).join())
  const parts = [...texts.map((each) => encoder.encode(each)), sender, ...payload.map(contentOf)]
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const part of parts) {
    view.setUint32(offset, part.length)
    bytes.set(part, offset + 4)
    offset += 4 + part.length
  }
  return bytes
}

/**
 * The packet that carries a signature, a text. The nonce is letters and digits.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toPacket = ({ nonce, publicKey, signature }: Signature): Packet =>
  text(`${prefix}${Base64Url.encode(publicKey)}:${nonce}:${Base64Url.encode(signature)}`)

/**
 * Whether the last packet of a payload means to be a signature: some bytes are compared.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSigned = (payload: ReadonlyArray<Packet>): boolean => {
  const packet = payload[payload.length - 1]
  // The first one is the sub-flag, and a message of nothing else is not signed.
  if (packet === undefined || payload.length < 2) return false
  const last = contentOf(packet)
  if (last.length < prefixBytes.length) return false
  return prefixBytes.every((byte, index) => last[index] === byte)
}

/**
 * Reads the signature of a payload that `isSigned`; `undefined` when it is malformed.
 *
 * @category decoding
 * @since 0.1.0
 */
export const read = (payload: ReadonlyArray<Packet>): Signature | undefined => {
  const last = contentOf(payload[payload.length - 1]!)
  if (last.length > maxPacketBytes) return undefined
  const [key, nonce, signature, ...rest] = decoder.decode(last.subarray(prefixBytes.length)).split(":")
  if (key === undefined || nonce === undefined || signature === undefined || rest.length > 0) return undefined
  const [publicKey, bytes] = [Base64Url.decode(key), Base64Url.decode(signature)]
  if (Result.isFailure(publicKey) || Result.isFailure(bytes) || !/^\w{1,32}$/.test(nonce)) return undefined
  if (bytes.success.length !== signatureBytes) return undefined
  return { publicKey: publicKey.success, nonce, signature: bytes.success }
}
