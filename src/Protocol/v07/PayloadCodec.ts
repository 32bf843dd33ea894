/**
 * Payload packets of wire version 0.7 to what they say and back (sections 2, 4, 5, 7 and 8). The first
 * packet is the sub-flag, a number; what follows are values. Ids, keys and table names are read as text
 * and as bytes, for JavaScript writes the one and Python the other; ours are texts, but keys of the
 * shared dictionary and the star of "all peers" bytes, which both of them understand.
 */
import * as Base58 from "../Base58.ts"
import * as SyncEntry from "../internal/SyncEntry.ts"
import { contentOf, contentsOf, kindOf, type Packet, text, TypedPacket } from "../Packet.ts"
import type { Payload, PeerEntry } from "../Payload.ts"
import * as PeerAddress from "../PeerAddress.ts"
import { WireFault } from "../WireFault.ts"
import * as Flags from "./Flags.ts"
import * as Values from "./Values.ts"

type Packets = ReadonlyArray<Packet>

/** What asks for all peers, in place of a request id. */
const allPeers = "*"
/** A chord key is a digest: SHA-512 takes 88 digits. Conversion takes time quadratic in the length. */
const maxKeyDigits = 88
const maxKeyBits = 512

const encoder = new TextEncoder()
// A byte order mark is part of a text here: dropping it would make two texts one.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const allPeersPacket = /* @__PURE__ */ encoder.encode(allPeers)
const noBytes = new Uint8Array(0)

