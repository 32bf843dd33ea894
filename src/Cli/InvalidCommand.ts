/** A line of input that is none of the commands of a console. */
import * as Schema from "effect/Schema"

/**
 * A command that there is not, or that lacks something.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidCommand extends Schema.TaggedError<InvalidCommand>()("InvalidCommand", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}
