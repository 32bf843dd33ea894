/**
 * The mesh-wide dictionary: every node holds all of it, a write is a broadcast, and a rule that all nodes
 * have in common says which of two writes of a key counts (`docs/sync.md`). For
 * what is small and read often: settings, presence, who serves what. `Chord` is for what is too large for
 * each node to hold.
 *
 * Among original nodes it behaves as they do. Among ours nothing stays lost: neighbors compare what they
 * hold when they meet and every now and then, and pass on what differs, so that nodes which were parted
 * agree again, on deletions too.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Console, Effect, Schema, Stream } from "effect"
 * import { Sync, SyncKey } from "effect-p2p"
 * import { NodeSync } from "effect-p2p/node"
 *
 * const Motd = SyncKey.make("motd", Schema.String)
 *
 * const program = Effect.gen(function*() {
 *   const sync = yield* Sync
 *   yield* sync.set(Motd, "hello, everyone")
 *   yield* sync.updates.pipe(Stream.runForEach(({ key, value }) => Console.log(key, value)))
 * })
 *
 * program.pipe(Effect.provide(NodeSync.layer({ port: 4444 })), NodeRuntime.runMain)
 * ```
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Mesh } from "../Mesh/Mesh.ts"
import type { MessageTooLarge } from "../Mesh/MeshError.ts"
import { Hashing } from "../Protocol/Hashing.ts"
import { refusing } from "../Protocol/internal/Decoding.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import * as Exchange from "./internal/Exchange.ts"
import { SyncNode } from "./internal/SyncNode.ts"
import * as Writes from "./internal/Writes.ts"
import { SyncConfig } from "./SyncConfig.ts"
import type { EntryNotText, EntryTooDeep, EntryTooLarge, LeaseHeld, NotAMap, SyncFull } from "./SyncError.ts"
import type { SyncKey } from "./SyncKey.ts"
import type { SyncEntry } from "./SyncState.ts"
import { copyOf } from "./SyncTable.ts"

/**
 * What can keep a write from being made.
 *
 * @category errors
 * @since 0.1.0
 */
export type SyncWriteError = EntryNotText | EntryTooDeep | EntryTooLarge | LeaseHeld | MessageTooLarge | SyncFull

/**
 * A node of the shared dictionary.
 *
 * @category services
 * @since 0.1.0
 */
export class Sync extends Context.Service<Sync, {
  /** Whether keys belong to who wrote them, for an hour after the last write. */
  readonly leasing: boolean

  /** The value of a key, the reader's own; none when there is none. Fails when it is not of the key's schema. */
  readonly get: <A>(key: SyncKey<A>) => Effect.Effect<Option.Option<A>, Schema.SchemaError>
  /** What is held under a key and who wrote it when, frozen; none when there is nothing, or it was deleted. */
  readonly read: (key: string) => Effect.Effect<Option.Option<SyncEntry>>
  /** All that is held, frozen, in no order that means anything. */
  readonly entries: Effect.Effect<ReadonlyArray<SyncEntry>>

  /**
   * Sets a key on all nodes; none of them acknowledges it. Several writes of a key within a second are
   * stamped with seconds of their own, and wait when they are more than 20 ahead of the clock.
   */
  readonly set: <A>(key: SyncKey<A>, value: NoInfer<A>) => Effect.Effect<void, SyncWriteError | Schema.SchemaError>
  /**
   * Sets some fields of a value that is a map, and leaves the others as each node has them: writes of
   * different fields do not get into each other's way, and of a field the last one stays. Where there is no
   * value yet, these are all it has until the node hears of the others: a schema that wants more refuses them, and
   * `set` is what begins.
   */
  readonly change: <A extends object>(
    key: SyncKey<A>,
    changes: Partial<NoInfer<A>>
  ) => Effect.Effect<void, SyncWriteError | NotAMap | Schema.SchemaError>
  /** Deletes a key on all nodes. */
  readonly delete: (key: string) => Effect.Effect<void, SyncWriteError>

  /**
   * Each change from now on, own ones too, frozen; null is for a deleted key. A reader more than 1024 behind loses the
   * oldest.
   */
  readonly updates: Stream.Stream<SyncEntry>
  /**
   * The value of a key now, and whenever it has changed; what is not of the key's schema is left out. A reader more than
   * 16 values behind loses the oldest, and never the last.
   */
  readonly watch: <A>(key: SyncKey<A>) => Stream.Stream<Option.Option<A>>
}>()("effect-p2p/Sync/Sync") {
  /** A node on the mesh that is given, whose subnet is to be that of `SyncConfig.subnet`. */
  static readonly layer: Layer.Layer<Sync, never, Hashing | Mesh | Protocol | SyncConfig> = Layer.effect(
    this,
    Effect.suspend(() => make)
  )
}

const make = Effect.gen(function*() {
  const node = new SyncNode({
    mesh: yield* Mesh,
    protocol: yield* Protocol,
    hashing: yield* Hashing,
    options: yield* SyncConfig,
    clock: yield* Clock.Clock,
    run: yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
  })
  yield* Effect.addFinalizer(() => node.changes.end)
  // Nobody else has these sub-flags.
  yield* Effect.orDie(Exchange.serve(node))
  return service(node)
})

const service = (node: SyncNode): Sync["Service"] => {
  const { changes, options, table } = node
  const read = (key: string) =>
    Effect.sync(() => Option.filter(Option.fromUndefinedOr(table.get(key)), ({ value }) => value !== null))
  const valueOf = <A>(key: SyncKey<A>, entry: SyncEntry | undefined) => {
    const value = entry?.value ?? null
    // A copy, for a schema may give what its reader may change.
    return value === null
      ? Effect.succeedNone
      : Effect.asSome(refusing(() => Schema.decodeEffect(key.codec)(copyOf(value))))
  }
  return {
    leasing: options.leasing,
    get: (key) => Effect.suspend(() => valueOf(key, table.get(key.name))),
    read,
    entries: Effect.sync(() => Array.from(table.entries()).filter(({ value }) => value !== null)),
    set: (key, value) =>
      Effect.flatMap(Schema.encodeEffect(key.codec)(value), (json) => Writes.set(node, key.name, json)),
    change: (key, changes) => Writes.change(node, key, changes),
    delete: (key) => Writes.set(node, key, null),
    updates: changes.stream,
    watch: (key) =>
      changes.watch(key.name, () => table.get(key.name)).pipe(
        Stream.mapEffect((entry) => Effect.option(valueOf(key, entry))),
        Stream.flatMap((value) => Option.isSome(value) ? Stream.make(value.value) : Stream.empty)
      )
  }
}
