/**
 * Payload packets of wire version 0.4 to what they say and back (`docs/protocol.md`). The first
 * packet is the sub-flag; what follows is text, JSON or bytes. JSON is read as Python and Node.js
 * write it, and written with control characters escaped.
 */
import { digestBytes } from "../Hashing.ts"
import * as PayloadForm from "../internal/PayloadForm.ts"
import * as SyncEntry from "../internal/SyncEntry.ts"
import type { Payload } from "../Payload.ts"
import * as PeerAddress from "../PeerAddress.ts"
import { WireFault } from "../WireFault.ts"
import * as Flags from "./Flags.ts"

type Packets = ReadonlyArray<Uint8Array>

const encoder = new TextEncoder()
/** This version has no flag for the shared dictionary: ours say it by a sub-flag of their own. */
const syncPacket = /* @__PURE__ */ encoder.encode("sync")

const text = (content: string): Uint8Array => encoder.encode(content)
const json = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))

const readJson = (packet: Uint8Array, index: number): { readonly value: unknown } | WireFault => {
  const content = PayloadForm.textOf(packet)
  if (content === undefined) return new WireFault("InvalidText", index, "a packet that is not UTF-8")
  try {
    return { value: JSON.parse(content) }
  } catch {
    return new WireFault("InvalidJson", index, "a packet that is not JSON")
  }
}

/** Text, or `{"type":"Buffer","data":[..]}` as the original JavaScript node serializes bytes. */
const idOf = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  if (typeof value !== "object" || value === null || !("type" in value) || value.type !== "Buffer") return undefined
  const data: unknown = "data" in value ? value.data : undefined
  if (!Array.isArray(data) || !data.every((item) => Number.isInteger(item) && item >= 0 && item <= 255)) {
    return undefined
  }
  return PayloadForm.textOf(Uint8Array.from(data))
}

const addressOf = (value: unknown): PeerAddress.PeerAddress | null | undefined => {
  if (value === null) return null
  return Array.isArray(value) && value.length === 2 ? PeerAddress.fromParts(value[0], value[1]) : undefined
}

const form: PayloadForm.PayloadForm<Uint8Array> = {
  subFlag: Flags.subFlagPacket,
  text,
  value: json,
  methodFlag: Flags.compressionText,
  methodName: (entry) => typeof entry === "string" ? Flags.compressionName(entry) : undefined,
  contentOf: (packet) => packet,
  textBytes: (packet) => packet,
  readValue: readJson,
  idOf,
  addressOf,
  valueName: "JSON"
}

const reader = /* @__PURE__ */ new PayloadForm.PayloadReader(form)

/**
 * The packets for a payload.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (payload: Payload): ReadonlyArray<Uint8Array> => {
  switch (payload._tag) {
    case "Store":
      return [Flags.subFlagPacket("store"), ...stored(payload)]
    case "Retrieved":
      return [Flags.subFlagPacket("response"), ...stored(payload)]
    case "SyncStore": {
      const { key, origin, value } = payload
      const whose = origin === null ? [] : [text(origin.owner), text(String(origin.time))]
      return [syncPacket, text("store"), text(key), json(value), ...whose]
    }
    case "SyncDelta":
      return [syncPacket, text("delta"), text(payload.key), json(payload.changes)]
    case "Custom":
      return [payload.subFlag, ...payload.packets]
    default:
      return PayloadForm.encode(form, payload)
  }
}

const stored = (
  { key, table, value }: { readonly table: string; readonly key: bigint; readonly value: Uint8Array }
) => [text(table), text(PayloadForm.keyText(key)), value]

/**
 * What the packets say; packets after those that a sub-flag asks for are ignored, as the references do.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (packets: Packets): Payload | WireFault => {
  const subFlag = Flags.readSubFlag(packets[0])
  switch (subFlag) {
    case "store":
      return reader.stored("Store", packets, form.contentOf)
    case "response":
      return isChordResponse(packets)
        ? reader.stored("Retrieved", packets, form.contentOf)
        : reader.decode(subFlag, packets)
    case "custom":
      if (isSync(packets[0]!)) return decodeSync(packets)
      return { _tag: "Custom", subFlag: packets[0]!, packets: packets.slice(1) }
    default:
      return reader.decode(subFlag, packets)
  }
}

/** Mesh and chord share a sub-flag. Chord's has one packet more, and begins with the name of a table. */
const isChordResponse = (packets: Packets): boolean => {
  if (packets.length < 4) return false
  const table = reader.text(packets, 1)
  return typeof table === "string" && Object.hasOwn(digestBytes, table)
}

const isSync = (subFlag: Uint8Array): boolean =>
  subFlag.length === syncPacket.length && subFlag.every((byte, index) => byte === syncPacket[index])

const decodeSync = (packets: Packets): Payload | WireFault => {
  const kind = reader.text(packets, 1)
  if (kind instanceof WireFault) return kind
  const key = reader.text(packets, 2)
  if (key instanceof WireFault) return key
  const said = reader.value(packets, 3, PayloadForm.maxValueBytes.sync)
  if (said instanceof WireFault) return said
  if (kind === "delta") {
    return SyncEntry.delta(key, said.value) ??
      new WireFault("InvalidField", 3, "JSON that is no map, or nests too deep")
  }
  if (kind !== "store") return new WireFault("InvalidField", 1, "neither store nor delta")
  const entry = packets.length < 6
    ? SyncEntry.store(key, said.value)
    : SyncEntry.store(key, said.value, reader.text(packets, 4), Number(reader.text(packets, 5)))
  return entry ?? new WireFault("InvalidField", 3, "JSON that nests too deep, or an owner and a time that are none")
}
