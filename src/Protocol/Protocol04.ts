/**
 * Wire version 0.4, which the original Python and JavaScript nodes speak, as the `Protocol` service.
 *
 * Departures, all on the side of reading: a time has at most 64 significant digits, a chord key
 * 512 bits, and a compressed body is known by its first bytes instead of by trying every method.
 */
import type * as Layer from "effect/Layer"
import * as Capabilities from "./Capabilities.ts"
import type { Compression } from "./Compression/Compression.ts"
import type { Hashing } from "./Hashing.ts"
import * as Ids from "./internal/Ids.ts"
import * as WireLayer from "./internal/WireLayer.ts"
import { contentOf, contentsOf, type Packet, text } from "./Packet.ts"
import type { Protocol } from "./Protocol.ts"
import * as Flags from "./v04/Flags.ts"
import * as Identifiers from "./v04/Identifiers.ts"
import * as MessageCodec from "./v04/MessageCodec.ts"
import * as PayloadCodec from "./v04/PayloadCodec.ts"
import * as Unpack from "./v04/Unpack.ts"

/**
 * The `Protocol` of version 0.4, with the digests and the compression methods of the environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Protocol, never, Hashing | Compression> = /* @__PURE__ */ WireLayer.layer(
  (type) => Flags.typePacket(type) !== undefined,
  (hashing, methods) => {
    const idText = Ids.idText(hashing)
    return {
      version: Identifiers.version,
      isTyped: false,
      methods,
      networkId: (subnet, encryption) => Identifiers.networkId(hashing, subnet, encryption),
      chordNetworkId: Identifiers.chordNetworkId,
      chord: {
        keyShift: () => 0,
        ringPosition: Identifiers.ringPosition,
        // An original opens one connection for each bit of the ring to each of them.
        maxListed: 4,
        listsReceiver: true,
        saysState: false
      },
      nodeId: (address, networkId, salt) => Identifiers.nodeId(hashing, address, networkId, salt),
      identityId: (publicKey, networkId) => Identifiers.identityId(hashing, publicKey, networkId),
      make: (type, sender, payload, time) => MessageCodec.make(idText, type, sender, contentsOf(payload), time),
      encode: MessageCodec.encode,
      frame: MessageCodec.frame,
      frameRelay: MessageCodec.frameRelay,
      decode: (body, known) => MessageCodec.decode(idText, body, known),
      unpack: Unpack.unpack,
      encodePacket: contentOf,
      decodePacket: (bytes) => bytes,
      valueOf: contentOf,
      packetOf,
      capabilities,
      subFlag: ([first]) => Flags.readSubFlag(first && contentOf(first)),
      encodePayload: PayloadCodec.encode,
      decodePayload: (packets) => PayloadCodec.decode(contentsOf(packets))
    }
  }
)

const packetOf = (value: unknown): Packet => {
  if (value instanceof Uint8Array) return value
  if (typeof value === "string") return text(value)
  throw new RangeError("a packet of this wire version is bytes or a text")
}

/**
 * The original JavaScript node ends its process on a renegotiation. The original Python node bears
 * one, and is known by offering bz2, which the JavaScript one never does.
 */
const capabilities = (methods: ReadonlyArray<string>): Capabilities.Capabilities => {
  const shown = Capabilities.fromMethods(methods)
  return { ...shown, renegotiates: shown.extended || methods.includes("bz2") }
}
