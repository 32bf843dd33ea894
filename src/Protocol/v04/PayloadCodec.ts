/**
 * Payload packets of wire version 0.4 to what they say and back (sections 3 to 6 and 9). The first
 * packet is the sub-flag; what follows is text, JSON or bytes. JSON is read as Python and Node.js
 * write it, and written with control characters escaped.
 */
import * as Base58 from "../Base58.ts"
import { digestBytes } from "../Hashing.ts"
import * as SyncEntry from "../internal/SyncEntry.ts"
import type { Payload, PeerEntry } from "../Payload.ts"
import * as PeerAddress from "../PeerAddress.ts"
import { WireFault } from "../WireFault.ts"
import * as Flags from "./Flags.ts"

type Packets = ReadonlyArray<Uint8Array>

/** What asks for all peers, in place of a request id. */
const allPeers = "*"
/** A chord key is a digest: SHA-512 takes 88 digits. Conversion takes time quadratic in the length. */
const maxKeyDigits = 88
const maxKeyBits = 512

/**
 * Bytes of JSON that are read. Two megabytes of it, in the right form, take a second to read; lists are
 * much shorter: 1000 peers of an original node take 100 kB.
 */
const maxJsonBytes = { address: 4096, answer: 4096, methods: 16_384, peers: 131_072, sync: 131_072 } as const
/** Entries of a list of peers that are looked at. */
const maxListedPeers = 1024

const encoder = new TextEncoder()
// A byte order mark is part of a text here: dropping it would make two texts one.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
/** This version has no flag for the shared dictionary: ours say it by a sub-flag of their own. */
const syncPacket = /* @__PURE__ */ encoder.encode("sync")
const allPeersPacket = /* @__PURE__ */ encoder.encode(allPeers)

/**
 * The packets for a payload.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (payload: Payload): ReadonlyArray<Uint8Array> => {
  switch (payload._tag) {
    case "UserBroadcast":
      return [Flags.subFlagPacket("broadcast"), ...payload.packets]
    case "UserWhisper":
      return [Flags.subFlagPacket("whisper"), ...payload.packets]
    case "Handshake":
      return [
        Flags.subFlagPacket("handshake"),
        encoder.encode(payload.nodeId),
        encoder.encode(payload.networkId),
        json(addressToJson(payload.address)),
        json(payload.methods.map(Flags.compressionText))
      ]
    case "Peers":
      return [Flags.subFlagPacket("peers"), json(payload.peers.map(entryToJson))]
    case "RequestPeers":
      return [Flags.subFlagPacket("request"), allPeersPacket]
    case "Request":
      return [Flags.subFlagPacket("request"), encoder.encode(payload.requestId), encoder.encode(payload.nodeId)]
    case "Response":
      return [
        Flags.subFlagPacket("response"),
        encoder.encode(payload.requestId),
        json([addressToJson(payload.address), payload.nodeId])
      ]
    case "CompressionList":
      return [Flags.subFlagPacket("compression"), json(payload.methods.map(Flags.compressionText))]
    case "Resend":
      return [Flags.subFlagPacket("resend")]
    case "Ping":
      return [Flags.subFlagPacket("ping"), ...payload.packets]
    case "Pong":
      return [Flags.subFlagPacket("pong"), ...payload.packets]
    case "Notify":
      return [Flags.subFlagPacket("notify"), ...payload.packets]
    case "Store":
      return [Flags.subFlagPacket("store"), encoder.encode(payload.table), keyPacket(payload.key), payload.value]
    case "Retrieve":
      return [Flags.subFlagPacket("retrieve"), encoder.encode(payload.table), keyPacket(payload.key)]
    case "Retrieved":
      return [Flags.subFlagPacket("response"), encoder.encode(payload.table), keyPacket(payload.key), payload.value]
    case "ChordState":
      return [Flags.subFlagPacket("handshake"), encoder.encode(payload.isStoring ? "0" : "1")]
    case "SyncStore": {
      const { key, origin, value } = payload
      const whose = origin === null ? [] : [encoder.encode(origin.owner), encoder.encode(String(origin.time))]
      return [syncPacket, encoder.encode("store"), encoder.encode(key), json(value), ...whose]
    }
    case "SyncDelta":
      return [syncPacket, encoder.encode("delta"), encoder.encode(payload.key), json(payload.changes)]
    case "Custom":
      return [payload.subFlag, ...payload.packets]
  }
}

/**
 * What the packets say; packets after those that a sub-flag asks for are ignored, as the references do.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (packets: ReadonlyArray<Uint8Array>): Payload | WireFault => {
  const subFlag = Flags.readSubFlag(packets[0])
  switch (subFlag) {
    case "broadcast":
      return { _tag: "UserBroadcast", packets: packets.slice(1) }
    case "whisper":
      return { _tag: "UserWhisper", packets: packets.slice(1) }
    case "handshake":
      return packets.length === 2 ? decodeState(packets) : decodeHandshake(packets)
    case "peers":
      return decodePeers(packets)
    case "request":
      return decodeRequest(packets)
    case "response":
      return isChordResponse(packets) ? decodeStored("Retrieved", packets) : decodeResponse(packets)
    case "compression": {
      const methods = readMethods(packets, 1)
      return methods instanceof WireFault ? methods : { _tag: "CompressionList", methods }
    }
    case "resend":
      return { _tag: "Resend" }
    case "ping":
      return { _tag: "Ping", packets: packets.slice(1) }
    case "pong":
      return { _tag: "Pong", packets: packets.slice(1) }
    case "notify":
      return { _tag: "Notify", packets: packets.slice(1) }
    case "store":
      return decodeStored("Store", packets)
    case "retrieve":
      return decodeRetrieve(packets)
    case "custom":
      if (isSync(packets[0]!)) return decodeSync(packets)
      return { _tag: "Custom", subFlag: packets[0]!, packets: packets.slice(1) }
    case "none":
      return new WireFault("MissingPacket", 0, "a payload without a sub-flag")
  }
}

/** The references of this version say no such thing. */
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
  const json = readJson(packets, 3, maxJsonBytes.address)
  if (json instanceof WireFault) return json
  const address = addressFromJson(json.value)
  if (address === undefined) return new WireFault("InvalidField", 3, "an address that is no [host, port]")
  const methods = readMethods(packets, 4)
  return methods instanceof WireFault ? methods : { _tag: "Handshake", nodeId, networkId, address, methods }
}

