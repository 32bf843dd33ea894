/**
 * What a node knows of a key: its value, and which write each part of it comes from. A whole write carries its stamp;
 * a field that was changed since carries that of its change. So two nodes that heard different writes, or
 * the same ones in another order, can put together what they hold without losing what was written last
 * (`docs/sync.md`, "Changes of fields").
 *
 * `merge` is commutative, associative and idempotent, up to `maxFields`. Plain functions; nothing is changed in place.
 */
import type * as Schema from "effect/Schema"
import { isNewer, type Stamp } from "./Rule.ts"

/**
 * A key with its value, null when it was deleted, and who wrote it when.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncEntry extends Stamp {
  readonly key: string
  readonly value: Schema.Json
}

/** A map of JSON. */
export type JsonMap = { readonly [key: string]: Schema.Json }

/**
 * An entry, stamped with the newest of its writes, and where its parts come from.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncState {
  readonly entry: SyncEntry
  /** The last whole write that was heard of; `undefined` when only changes were. */
  readonly base: Stamp | undefined
  /** The changes that fields of a map come from, by their names; the other fields are of the whole write. */
  readonly fields: ReadonlyMap<string, Stamp>
}

/**
 * How many fields have stamps of their own, at most: a map in which more are changed counts as written whole, by the
 * newest of its writes. Stamps so take no more memory than values.
 *
 * @category models
 * @since 0.1.0
 */
export const maxFields = 256

/**
 * What a whole write makes of a key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofWrite = (entry: SyncEntry): SyncState => ({ entry, base: stampOf(entry), fields: noFields })

/**
 * A map of which it is not known what was written whole: each field counts as changed by the last write.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofFields = (entry: SyncEntry): SyncState => {
  const stamp = stampOf(entry)
  const fields = Object.keys(mapOf(entry.value)).map((name) => [name, stamp] as const)
  return fields.length === 0 ? ofWrite(entry) : make(entry.key, entry.value, undefined, new Map(fields))
}

/**
 * A state from its parts, stamped with the newest of its writes, of which there is one at least.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  key: string,
  value: Schema.Json,
  base: Stamp | undefined,
  fields: ReadonlyMap<string, Stamp>
): SyncState => {
  const last = Array.from(fields.values()).reduce(newest, base)
  if (last === undefined) throw new Error("a state that nobody wrote")
  const entry = { key, value, owner: last.owner, time: last.time }
  return fields.size > maxFields ? ofWrite(entry) : { entry, base, fields }
}

/**
 * What a change makes of a key: each field goes in where no newer write has set it, a whole one that is later among
 * them. Of one second the change counts, for its author may have seen the whole write. `undefined` when
 * no field counts.
 *
 * @category combinators
 * @since 0.1.0
 */
export const change = (
  held: SyncState | undefined,
  key: string,
  changes: JsonMap,
  stamp: Stamp
): SyncState | undefined => {
  const base = held?.base
  if (!isSince(stamp, base)) return undefined
  const items = new Map(Object.entries(mapOf(held?.entry.value)))
  const fields = new Map(held?.fields)
  let isChanged = false
  for (const [name, item] of Object.entries(changes)) {
    const before = fields.get(name)
    if (before !== undefined && isNewer(before, stamp)) continue
    isChanged = true
    items.set(name, item)
    fields.set(name, stamp)
  }
  return isChanged ? make(key, Object.fromEntries(items), base, fields) : undefined
}

/**
 * What two nodes know of one key, put together: the later whole write, and over it each field of its newest change,
 * but for changes before that write. What has one stamp on both sides and differs goes by the greater text,
 * field by field.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (one: SyncState, other: SyncState): SyncState => {
  const base = newest(one.base, other.base)
  const items = new Map<string, Schema.Json>()
  const fields = new Map<string, Stamp>()
  for (const { base: own, entry, fields: stamps } of [one, other]) {
    for (const [name, item] of Object.entries(mapOf(entry.value))) {
      const stamp = stamps.get(name)
      if (stamp === undefined ? !isSameStamp(own, base) : !isSince(stamp, base)) continue
      const before = items.get(name)
      if (before !== undefined && !isFieldBetter({ item, stamp }, { item: before, stamp: fields.get(name) })) continue
      items.set(name, item)
      if (stamp !== undefined) fields.set(name, stamp)
    }
  }
  const wholes = [one, other].filter((state) => isSameStamp(state.base, base)).map(({ entry }) => entry.value)
  // A map where there is one: it also has the greater text.
  const isMap = fields.size > 0 || wholes.some(isJsonMap)
  const value = isMap ? Object.fromEntries(items) : wholes.reduce((a, b) => canonical(a) < canonical(b) ? b : a)
  return make(one.entry.key, value, base, fields)
}

/**
 * Whether one of two states that cannot be put together is to stay as it is: that with the later whole write, for the
 * other may lack most of the map; of one whole write, that with the newest change.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isLater = (one: SyncState, other: SyncState): boolean => {
  if (!isSameStamp(one.base, other.base)) return newest(one.base, other.base) === one.base
  if (!isSameStamp(one.entry, other.entry)) return isNewer(one.entry, other.entry)
  return one.fields.size === other.fields.size ? textOf(one) > textOf(other) : one.fields.size > other.fields.size
}

/**
 * A text that is the same for equal states, and for no others.
 *
 * @category encoding
 * @since 0.1.0
 */
export const textOf = ({ base, entry: { key, owner, time, value }, fields }: SyncState): string =>
  fields.size === 0
    ? canonical([key, owner, time, value])
    : canonical([key, owner, time, value, pairOf(base), Object.fromEntries(Array.from(fields, toPair))])

const toPair = ([name, stamp]: readonly [string, Stamp]) => [name, pairOf(stamp)] as const
const pairOf = (stamp: Stamp | undefined) => stamp === undefined ? null : [stamp.owner, stamp.time] as const

/**
 * JSON text that is the same for equal values: keys in order.
 *
 * @category encoding
 * @since 0.1.0
 */
export const canonical = (value: Schema.Json): string => JSON.stringify(value, sorted)

const sorted = (_: string, value: unknown): unknown =>
  typeof value !== "object" || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))

/** A value as a map: an empty one when it is none. */
export const mapOf = (value: Schema.Json | undefined): JsonMap => isJsonMap(value) ? value : {}

/** Whether a value is a map. */
export const isJsonMap = (value: Schema.Json | undefined): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Whether two stamps are of one write. */
export const isSameStamp = (one: Stamp | undefined, other: Stamp | undefined): boolean =>
  one?.owner === other?.owner && one?.time === other?.time

/** Whether a change is not older than a whole write; of one second it need not be newer by its owner. */
export const isSince = (change: Stamp, base: Stamp | undefined): boolean =>
  base === undefined || change.time >= base.time

interface Field {
  readonly item: Schema.Json
  /** `undefined` for a field of the whole write. */
  readonly stamp: Stamp | undefined
}

const isFieldBetter = (one: Field, other: Field): boolean =>
  isSameStamp(one.stamp, other.stamp)
    ? canonical(one.item) > canonical(other.item)
    : newest(one.stamp, other.stamp) === one.stamp

const newest = (one: Stamp | undefined, other: Stamp | undefined): Stamp | undefined =>
  one === undefined || (other !== undefined && isNewer(other, one)) ? other : one

const stampOf = ({ owner, time }: Stamp): Stamp => ({ owner, time })

const noFields: ReadonlyMap<string, Stamp> = new Map()
