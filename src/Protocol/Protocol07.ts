/**
 * Wire version 0.7, which the last original Python and JavaScript nodes speak, as the `Protocol` service.
 *
 * Departures, all on the side of reading: a body is a list of flag, sender and time at least, with a
 * time from 0 on and no values that nest deeper than 32; a compressed body is known by its bytes
 * instead of by trying every method; ids, keys and the star are taken as texts and as bytes.
 */
import type * as Layer from "effect/Layer"
import * as Capabilities from "./Capabilities.ts"
import type { Compression } from "./Compression/Compression.ts"
import type { Hashing } from "./Hashing.ts"
import * as WireLayer from "./internal/WireLayer.ts"
import type { Protocol } from "./Protocol.ts"
import * as Flags from "./v07/Flags.ts"
import * as Identifiers from "./v07/Identifiers.ts"
import * as MessageCodec from "./v07/MessageCodec.ts"
import * as PayloadCodec from "./v07/PayloadCodec.ts"
import * as Unpack from "./v07/Unpack.ts"

/**
 * The `Protocol` of version 0.7, with the digests and the compression methods of the environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Protocol, never, Hashing | Compression> = /* @__PURE__ */ WireLayer.layer(
  (type) => Flags.typeBytes(type) !== undefined,
  (hashing, methods) => ({
    version: Identifiers.version,
    isTyped: true,
    methods,
    networkId: (subnet, encryption) => Identifiers.networkId(hashing, subnet, encryption),
    chordNetworkId: Identifiers.chordNetworkId,
    chord: {
      keyShift: Identifiers.keyShift,
      ringPosition: Identifiers.ringPosition,
      // The JavaScript node fails on a list that it gets while it has four links that it dialed.
      maxListed: 1,
      listsReceiver: false,
      saysState: true
    },
    nodeId: (address, networkId, salt) => Identifiers.nodeId(hashing, address, networkId, salt),
    identityId: (publicKey, networkId) => Identifiers.identityId(hashing, publicKey, networkId),
    make: (type, sender, payload, time) => MessageCodec.make(hashing, type, sender, payload, time),
    encode: (message) => MessageCodec.encode(hashing, message),
    frame: (message) => MessageCodec.frame(hashing, message),
    // The id covers the main flag as well: a body is passed on as it came.
    frameRelay: (message) => MessageCodec.frame(hashing, message),
    decode: (body, known) => MessageCodec.decode(hashing, body, known),
    unpack: (body, methods, maxBytes) => Unpack.unpack(hashing, body, methods, maxBytes),
    encodePacket: MessageCodec.encodePacket,
    decodePacket: MessageCodec.decodePacket,
    valueOf: PayloadCodec.valueOf,
    packetOf: PayloadCodec.packetOf,
    // A JavaScript node ends the link on a renegotiation, a Python one resends nonsense: only ours do.
    capabilities: Capabilities.fromMethods,
    subFlag: ([first]) => Flags.readSubFlag(first),
    encodePayload: PayloadCodec.encode,
    decodePayload: PayloadCodec.decode
  })
)
