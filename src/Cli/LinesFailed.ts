/** What came through a pipe and could not be done shows in the exit status. */
import * as Schema from "effect/Schema"

/**
 * The input is over, and not all that it asked for was done.
 *
 * @category errors
 * @since 0.1.0
 */
export class LinesFailed extends Schema.TaggedError<LinesFailed>()("LinesFailed", { count: Schema.Int }) {
  override get message(): string {
    return this.count === 1 ? "one line of the input was not done" : `${this.count} lines of the input were not done`
  }
}