/**
 * The packets for a payload.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (payload: Payload): ReadonlyArray<Packet> => {
  switch (payload._tag) {
    case "UserBroadcast":
      return [Flags.subFlagPacket("broadcast"), ...payload.packets]
    case "UserWhisper":
      return [Flags.subFlagPacket("whisper"), ...payload.packets]
    case "Handshake":
      return [
        Flags.subFlagPacket("handshake"),
        text(payload.nodeId),
        text(payload.networkId),
        packetOf(addressToValue(payload.address)),
        packetOf(payload.methods.map(Flags.compressionFlag))
      ]
    case "Peers":
      return [Flags.subFlagPacket("peers"), packetOf(payload.peers.map(entryToValue))]
    case "RequestPeers":
      return [Flags.subFlagPacket("request"), allPeersPacket]
    case "Request":
      return [Flags.subFlagPacket("request"), text(payload.requestId), text(payload.nodeId)]
    case "Response":
      return [
        Flags.subFlagPacket("response"),
        text(payload.requestId),
        packetOf([addressToValue(payload.address), payload.nodeId])
      ]
    case "CompressionList":
      return [Flags.subFlagPacket("compression"), packetOf(payload.methods.map(Flags.compressionFlag))]
    case "Resend":
      return [Flags.subFlagPacket("resend")]
    case "Ping":
      return [Flags.subFlagPacket("ping"), ...payload.packets]
    case "Pong":
      return [Flags.subFlagPacket("pong"), ...payload.packets]
    case "Notify":
      return [Flags.subFlagPacket("notify"), ...payload.packets]
    case "Store":
      return [Flags.subFlagPacket("store"), text(payload.table), keyPacket(payload.key), stored(payload.value)]
    case "Retrieve":
      return [Flags.subFlagPacket("retrieve"), text(payload.table), keyPacket(payload.key)]
    case "Retrieved":
      return [Flags.subFlagPacket("retrieved"), text(payload.table), keyPacket(payload.key), stored(payload.value)]
    case "ChordState":
      return [Flags.subFlagPacket("handshake"), text(payload.isStoring ? "0" : "1")]
    case "SyncStore": {
      const { key, origin } = payload
      const whose = origin === null ? [] : [text(origin.owner), packetOf(origin.time)]
      return [Flags.subFlagPacket("store"), encoder.encode(key), packetOf(payload.value), ...whose]
    }
    case "SyncDelta":
      return [Flags.subFlagPacket("delta"), encoder.encode(payload.key), packetOf(payload.changes)]
    case "Custom":
      return [new TypedPacket("text", payload.subFlag), ...payload.packets]
  }
}

/**
 * What the packets say; packets after those that a sub-flag asks for are ignored, as the references do.
 * A number that is no sub-flag gives `Custom` with its bytes on the wire.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (packets: Packets): Payload | WireFault => {
  const subFlag = Flags.readSubFlag(packets[0])
  switch (subFlag) {
    case "broadcast":
      return { _tag: "UserBroadcast", packets: contentsOf(packets.slice(1)) }
    case "whisper":
      return { _tag: "UserWhisper", packets: contentsOf(packets.slice(1)) }
    case "handshake":
      return packets.length === 2 ? decodeState(packets) : decodeHandshake(packets)
    case "peers":
      return decodePeers(packets)
    case "request":
      return decodeRequest(packets)
    case "response":
      return decodeResponse(packets)
    case "compression": {
      const methods = readMethods(packets, 1)
      return methods instanceof WireFault ? methods : { _tag: "CompressionList", methods }
    }
    case "resend":
      return { _tag: "Resend" }
    case "ping":
      return { _tag: "Ping", packets: contentsOf(packets.slice(1)) }
    case "pong":
      return { _tag: "Pong", packets: contentsOf(packets.slice(1)) }
    case "notify":
      return { _tag: "Notify", packets: contentsOf(packets.slice(1)) }
    case "store":
      // Chord's has table, position and value; the dictionary's key and value, or owner and time as well.
      return packets.length === 4 ? decodeStored("Store", packets) : decodeSyncStore(packets)
    case "retrieve":
      return decodeRetrieve(packets)
    case "retrieved":
      return decodeStored("Retrieved", packets)
    case "delta":
      return decodeSyncDelta(packets)
    case "custom":
    case "unknown":
      return { _tag: "Custom", subFlag: contentOf(packets[0]!), packets: contentsOf(packets.slice(1)) }
    case "none":
      return new WireFault("MissingPacket", 0, "a payload without a sub-flag")
  }
}

const decodeState = (packets: Packets): Payload | WireFault => {
  const state = readText(packets, 1)
  if (state instanceof WireFault) return state
  return state === "0" || state === "1" ? { _tag: "ChordState", isStoring: state === "0" } : missing(2, packets)
}

const decodeHandshake = (packets: Packets): Payload | WireFault => {
  const nodeId = readText(packets, 1)
  if (nodeId instanceof WireFault) return nodeId
  const networkId = readText(packets, 2)
  if (networkId instanceof WireFault) return networkId
  const said = readValue(packets, 3)
  if (said instanceof WireFault) return said
  const address = addressFromValue(said.value)
  if (address === undefined) return new WireFault("InvalidField", 3, "an address that is no [host, port]")
  const methods = readMethods(packets, 4)
  return methods instanceof WireFault ? methods : { _tag: "Handshake", nodeId, networkId, address, methods }
}

const decodePeers = (packets: Packets): Payload | WireFault => {
  const list = readList(packets, 1)
  if (list instanceof WireFault) return list
  const peers: Array<PeerEntry> = []
  for (const item of list) {
    const entry = entryFromValue(item)
    // One bad entry costs its peer only: the references skip what they cannot dial as well.
    if (entry !== undefined) peers.push(entry)
  }
  return { _tag: "Peers", peers }
}

const decodeRequest = (packets: Packets): Payload | WireFault => {
  const requestId = readText(packets, 1)
  if (requestId instanceof WireFault) return requestId
  if (requestId === allPeers) return { _tag: "RequestPeers" }
  const nodeId = readText(packets, 2)
  return nodeId instanceof WireFault ? nodeId : { _tag: "Request", requestId, nodeId }
}

const decodeResponse = (packets: Packets): Payload | WireFault => {
  const requestId = readText(packets, 1)
  if (requestId instanceof WireFault) return requestId
  const said = readValue(packets, 2)
  if (said instanceof WireFault) return said
  const entry = entryFromValue(said.value)
  if (entry === undefined) return new WireFault("InvalidField", 2, "an answer that is no [[host, port], id]")
  return { _tag: "Response", requestId, address: entry.address, nodeId: entry.id }
}

const decodeStored = (tag: "Store" | "Retrieved", packets: Packets): Payload | WireFault => {
  const table = readText(packets, 1)
  if (table instanceof WireFault) return table
  const key = readKey(packets, 2)
  if (key instanceof WireFault) return key
  const packet = packets[3]
  if (packet === undefined) return missing(3, packets)
  return { _tag: tag, table, key, value: isNil(packet) ? noBytes : contentOf(packet) }
}

const decodeRetrieve = (packets: Packets): Payload | WireFault => {
  const table = readText(packets, 1)
  if (table instanceof WireFault) return table
  const key = readKey(packets, 2)
  return key instanceof WireFault ? key : { _tag: "Retrieve", table, key }
}

const decodeSyncStore = (packets: Packets): Payload | WireFault => {
  const key = readText(packets, 1)
  if (key instanceof WireFault) return key
  const said = readValue(packets, 2)
  if (said instanceof WireFault) return said
  if (packets.length < 5) return SyncEntry.store(key, said.value) ?? noJson(2)
  const owner = readText(packets, 3)
  if (owner instanceof WireFault) return owner
  const time = readValue(packets, 4)
  if (time instanceof WireFault) return time
  return SyncEntry.store(key, said.value, owner, time.value) ?? noJson(2)
}

const decodeSyncDelta = (packets: Packets): Payload | WireFault => {
  const key = readText(packets, 1)
  if (key instanceof WireFault) return key
  const said = readValue(packets, 2)
  return said instanceof WireFault ? said : SyncEntry.delta(key, said.value) ?? noJson(2)
}

const noJson = (index: number): WireFault =>
  new WireFault("InvalidField", index, "a value that is not of JSON's kinds, or an owner and a time that are none")

const missing = (index: number, packets: Packets): WireFault =>
  new WireFault("MissingPacket", index, `${packets.length} packets where at least ${index + 1} are needed`)

/** A text, or bytes that are one. */
const readText = (packets: Packets, index: number): string | WireFault => {
  const packet = packets[index]
  if (packet === undefined) return missing(index, packets)
  if (kindOf(packet) === "value") return new WireFault("InvalidField", index, "a packet that is neither text nor bytes")
  return textOf(contentOf(packet)) ?? new WireFault("InvalidText", index, "a packet that is not UTF-8")
}

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** In an object, because any value may come, and be told from a fault. */
const readValue = (packets: Packets, index: number): { readonly value: unknown } | WireFault => {
  const packet = packets[index]
  if (packet === undefined) return missing(index, packets)
  const value = valueOf(packet)
  return value === undefined ? new WireFault("InvalidField", index, "a value that cannot be read") : { value }
}