const decodePeers = (packets: Packets): Payload | WireFault => {
  const list = readList(packets, 1, maxJsonBytes.peers)
  if (list instanceof WireFault) return list
  const peers: Array<PeerEntry> = []
  for (const item of list.slice(0, maxListedPeers)) {
    const entry = entryFromJson(item)
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

/** Mesh and chord share a sub-flag. Chord's has one packet more, and begins with the name of a table. */
const isChordResponse = (packets: Packets): boolean => {
  if (packets.length < 4) return false
  const table = readText(packets, 1)
  return typeof table === "string" && Object.hasOwn(digestBytes, table)
}

const decodeResponse = (packets: Packets): Payload | WireFault => {
  const requestId = readText(packets, 1)
  if (requestId instanceof WireFault) return requestId
  const json = readJson(packets, 2, maxJsonBytes.answer)
  if (json instanceof WireFault) return json
  const entry = entryFromJson(json.value)
  if (entry === undefined) return new WireFault("InvalidField", 2, "an answer that is no [[host, port], id]")
  return { _tag: "Response", requestId, address: entry.address, nodeId: entry.id }
}

const decodeStored = (tag: "Store" | "Retrieved", packets: Packets): Payload | WireFault => {
  const table = readText(packets, 1)
  if (table instanceof WireFault) return table
  const key = readKey(packets, 2)
  if (key instanceof WireFault) return key
  const value = packets[3]
  return value === undefined ? missing(3, packets) : { _tag: tag, table, key, value }
}

const decodeRetrieve = (packets: Packets): Payload | WireFault => {
  const table = readText(packets, 1)
  if (table instanceof WireFault) return table
  const key = readKey(packets, 2)
  return key instanceof WireFault ? key : { _tag: "Retrieve", table, key }
}

const isSync = (subFlag: Uint8Array): boolean =>
  subFlag.length === syncPacket.length && subFlag.every((byte, index) => byte === syncPacket[index])

const decodeSync = (packets: Packets): Payload | WireFault => {
  const kind = readText(packets, 1)
  if (kind instanceof WireFault) return kind
  const key = readText(packets, 2)
  if (key instanceof WireFault) return key
  const json = readJson(packets, 3, maxJsonBytes.sync)
  if (json instanceof WireFault) return json
  if (kind === "delta") {
    return SyncEntry.delta(key, json.value) ?? new WireFault("InvalidField", 3, "JSON that is no map")
  }
  if (kind !== "store") return new WireFault("InvalidField", 1, "neither store nor delta")
  const entry = packets.length < 6
    ? SyncEntry.store(key, json.value)
    : SyncEntry.store(key, json.value, readText(packets, 4), Number(readText(packets, 5)))
  return entry ?? new WireFault("InvalidField", 4, "an owner and a time that are none")
}

const missing = (index: number, packets: Packets): WireFault =>
  new WireFault("MissingPacket", index, `${packets.length} packets where at least ${index + 1} are needed`)

const readText = (packets: Packets, index: number): string | WireFault => {
  const packet = packets[index]
  if (packet === undefined) return missing(index, packets)
  try {
    return decoder.decode(packet)
  } catch {
    return new WireFault("InvalidText", index, "a packet that is not UTF-8")
  }
}

/** In an object, because any value may come, and be told from a fault. */
const readJson = (
  packets: Packets,
  index: number,
  maxBytes: number
): { readonly value: unknown } | WireFault => {
  const bytes = packets[index]?.length ?? 0
  if (bytes > maxBytes) return new WireFault("InvalidField", index, `JSON of ${bytes} bytes, more than ${maxBytes}`)
  const text = readText(packets, index)
  if (text instanceof WireFault) return text
  try {
    return { value: JSON.parse(text) }
  } catch {
    return new WireFault("InvalidJson", index, "a packet that is not JSON")
  }
}

const readList = (packets: Packets, index: number, maxBytes: number): ReadonlyArray<unknown> | WireFault => {
  const json = readJson(packets, index, maxBytes)
  if (json instanceof WireFault) return json
  return Array.isArray(json.value) ? json.value : new WireFault("InvalidField", index, "JSON that is no list")
}

const readMethods = (packets: Packets, index: number): ReadonlyArray<string> | WireFault => {
  const list = readList(packets, index, maxJsonBytes.methods)
  if (list instanceof WireFault) return list
  return list.filter((item): item is string => typeof item === "string").map(Flags.compressionName)
}

const readKey = (packets: Packets, index: number): bigint | WireFault => {
  const packet = packets[index]
  if (packet === undefined) return missing(index, packets)
  const digits = Base58.shortest(packet)
  const integer = digits.length > maxKeyDigits ? undefined : Base58.readInteger(digits)
  const key = integer === undefined ? undefined : BigInt(integer)
  return key === undefined || BigInt.asUintN(maxKeyBits, key) !== key
    ? new WireFault("InvalidField", index, `a key that is no base 58 of up to ${maxKeyBits} bits`)
    : key
}

const entryFromJson = (value: unknown): PeerEntry | undefined => {
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const address = addressFromJson(value[0])
  const id = idFromJson(value[1])
  return address === undefined || id === undefined ? undefined : { address, id }
}

const addressFromJson = (value: unknown): PeerAddress.PeerAddress | null | undefined => {
  if (value === null) return null
  return Array.isArray(value) && value.length === 2 ? PeerAddress.fromParts(value[0], value[1]) : undefined
}

/** Text, or `{"type":"Buffer","data":[..]}` as the original JavaScript node serializes bytes. */
const idFromJson = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  if (typeof value !== "object" || value === null || !("type" in value) || value.type !== "Buffer") return undefined
  const data: unknown = "data" in value ? value.data : undefined
  if (!Array.isArray(data) || !data.every((item) => Number.isInteger(item) && item >= 0 && item <= 255)) {
    return undefined
  }
  const text = readText([Uint8Array.from(data)], 0)
  return text instanceof WireFault ? undefined : text
}

const addressToJson = (address: PeerAddress.PeerAddress | null): unknown =>
  address === null ? null : [address.host, address.port]

const entryToJson = (entry: PeerEntry): unknown => [addressToJson(entry.address), entry.id]

const json = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))

const keyPacket = (key: bigint): Uint8Array => encoder.encode(Base58.fromInteger(key))
