/** Values that others wrote, by schemas of the application. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** What a schema throws at a value (`new URL`) refuses it: a stranger's value must be no defect of who reads it. */
export const refusing = <A>(decode: () => Effect.Effect<A, Schema.SchemaError>): Effect.Effect<A, Schema.SchemaError> =>
  Effect.catchDefect(Effect.suspend(decode), (defect) => {
    const message = defect instanceof Error ? defect.message : String(defect)
    return Effect.fail(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message })))
  })