const readList = (packets: Packets, index: number): ReadonlyArray<unknown> | WireFault => {
  const found = readValue(packets, index)
  if (found instanceof WireFault) return found
  return Array.isArray(found.value) ? found.value : new WireFault("InvalidField", index, "a value that is no list")
}

const readMethods = (packets: Packets, index: number): ReadonlyArray<string> | WireFault => {
  const list = readList(packets, index)
  if (list instanceof WireFault) return list
  return list.flatMap((item) =>
    typeof item === "number" || typeof item === "string" ? [Flags.compressionName(item)] : []
  )
}

const readKey = (packets: Packets, index: number): bigint | WireFault => {
  const packet = packets[index]
  if (packet === undefined) return missing(index, packets)
  const digits = Base58.shortest(contentOf(packet))
  const integer = kindOf(packet) === "value" || digits.length > maxKeyDigits ? undefined : Base58.readInteger(digits)
  const key = integer === undefined ? undefined : BigInt(integer)
  return key === undefined || BigInt.asUintN(maxKeyBits, key) !== key
    ? new WireFault("InvalidField", index, `a key that is no base 58 of up to ${maxKeyBits} bits`)
    : key
}

const entryFromValue = (said: unknown): PeerEntry | undefined => {
  if (!Array.isArray(said) || said.length !== 2) return undefined
  const address = addressFromValue(said[0])
  const id = idFromValue(said[1])
  return address === undefined || id === undefined ? undefined : { address, id }
}

/** Browsers have none: nil, or a pair of nils. */
const addressFromValue = (said: unknown): PeerAddress.PeerAddress | null | undefined => {
  if (said === null) return null
  if (!Array.isArray(said) || said.length !== 2) return undefined
  if (said[0] === null && said[1] === null) return null
  return PeerAddress.fromParts(idFromValue(said[0]), said[1])
}

const idFromValue = (said: unknown): string | undefined =>
  typeof said === "string" ? said : said instanceof Uint8Array ? textOf(said) : undefined

const addressToValue = (address: PeerAddress.PeerAddress | null): unknown =>
  address === null ? null : [address.host, address.port]

const entryToValue = (entry: PeerEntry): unknown => [addressToValue(entry.address), entry.id]

/**
 * A packet that says a value: texts and bytes have kinds of their own. Throws as `Values.encode` does.
 *
 * @category encoding
 * @since 0.1.0
 */
export const packetOf = (value: unknown): Packet => {
  if (value instanceof Uint8Array) return value
  return typeof value === "string" ? text(value) : new TypedPacket("value", Values.encode(value))
}

/**
 * What a packet says; `undefined` when it is a text that is not UTF-8, or a map with keys that no object has.
 *
 * @category decoding
 * @since 0.1.0
 */
export const valueOf = (packet: Packet): unknown => {
  const content = contentOf(packet)
  switch (kindOf(packet)) {
    case "bytes":
      return content
    case "text":
      return textOf(content)
    case "value":
      return Values.decode(content)?.value
  }
}

const nil = /* @__PURE__ */ Uint8Array.of(0xc0)

const isNil = (packet: Packet): boolean =>
  kindOf(packet) === "value" && contentOf(packet).length === 1 && contentOf(packet)[0] === nil[0]

/** Chord's values are texts, as its users wrote them; none at all is nil, which deletes. */
const stored = (content: Uint8Array): Packet =>
  content.length === 0 ? new TypedPacket("value", nil) : new TypedPacket("text", content)

const keyPacket = (key: bigint): Packet => text(Base58.fromInteger(key))
