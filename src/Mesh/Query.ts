/**
 * Typed questions: a name, the Schema of the question and the Schema of the answer. `Mesh.respond`
 * answers them, `Mesh.ask` puts them to a node, by whisper both ways.
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Mesh, Query } from "effect-p2p"
 *
 * const Square = Query.make("square", { question: Schema.Number, answer: Schema.Number })
 *
 * const responder = Effect.gen(function*() {
 *   const mesh = yield* Mesh
 *   yield* mesh.respond(Square, (n) => Effect.succeed(n * n))
 * })
 *
 * const asker = (id: string) => Effect.flatMap(Mesh, (mesh) => mesh.ask(Square, id, 12))
 * ```
 */
import type * as Schema from "effect/Schema"
import { jsonText } from "../Protocol/internal/JsonText.ts"

/**
 * A question `Q` with its answer `A`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query<in out Q, in out A> {
  readonly name: string
  readonly question: Schema.Codec<Q, string>
  readonly answer: Schema.Codec<A, string>
}

/**
 * A typed question from its name and two schemas; lists and maps of their JSON nest 256 deep at most.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Q, QI, A, AI>(
  name: string,
  schemas: { readonly question: Schema.Codec<Q, QI>; readonly answer: Schema.Codec<A, AI> }
): Query<Q, A> => ({
  name,
  question: jsonText(schemas.question),
  answer: jsonText(schemas.answer)
})
