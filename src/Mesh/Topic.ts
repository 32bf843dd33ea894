/**
 * Typed topics: a name and a Schema. Publishing checks and encodes the value, subscribing decodes
 * and checks it, so that what crosses the application's edge has its type. On the wire a value is a
 * broadcast with the sub-flag `topic`, the name, the value as JSON, and a mark that tells it from equal ones; original
 * nodes relay it.
 *
 * ```ts
 * import { Console, Effect, Schema, Stream } from "effect"
 * import { Mesh, Topic } from "effect-p2p"
 *
 * const Temperature = Topic.make("temperature", Schema.Struct({ room: Schema.String, celsius: Schema.Number }))
 *
 * const program = Effect.gen(function*() {
 *   const mesh = yield* Mesh
 *   yield* Effect.forkScoped(
 *     mesh.subscribe(Temperature).pipe(Stream.runForEach((m) => Console.log(m.value.room, m.value.celsius)))
 *   )
 *   yield* mesh.publish(Temperature, { room: "lab", celsius: 21.5 })
 * })
 * ```
 */
import type * as Schema from "effect/Schema"
import { jsonText } from "../Protocol/internal/JsonText.ts"
import type { Proof } from "./MeshMessage.ts"

/**
 * A topic whose values are `A`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Topic<in out A> {
  /** Its name on the wire: nodes with the same name and a schema that fits understand each other. */
  readonly name: string
  /** Values to JSON text and back. */
  readonly codec: Schema.Codec<A, string>
}

/**
 * A value that came over a topic.
 *
 * @category models
 * @since 0.1.0
 */
export interface TopicMessage<A> {
  readonly value: A
  /** The id of the author, as the message claims. */
  readonly sender: string
  /** Whether that is proven. */
  readonly proof: Proof
  readonly id: string
  /** Whole seconds since 1970 UTC, by the author's clock. */
  readonly time: number
}

/**
 * A topic from its name and the schema of its values; lists and maps of their JSON nest 256 deep at most.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, I>(name: string, schema: Schema.Codec<A, I>): Topic<A> => ({
  name,
  codec: jsonText(schema)
})
