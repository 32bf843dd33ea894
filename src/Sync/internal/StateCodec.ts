/**
 * A state of the shared dictionary as our nodes tell it to each other, where fields were changed since the last
 * whole write: one packet of JSON,
 *
 *     {"key": …, "value": {…}, "base": stamp or null, "fields": {name: stamp, …}, "owners": [id, …]}
 *
 * with stamps as `[index in owners, seconds]`. Entry and owner follow from it.
 */
import * as Schema from "effect/Schema"
import { isShallow, maxSyncDepth } from "../../Protocol/Payload.ts"
import type { Stamp } from "../Rule.ts"
import { isSince, make, maxFields, type SyncState } from "../SyncState.ts"

/** More than key, stamps and owners take when they are as long as they may be; names of fields are bounded with values. */
const maxStampsBytes = 512 * 1024

const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxFields }))
const Seconds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const Mark = Schema.Tuple([Index, Seconds])
type Mark = typeof Mark.Type
const isState = Schema.is(Schema.Struct({
  key: Schema.String,
  value: Schema.Record(Schema.String, Schema.Json),
  base: Schema.NullOr(Mark),
  fields: Schema.Record(Schema.String, Mark),
  owners: Schema.Array(Schema.String)
}))

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The packet for a state. */
export const encode = ({ base, entry: { key, value }, fields }: SyncState): Uint8Array => {
  const owners = new Map<string, number>()
  const toMark = ({ owner, time }: Stamp): Mark => {
    const index = owners.get(owner) ?? owners.size
    owners.set(owner, index)
    return [index, time]
  }
  const marks = {
    base: base === undefined ? null : toMark(base),
    fields: Object.fromEntries(Array.from(fields, ([name, stamp]) => [name, toMark(stamp)]))
  }
  return encoder.encode(JSON.stringify({ key, value, ...marks, owners: Array.from(owners.keys()) }))
}

/** The state that a packet tells of; `undefined` when it is none, or one that no node comes to hold. */
export const decode = (packet: Uint8Array | undefined, maxValueBytes: number): SyncState | undefined => {
  if (packet === undefined || packet.length > 2 * maxValueBytes + maxStampsBytes) return undefined
  const said = readJson(packet)
  // Before the schema, which goes through it by recursion; the value is one level down.
  if (!isShallow(said, maxSyncDepth + 1) || !isState(said)) return undefined
  const toStamp = ([index, time]: Mark): Stamp | undefined => {
    const owner = said.owners[index]
    return owner === undefined ? undefined : { owner, time }
  }
  const base = said.base === null ? undefined : toStamp(said.base)
  const fields = new Map<string, Stamp>()
  for (const [name, mark] of Object.entries(said.fields)) {
    const stamp = toStamp(mark)
    if (stamp === undefined || !isSince(stamp, base) || !Object.hasOwn(said.value, name)) return undefined
    fields.set(name, stamp)
  }
  if (fields.size === 0 || fields.size > maxFields || (said.base !== null && base === undefined)) return undefined
  // Without a whole write there is nothing but changed fields.
  if (base === undefined && Object.keys(said.value).length > fields.size) return undefined
  return make(said.key, said.value, base, fields)
}

const readJson = (packet: Uint8Array): unknown => {
  try {
    return JSON.parse(decoder.decode(packet))
  } catch {
    return undefined
  }
}
