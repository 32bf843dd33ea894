/**
 * The ids that a user can name: those of peers and of the authors of recent messages, by as many of
 * their first letters as tell them apart.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { MeshMessage } from "../Mesh/MeshMessage.ts"

/**
 * No known id begins so.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownId extends Schema.TaggedError<UnknownId>()("UnknownId", {
  text: Schema.String,
  hint: Schema.String
}) {
  override get message(): string {
    return this.text === "" ? this.hint : `no known id is or begins with "${this.text}"; ${this.hint}`
  }
}

/**
 * Several known ids begin so.
 *
 * @category errors
 * @since 0.1.0
 */
export class AmbiguousId extends Schema.TaggedError<AmbiguousId>()("AmbiguousId", {
  text: Schema.String,
  ids: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `several ids begin with "${this.text}": ${this.ids.join(", ")}; type more letters`
  }
}

/** Messages that can be replied to. */
const maxMessages = 1000

/** What claims a longer id, no node has: such authors cannot be answered. */
const maxIdLetters = 256

/** An id of this many letters or more is taken as whole, known or not: a digest in base 58 has 65 or so. */
const minWholeLetters = 40

/** The name of the last message; no id in base 58. */
const last = "last"

/**
 * The authors of the last 1000 messages, and what the ids of nodes may be shortened to.
 *
 * @category models
 * @since 0.1.0
 */
export class KnownIds {
  readonly #senders = new Map<string, string>()
  #last = ""

  remember(message: MeshMessage): void {
    if (message.sender.length > maxIdLetters) return
    this.#last = message.id
    this.#senders.delete(message.id)
    this.#senders.set(message.id, message.sender)
    if (this.#senders.size <= maxMessages) return
    const [oldest] = this.#senders.keys()
    if (oldest !== undefined) this.#senders.delete(oldest)
  }

  /** The author of a message, by the id of the message, its first letters, or "last". */
  author(text: string): Effect.Effect<string, UnknownId | AmbiguousId> {
    const id = text === last ? this.#last : text
    const hint = id === "" ? "no message came yet" : `the last ${maxMessages} messages can be replied to`
    return Effect.map(resolve(id, this.#senders.keys(), hint), (found) => this.#senders.get(found)!)
  }

  /** A peer or a recent author by its id or its first letters; a whole id may be that of anyone. */
  node(text: string, peers: ReadonlyArray<string>): Effect.Effect<string, UnknownId | AmbiguousId> {
    return resolveWhole(text, [...peers, ...this.#senders.values()], "/peers lists those that are linked")
  }
}

/**
 * The one of the ids that is `text`, or else the one that begins with it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const resolve = (
  text: string,
  ids: Iterable<string>,
  hint: string
): Effect.Effect<string, UnknownId | AmbiguousId> => {
  const found = new Set<string>()
  for (const id of text === "" ? [] : ids) {
    if (id === text) return Effect.succeed(id)
    if (id.startsWith(text)) found.add(id)
  }
  const [first] = found
  if (first === undefined) return Effect.fail(new UnknownId({ text, hint }))
  return found.size === 1 ? Effect.succeed(first) : Effect.fail(new AmbiguousId({ text, ids: [...found] }))
}

/**
 * The same; a text that is as long as an id is one, known or not.
 *
 * @category decoding
 * @since 0.1.0
 */
export const resolveWhole = (
  text: string,
  ids: Iterable<string>,
  hint: string
): Effect.Effect<string, UnknownId | AmbiguousId> => {
  const known = resolve(text, ids, hint)
  return text.length < minWholeLetters ? known : Effect.catchTag(known, "UnknownId", () => Effect.succeed(text))
}
