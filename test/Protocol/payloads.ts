/** Payloads of every kind, for the tests of all wire versions. */
import { Arbitrary, Schema } from "effect"
import { digestBytes } from "../../src/Protocol/Hashing.ts"
import { Payload } from "../../src/Protocol/Payload.ts"

const tables = Object.keys(digestBytes)
const Table = Arbitrary.map(Arbitrary.schema(Schema.Int), (index) => tables[Math.abs(index) % tables.length]!)

/** UTF-8 has no bytes for half a surrogate pair, and a method that is a flag is read as its name. */
const text = (text: string): string => `t${text.toWellFormed()}`

/** JSON has one zero, whole surrogate pairs, and here no key that JavaScript takes for something else. */
export const json = (value: Schema.Json): Schema.Json => {
  if (typeof value === "number") return value + 0
  if (typeof value === "string") return text(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(json)
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [text(name), json(item)]))
}

/**
 * Payloads that mean the same in every reading. Not so: a custom sub-flag that has a name, an answer
 * about a table that is none of the five, a request whose id is the `*` of "all peers".
 */
export const Unambiguous = Arbitrary.map(
  Arbitrary.all([Arbitrary.schema(Payload), Table]),
  ([payload, table]): Payload => {
    switch (payload._tag) {
      case "Handshake":
        return {
          ...payload,
          nodeId: text(payload.nodeId),
          networkId: text(payload.networkId),
          methods: payload.methods.map(text)
        }
      case "CompressionList":
        return { ...payload, methods: payload.methods.map(text) }
      case "Request":
        return { ...payload, requestId: text(payload.requestId), nodeId: text(payload.nodeId) }
      case "Response":
        return { ...payload, requestId: text(payload.requestId) }
      case "Store":
      case "Retrieve":
        return { ...payload, table: text(payload.table) }
      case "Retrieved":
        return { ...payload, table }
      case "SyncStore":
        return {
          ...payload,
          key: text(payload.key),
          value: json(payload.value),
          origin: payload.origin && { ...payload.origin, owner: text(payload.origin.owner) }
        }
      case "SyncDelta":
        return {
          ...payload,
          key: text(payload.key),
          changes: Object.fromEntries(Object.entries(payload.changes).map(([name, value]) => [text(name), json(value)]))
        }
      case "Custom":
        return { ...payload, subFlag: Uint8Array.of(0x0d, ...payload.subFlag) }
      default:
        return payload
    }
  }
)
