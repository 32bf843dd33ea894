/** Bytes and messages: the wire protocol, as services and plain data. */
export * as Base58 from "./Base58.ts"
export * as Capabilities from "./Capabilities.ts"
export * as Bz2 from "./Compression/Bz2.ts"
export {
  type CompressingMethod,
  Compression,
  type CompressionMethod,
  type CompressionOptions,
  type DecompressionFault,
  negotiate
} from "./Compression/Compression.ts"
export * as Lzma from "./Compression/Lzma.ts"
export { lzString } from "./Compression/LzString.ts"
export { snappy } from "./Compression/Snappy.ts"
export * as Frame from "./Frame.ts"
export { FrameSplitter } from "./FrameSplitter.ts"
export { digestBytes, type HashAlgorithm, hashAlgorithms, Hashing } from "./Hashing.ts"
export { knownTypes, maxPackets, Message, type MessageType, PlainMessage } from "./Message.ts"
export * as Packet from "./Packet.ts"
export * as Payload from "./Payload.ts"
export { format as formatAddress, parse as parseAddress, PeerAddress } from "./PeerAddress.ts"
export { Protocol } from "./Protocol.ts"
export * as Protocol04 from "./Protocol04.ts"
export * as Protocol07 from "./Protocol07.ts"
export { Signing, type SigningKeys } from "./Signing.ts"
export * as Identifiers04 from "./v04/Identifiers.ts"
export * as Identifiers07 from "./v07/Identifiers.ts"
export { isWireFault, WireError, WireFault, WireFaultReason } from "./WireFault.ts"
