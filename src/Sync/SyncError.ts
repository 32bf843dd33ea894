/** What can keep a write from being made. */
import * as Schema from "effect/Schema"

/**
 * The key belongs to another node, until some seconds since 1970 UTC unless that writes it again.
 *
 * @category errors
 * @since 0.1.0
 */
export class LeaseHeld extends Schema.TaggedError<LeaseHeld>()("LeaseHeld", {
  key: Schema.String,
  owner: Schema.String,
  untilSeconds: Schema.Number
}) {
  override get message(): string {
    const until = new Date(this.untilSeconds * 1000).toISOString()
    return `"${this.key}" belongs to ${this.owner} until ${until}, and longer if that writes it again: write another ` +
      "key, or have all nodes go without leases (leasing: false); a node that starts again keeps its keys by an identity"
  }
}

/**
 * There is no room for one more key.
 *
 * @category errors
 * @since 0.1.0
 */
export class SyncFull extends Schema.TaggedError<SyncFull>()("SyncFull", { key: Schema.String, limit: Schema.Number }) {
  override get message(): string {
    return `no room for "${this.key}": there are ${this.limit} keys; delete some, or raise maxEntries on all nodes`
  }
}

/**
 * A key or a value over the limit.
 *
 * @category errors
 * @since 0.1.0
 */
export class EntryTooLarge extends Schema.TaggedError<EntryTooLarge>()("EntryTooLarge", {
  part: Schema.Literals(["key", "value"]),
  bytes: Schema.Int,
  maxBytes: Schema.Number
}) {
  override get message(): string {
    return `a ${this.part} of ${this.bytes} bytes where ${this.maxBytes} are allowed`
  }
}

/**
 * A value of more lists and maps in each other than are taken.
 *
 * @category errors
 * @since 0.1.0
 */
export class EntryTooDeep extends Schema.TaggedError<EntryTooDeep>()("EntryTooDeep", {
  key: Schema.String,
  maxDepth: Schema.Int
}) {
  override get message(): string {
    return `the value for "${this.key}" nests deeper than ${this.maxDepth} lists and maps`
  }
}

/**
 * A key, or a text or the name of a field in a value, that holds half of a surrogate pair. UTF-8 cannot hold that: other
 * nodes would hold something else.
 *
 * @category errors
 * @since 0.1.0
 */
export class EntryNotText extends Schema.TaggedError<EntryNotText>()("EntryNotText", {
  part: Schema.Literals(["key", "value"])
}) {
  override get message(): string {
    return `a ${this.part} that is no well-formed text: it holds half of a surrogate pair`
  }
}

/**
 * Some entries of a map were to be changed, and the value is none.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotAMap extends Schema.TaggedError<NotAMap>()("NotAMap", { key: Schema.String }) {
  override get message(): string {
    return `the value under "${this.key}" is no map, so that it cannot be changed in part: set it as a whole`
  }
}
