/** The state of one node, shared by the files of this folder. */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import type * as Schema from "effect/Schema"
import type * as Semaphore from "effect/Semaphore"
import type { Mesh } from "../../Mesh/Mesh.ts"
import type { Hashing } from "../../Protocol/Hashing.ts"
import type { Protocol } from "../../Protocol/Protocol.ts"
import { isNewer, mayWrite, type Stamp } from "../Rule.ts"
import type { SyncOptions } from "../SyncConfig.ts"
import { canonical, type SyncEntry, SyncTable } from "../SyncTable.ts"

/** What a node was made with. */
export interface SyncServices {
  readonly mesh: Mesh["Service"]
  readonly protocol: Protocol["Service"]
  readonly hashing: Hashing["Service"]
  readonly options: SyncOptions
  readonly updates: PubSub.PubSub<SyncEntry>
  /** Starts a fiber that the node supervises. */
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** A map of JSON. */
export type JsonMap = { readonly [key: string]: Schema.Json }

/** The longest id of an owner, in characters; the original ones have 65 or 66. */
const maxOwnerLength = 256

const encoder = new TextEncoder()

export class SyncNode {
  readonly mesh: Mesh["Service"]
  readonly protocol: Protocol["Service"]
  readonly options: SyncOptions
  readonly updates: PubSub.PubSub<SyncEntry>
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly table: SyncTable
  /** Peers that were asked what differs, by their ids, until they answer. */
  readonly asked = new Set<string>()
  /** When each peer was last sent what differs, by its id; as many as there are peers. */
  readonly answeredMillis = new Map<string, number>()

  /** What sends to each peer at the moment, by its id. */
  readonly sending = new Map<string, Fiber.Fiber<void>>()
  /** Keys that this node writes at the moment: one write of each at a time. */
  readonly writing = new Map<string, { readonly turn: Semaphore.Semaphore; count: number }>()

  constructor({ hashing, mesh, options, protocol, run, updates }: SyncServices) {
    this.mesh = mesh
    this.protocol = protocol
    this.options = options
    this.updates = updates
    this.run = run
    this.table = new SyncTable(hashing, options.maxEntries)
  }

  /** Whether a write counts here; `time` is its stamp. */
  mayWrite(key: string, incoming: Stamp, isDelta: boolean, nowSeconds: number): boolean {
    const { leasing } = this.options
    return mayWrite({ leasing, isDelta, held: this.table.get(key), incoming, nowSeconds })
  }

  /** Takes a write that came as a broadcast, this node's own among them; `false` when it does not count. */
  takeStore(key: string, value: Schema.Json, stamp: Stamp, nowSeconds: number): boolean {
    if (!this.isSound(key, value, stamp) || !this.mayWrite(key, stamp, false, nowSeconds)) return false
    return this.#put({ key, value, owner: stamp.owner, time: stamp.time })
  }

  /** The same for a part of a map: what is no map becomes one of these fields. */
  takeDelta(key: string, changes: JsonMap, stamp: Stamp, nowSeconds: number): boolean {
    const held = this.table.get(key)
    // What was deleted later stays deleted: those who heard of the change first have deleted it all.
    if (held?.value === null && isNewer(held, stamp)) return false
    const value = { ...mapOf(held?.value), ...changes }
    if (!this.isSound(key, value, stamp) || !this.mayWrite(key, stamp, true, nowSeconds)) return false
    // An older change goes into the map, and does not make it older.
    const { owner, time } = held !== undefined && isNewer(held, stamp) ? held : stamp
    return this.#put({ key, value, owner, time })
  }

  /** Takes what a peer holds, if it counts more than what is held here. */
  takeCopy(entry: SyncEntry, nowSeconds: number): boolean {
    const { maxClockSkew, tombstoneTtl } = this.options
    if (entry.time > nowSeconds + Duration.toSeconds(maxClockSkew)) return false
    if (entry.value === null && entry.time < nowSeconds - Duration.toSeconds(tombstoneTtl)) return false
    if (!this.isSound(entry.key, entry.value, entry) || !this.table.isBetter(entry)) return false
    return this.#put(entry)
  }

  /** Whether key, value and owner are within the limits. */
  isSound(key: string, value: Schema.Json, { owner }: Stamp): boolean {
    return owner.length <= maxOwnerLength && bytesOf(key) <= this.options.maxKeyBytes &&
      bytesOf(canonical(value)) <= this.options.maxValueBytes
  }

  /** Forgets deleted keys whose time is over. */
  forgetDeleted(nowSeconds: number): void {
    this.table.forgetDeleted(nowSeconds - Duration.toSeconds(this.options.tombstoneTtl))
  }

  #put(entry: SyncEntry): boolean {
    const before = this.table.get(entry.key)
    if (!this.table.put(entry)) return false
    const isChanged = canonical(before?.value ?? null) !== canonical(entry.value)
    if (isChanged || before?.owner !== entry.owner) PubSub.publishUnsafe(this.updates, entry)
    return true
  }
}

/** The length of a text in UTF-8. */
export const bytesOf = (text: string): number => encoder.encode(text).length

/** A value as a map: an empty one when it is none. */
export const mapOf = (value: Schema.Json | undefined): JsonMap =>
  typeof value === "object" && value !== null && !isList(value) ? value : {}

const isList = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)
