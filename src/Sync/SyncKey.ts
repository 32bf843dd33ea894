/**
 * A key of the shared dictionary with the type of its value: a name and a Schema. Writing checks and
 * encodes the value, reading decodes and checks it. On the wire a value is JSON's kinds.
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Sync, SyncKey } from "effect-p2p"
 *
 * const Settings = SyncKey.make("settings", Schema.Struct({ theme: Schema.String, volume: Schema.Int }))
 *
 * const program = Effect.gen(function*() {
 *   const sync = yield* Sync
 *   yield* sync.set(Settings, { theme: "dark", volume: 3 })
 *   yield* sync.change(Settings, { volume: 4 })
 * })
 * ```
 */
import * as Schema from "effect/Schema"

/**
 * A key, and how its value is written and read.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncKey<in out A> {
  readonly name: string
  readonly codec: Schema.Codec<A, Schema.Json>
}

/**
 * A key from its name and the schema of its value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, I>(name: string, schema: Schema.Codec<A, I>): SyncKey<A> => ({
  name,
  codec: Schema.toCodecJson(schema)
})

/**
 * A key whose value may be anything that JSON has; null deletes it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const json = (name: string): SyncKey<Schema.Json> => ({ name, codec: Schema.Json })
