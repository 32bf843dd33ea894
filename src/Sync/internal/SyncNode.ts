/** The state of one node, shared by the files of this folder. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"
import type { Mesh } from "../../Mesh/Mesh.ts"
import type { Hashing } from "../../Protocol/Hashing.ts"
import type { Protocol } from "../../Protocol/Protocol.ts"
import { Turns } from "../../Transport/Turns.ts"
import { isNewer, mayWrite, type Stamp } from "../Rule.ts"
import type { SyncOptions } from "../SyncConfig.ts"
import * as SyncState from "../SyncState.ts"
import { SyncTable } from "../SyncTable.ts"
import { Changes } from "./Changes.ts"

/** What a node was made with. */
export interface SyncServices {
  readonly mesh: Mesh["Service"]
  readonly protocol: Protocol["Service"]
  readonly hashing: Hashing["Service"]
  readonly options: SyncOptions
  /** The node's own, whoever writes. */
  readonly clock: Clock.Clock
  /** Starts a fiber that the node supervises. */
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** So far ahead of the clock may broadcasts lie that the nodes of a mesh take, whatever this one's settings. */
const usualSkewSeconds = 60

/** The longest id of an owner, in characters; the original ones have 65 or 66. */
const maxOwnerLength = 256

const encoder = new TextEncoder()

export class SyncNode {
  readonly mesh: Mesh["Service"]
  readonly protocol: Protocol["Service"]
  readonly options: SyncOptions
  readonly changes = new Changes()
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly table: SyncTable
  /** Peers that were asked what differs, by their ids, until they answer. */
  readonly asked = new Set<string>()
  /** When each peer was last sent what differs, by its id; as many as there are peers. */
  readonly answeredMillis = new Map<string, number>()

  /** What sends to each peer at the moment, by its id. */
  readonly sending = new Map<string, Fiber.Fiber<void>>()
  /** One write of a key at a time, that others do not wait for: it may have to wait for a second of its own. */
  readonly writes = new Turns()
  /**
   * How far ahead a copy may lie: no less than a broadcast, or what some took as such would come to the others only when its
   * time has come, and undo what they have written by then.
   */
  readonly #aheadSeconds: number
  readonly #clock: Clock.Clock

  constructor({ clock, hashing, mesh, options, protocol, run }: SyncServices) {
    this.#clock = clock
    this.#aheadSeconds = Math.max(mesh.maxClockSkewSeconds, Duration.toSeconds(options.maxClockSkew))
    this.mesh = mesh
    this.protocol = protocol
    this.options = options
    this.run = run
    this.table = new SyncTable(hashing, options.maxEntries)
  }

