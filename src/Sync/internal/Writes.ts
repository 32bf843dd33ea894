/** Writes of this node: checked by the rule that all nodes have, broadcast, and taken here as everywhere. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { MessageTooLarge } from "../../Mesh/MeshError.ts"
import { refusing } from "../../Protocol/internal/Decoding.ts"
import { ownText } from "../../Protocol/internal/OwnText.ts"
import type { Message } from "../../Protocol/Message.ts"
import { isShallow, maxSyncDepth, type Payload } from "../../Protocol/Payload.ts"
import { leaseSeconds } from "../Rule.ts"
import { EntryNotText, EntryTooDeep, EntryTooLarge, LeaseHeld, NotAMap, SyncFull } from "../SyncError.ts"
import type { SyncKey } from "../SyncKey.ts"
import { canonical, type JsonMap, mapOf } from "../SyncState.ts"
import { ownCopyOf } from "../SyncTable.ts"
import { bytesOf, isText, type SyncNode } from "./SyncNode.ts"

type WriteError = EntryNotText | EntryTooDeep | EntryTooLarge | LeaseHeld | MessageTooLarge | SyncFull

/** So far ahead of the clock a mesh stamps what it sends; for more it waits, with the stamp that it was given. */
const maxAheadSeconds = 20

/** Sets a key; null deletes it. */
export const set = (node: SyncNode, key: string, value: Schema.Json): Effect.Effect<void, WriteError> =>
  Effect.suspend(() => {
    const error = check(node, key, value)
    if (error !== undefined) return Effect.fail(error)
    // The caller may change its own while the write waits for its turn.
    const written = ownCopyOf(value)
    return node.writes.take(key, write(node, key, false, { _tag: "SyncStore", key, value: written, origin: null }))
  })

/** Sets some fields of the value of a key. */
export const change = Effect.fnUntraced(function*<A extends object>(
  node: SyncNode,
  key: SyncKey<A>,
  changes: Partial<A>
): Effect.fn.Return<void, NotAMap | Schema.SchemaError | WriteError> {
  const held = node.table.get(key.name)?.value ?? null
  const before = held === null ? {} : yield* refusing(() => Schema.decodeEffect(key.codec)(held))
  // Encoded with the fields that are there, for a schema may want all of them; as what it was, for one of a class takes
  // nothing else.
  const merged: A = Object.setPrototypeOf({ ...before, ...changes }, Object.getPrototypeOf(before))
  const encoded = yield* refusing(() => Schema.encodeEffect(key.codec)(merged))
  if (typeof encoded !== "object" || encoded === null || Array.isArray(encoded)) {
    return yield* new NotAMap({ key: key.name })
  }
  const old = mapOf(held)
  const changed: JsonMap = Object.fromEntries(
    Object.entries(encoded).filter(([name, value]) =>
      !Object.hasOwn(old, name) || canonical(old[name]!) !== canonical(value)
    )
  )
  if (Object.keys(changed).length === 0) return
  const error = check(node, key.name, { ...old, ...changed })
  if (error !== undefined) return yield* error
  // Beside what makes way for any write the other fields have to be written, too.
  const isPart = held === null || node.state(key.name, node.nowSeconds()) !== undefined
  const written = mapOf(ownCopyOf(isPart ? changed : { ...old, ...changed }))
  const payload = isPart
    ? { _tag: "SyncDelta", key: key.name, changes: written } as const
    : { _tag: "SyncStore", key: key.name, value: written, origin: null } as const
  yield* write(node, key.name, isPart, payload)
}, (change, node, key) => node.writes.take(key.name, change))

const write = (
  node: SyncNode,
  name: string,
  isDelta: boolean,
  payload: Extract<Payload, { readonly _tag: "SyncDelta" | "SyncStore" }>
): Effect.Effect<void, WriteError> =>
  Effect.gen(function*() {
    const key = ownText(name)
    const notBefore = yield* turn(node, key, isDelta)
    // Taken with the step that sends it: whoever gives up while peers that are behind are waited for has written.
    const onSent = ({ time }: Message) => {
      const stamp = { owner: node.mesh.id, time }
      const now = node.nowSeconds()
      if (payload._tag === "SyncStore") node.takeStore(key, payload.value, stamp, now)
      else node.takeDelta(key, payload.changes, stamp, now)
    }
    yield* node.mesh.broadcastPayload(payload, { notBefore, onSent })
  })

/**
 * Waits until a write may be stamped later than what is held, whatever the clocks: the order of one's own writes is that
 * of their stamps. Gives the second from which it may; what others write meanwhile is held by then. Not longer than for what
 * was held at first: whoever writes the key ever later would have this write wait for ever.
 */
const turn = Effect.fnUntraced(function*(node: SyncNode, key: string, isDelta: boolean) {
  let leftSeconds = Number.POSITIVE_INFINITY
  while (true) {
    const now = node.nowSeconds()
    const held = node.state(key, now)?.entry
    const notBefore = held === undefined ? now : Math.max(now, held.time + 1)
    if (held !== undefined && !node.mayWrite(key, { owner: node.mesh.id, time: notBefore }, isDelta, now)) {
      return yield* new LeaseHeld({ key, owner: held.owner, untilSeconds: held.time + leaseSeconds })
    }
    if (node.table.get(key) === undefined && !node.table.hasRoom) {
      return yield* new SyncFull({ key, limit: node.options.maxEntries })
    }
    leftSeconds = Math.min(leftSeconds, notBefore - maxAheadSeconds - now)
    if (leftSeconds <= 0) return notBefore
    yield* Effect.sleep("1 second")
    leftSeconds--
  }
})

/** Why a value cannot be held, if it cannot. */
const check = (
  node: SyncNode,
  key: string,
  value: Schema.Json
): EntryNotText | EntryTooDeep | EntryTooLarge | undefined => {
  const { maxKeyBytes, maxValueBytes } = node.options
  if (!isText(key)) return new EntryNotText({ part: "key" })
  const keyBytes = bytesOf(key)
  if (keyBytes > maxKeyBytes) return new EntryTooLarge({ part: "key", bytes: keyBytes, maxBytes: maxKeyBytes })
  if (!isShallow(value)) return new EntryTooDeep({ key, maxDepth: maxSyncDepth })
  if (!isText(value)) return new EntryNotText({ part: "value" })
  const valueBytes = bytesOf(canonical(value))
  return valueBytes > maxValueBytes
    ? new EntryTooLarge({ part: "value", bytes: valueBytes, maxBytes: maxValueBytes })
    : undefined
}
