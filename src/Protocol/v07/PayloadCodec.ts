/**
 * Payload packets of wire version 0.7 to what they say and back (`docs/protocol-0.7.md`). The first
 * packet is the sub-flag, a number; what follows are values. Ids, keys and table names are read as text
 * and as bytes, for JavaScript writes the one and Python the other; ours are texts, but keys of the
 * shared dictionary and the star of "all peers" bytes, which both of them understand.
 */
import * as PayloadForm from "../internal/PayloadForm.ts"
import * as SyncEntry from "../internal/SyncEntry.ts"
import { contentOf, contentsOf, kindOf, type Packet, text, TypedPacket } from "../Packet.ts"
import type { Payload } from "../Payload.ts"
import * as PeerAddress from "../PeerAddress.ts"
import { WireFault } from "../WireFault.ts"
import * as Flags from "./Flags.ts"
import * as Values from "./Values.ts"

type Packets = ReadonlyArray<Packet>

const encoder = new TextEncoder()
const noBytes = new Uint8Array(0)

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
      return PayloadForm.textOf(content)
    case "value":
      return Values.decode(content)?.value
  }
}

const readValue = (packet: Packet, index: number): { readonly value: unknown } | WireFault => {
  const value = valueOf(packet)
  return value === undefined ? new WireFault("InvalidField", index, "a value that cannot be read") : { value }
}

const idOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : value instanceof Uint8Array ? PayloadForm.textOf(value) : undefined

/** Browsers have none: nil, or a pair of nils. */
const addressOf = (value: unknown): PeerAddress.PeerAddress | null | undefined => {
  if (value === null) return null
  if (!Array.isArray(value) || value.length !== 2) return undefined
  if (value[0] === null && value[1] === null) return null
  return PeerAddress.fromParts(idOf(value[0]), value[1])
}

const form: PayloadForm.PayloadForm<Packet> = {
  subFlag: Flags.subFlagPacket,
  text,
  value: packetOf,
  methodFlag: Flags.compressionFlag,
  methodName: (entry) =>
    typeof entry === "number" || typeof entry === "string" ? Flags.compressionName(entry) : undefined,
  contentOf,
  textBytes: (packet) => kindOf(packet) === "value" ? undefined : contentOf(packet),
  readValue,
  idOf,
  addressOf,
  valueName: "a value"
}

const reader = /* @__PURE__ */ new PayloadForm.PayloadReader(form)

/**
 * The packets for a payload.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (payload: Payload): ReadonlyArray<Packet> => {
  switch (payload._tag) {
    case "Store":
      return [Flags.subFlagPacket("store"), ...stored(payload)]
    case "Retrieved":
      return [Flags.subFlagPacket("retrieved"), ...stored(payload)]
    case "SyncStore": {
      const { key, origin, value } = payload
      const whose = origin === null ? [] : [text(origin.owner), packetOf(origin.time)]
      return [Flags.subFlagPacket("store"), encoder.encode(key), packetOf(value), ...whose]
    }
    case "SyncDelta":
      return [Flags.subFlagPacket("delta"), encoder.encode(payload.key), packetOf(payload.changes)]
    case "Custom":
      return [new TypedPacket("text", payload.subFlag), ...payload.packets]
    default:
      return PayloadForm.encode(form, payload)
  }
}

/** Chord's values are texts, as its users wrote them; none at all is nil, which deletes. */
const stored = (
  { key, table, value }: { readonly table: string; readonly key: bigint; readonly value: Uint8Array }
) => [
  text(table),
  text(PayloadForm.keyText(key)),
  value.length === 0 ? new TypedPacket("value", nil) : new TypedPacket("text", value)
]

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
    case "store":
      // Chord's has table, position and value; the dictionary's key and value, or owner and time as well.
      return packets.length === 4 ? reader.stored("Store", packets, storedValue) : decodeSyncStore(packets)
    case "retrieved":
      return reader.stored("Retrieved", packets, storedValue)
    case "delta":
      return decodeSyncDelta(packets)
    case "custom":
    case "unknown":
      return { _tag: "Custom", subFlag: contentOf(packets[0]!), packets: contentsOf(packets.slice(1)) }
    default:
      return reader.decode(subFlag, packets)
  }
}

const nil = /* @__PURE__ */ Uint8Array.of(0xc0)

const storedValue = (packet: Packet): Uint8Array => {
  const content = contentOf(packet)
  return kindOf(packet) === "value" && content.length === 1 && content[0] === nil[0] ? noBytes : content
}

const decodeSyncStore = (packets: Packets): Payload | WireFault => {
  const key = reader.text(packets, 1)
  if (key instanceof WireFault) return key
  const said = reader.value(packets, 2, PayloadForm.maxValueBytes.sync)
  if (said instanceof WireFault) return said
  if (packets.length < 5) return SyncEntry.store(key, said.value) ?? noJson(2)
  const owner = reader.text(packets, 3)
  if (owner instanceof WireFault) return owner
  const time = reader.value(packets, 4, PayloadForm.maxValueBytes.time)
  if (time instanceof WireFault) return time
  return SyncEntry.store(key, said.value, owner, time.value) ?? noJson(2)
}

const decodeSyncDelta = (packets: Packets): Payload | WireFault => {
  const key = reader.text(packets, 1)
  if (key instanceof WireFault) return key
  const said = reader.value(packets, 2, PayloadForm.maxValueBytes.sync)
  return said instanceof WireFault ? said : SyncEntry.delta(key, said.value) ?? noJson(2)
}

const noJson = (index: number): WireFault =>
  new WireFault("InvalidField", index, "a value that is not of JSON's kinds, or an owner and a time that are none")
