/** What peers say of the shared dictionary, checked: the same for every wire version. */
import * as Schema from "effect/Schema"
import { isShallow, SyncDelta, SyncStore } from "../Payload.ts"

const isStore = Schema.is(SyncStore)
const isDelta = Schema.is(SyncDelta)

/** An entry; `undefined` when the value is no JSON or nests too deep, or owner and time are not a text and whole seconds. */
export const store = (
  key: string,
  value: unknown,
  owner?: unknown,
  time?: unknown
): typeof SyncStore.Type | undefined => {
  const origin = owner === undefined && time === undefined ? null : { owner, time }
  const entry: unknown = { _tag: "SyncStore", key, value, origin }
  return isShallow(value) && isStore(entry) ? entry : undefined
}

/** Changes of an entry; `undefined` when they are no map of JSON, or nest too deep. */
export const delta = (key: string, changes: unknown): typeof SyncDelta.Type | undefined => {
  const entry: unknown = { _tag: "SyncDelta", key, changes }
  return !Array.isArray(changes) && isShallow(changes) && isDelta(entry) ? entry : undefined
}