  /** The time of day in whole seconds, not before 1970. */
  nowSeconds(): number {
    return Math.max(0, Math.floor(this.#clock.currentTimeMillisUnsafe() / 1000))
  }

  /**
   * What is held under a key, as far as it counts against a write. What lies further ahead than anybody takes does not:
   * the clock of this node, or those of all, were wrong when it was written, and it would be in the way until then.
   */
  state(key: string, nowSeconds: number): SyncState.SyncState | undefined {
    const held = this.table.state(key)
    const aheadSeconds = Math.max(usualSkewSeconds, this.#aheadSeconds)
    return held === undefined || held.entry.time > nowSeconds + aheadSeconds ? undefined : held
  }

  /** Whether a write counts here; `time` is its stamp. */
  mayWrite(key: string, incoming: Stamp, isDelta: boolean, nowSeconds: number): boolean {
    const { leasing } = this.options
    return mayWrite({ leasing, isDelta, held: this.state(key, nowSeconds)?.entry, incoming, nowSeconds })
  }

  /** Takes a write that came as a broadcast, this node's own among them; `false` when it does not count. */
  takeStore(key: string, value: Schema.Json, stamp: Stamp, nowSeconds: number): boolean {
    const written = SyncState.ofWrite({ key, value, owner: stamp.owner, time: stamp.time })
    if (!this.isSound(written)) return false
    const held = this.state(key, nowSeconds)
    if (held === undefined) return this.#put(written)
    if (this.mayWrite(key, stamp, false, nowSeconds) && !isNewer(held.entry, stamp)) return this.#put(written)
    // A later change overtook it: it still sets the fields which that left. With leases, if both are its owner's.
    const mayComeLate = !this.options.leasing || held.entry.owner === stamp.owner
    return mayComeLate && this.#merge(held, written)
  }

  /** The same for a part of a map: what is no map becomes one of these fields. */
  takeDelta(key: string, changes: SyncState.JsonMap, stamp: Stamp, nowSeconds: number): boolean {
    const held = this.state(key, nowSeconds)
    // The rule drops an owner's older writes; a change still sets the fields which the newer one left.
    if (!this.mayWrite(key, stamp, true, nowSeconds) && held?.entry.owner !== stamp.owner) return false
    const changed = SyncState.change(held, key, changes, { owner: stamp.owner, time: stamp.time })
    return changed !== undefined && this.isSound(changed) && this.#put(changed)
  }

  /** Takes what a peer holds, as far as it counts more than what is held here. */
  takeCopy(copy: SyncState.SyncState, nowSeconds: number): boolean {
    const { key, time, value } = copy.entry
    if (time > nowSeconds + this.#aheadSeconds) return false
    if (value === null && time < nowSeconds - Duration.toSeconds(this.options.tombstoneTtl)) return false
    if (!this.isSound(copy)) return false
    const held = this.state(key, nowSeconds)
    return held === undefined ? this.#put(copy) : this.#merge(held, copy)
  }

  /**
   * The same for a copy of which only the last write is known, as the original nodes give it. A map may be by a change,
   * and be lacking fields: so it replaces only what is older, and fills up what is of the same write.
   */
  takeEntry(entry: SyncState.SyncEntry, nowSeconds: number): boolean {
    const held = this.state(entry.key, nowSeconds)
    const isWhole = held === undefined || !SyncState.isJsonMap(entry.value) ||
      SyncState.isSameStamp(entry, held.base) || isNewer(entry, held.entry)
    if (isWhole) return this.takeCopy(SyncState.ofWrite(entry), nowSeconds)
    if (SyncState.isSameStamp(entry, held.entry)) return this.takeCopy(SyncState.ofFields(entry), nowSeconds)
    return held.base === undefined && this.takeCopy(SyncState.ofWrite(entry), nowSeconds)
  }

  /** Whether key, value and owners are within the limits, and text that UTF-8 can hold. */
  isSound({ base, entry: { key, value }, fields }: SyncState.SyncState): boolean {
    const isOwner = (stamp: Stamp | undefined) =>
      stamp === undefined || (stamp.owner.length <= maxOwnerLength && stamp.owner.isWellFormed())
    return isOwner(base) && Array.from(fields.values()).every(isOwner) &&
      isText(key) && bytesOf(key) <= this.options.maxKeyBytes &&
      isText(value) && bytesOf(SyncState.canonical(value)) <= this.options.maxValueBytes
  }

  /** Forgets deleted keys whose time is over. */
  forgetDeleted(nowSeconds: number): void {
    this.table.forgetDeleted(nowSeconds - Duration.toSeconds(this.options.tombstoneTtl))
  }

  #merge(held: SyncState.SyncState, other: SyncState.SyncState): boolean {
    const merged = SyncState.merge(held, other)
    // Together they may be too large: then both nodes keep the same one of them.
    const next = this.isSound(merged) ? merged : SyncState.isLater(other, held) ? other : held
    return SyncState.textOf(next) !== SyncState.textOf(held) && this.#put(next)
  }

  #put(state: SyncState.SyncState): boolean {
    const { key } = state.entry
    const before = this.table.get(key)
    if (!this.table.put(state)) return false
    const { owner, value } = state.entry
    const isChanged = SyncState.canonical(before?.value ?? null) !== SyncState.canonical(value)
    if (isChanged || before?.owner !== owner) this.changes.publish(this.table.get(key)!)
    return true
  }
}

/** The length of a text in UTF-8. */
export const bytesOf = (text: string): number => encoder.encode(text).length

/** Whether all text in a value is such as UTF-8 can hold: others would hold it otherwise than it was written. */
export const isText = (value: Schema.Json): boolean => {
  if (typeof value === "string") return value.isWellFormed()
  if (typeof value !== "object" || value === null) return true
  return Object.entries(value).every(([name, item]) => name.isWellFormed() && isText(item))
}
