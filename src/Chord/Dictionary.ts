/**
 * Typed values in the dictionary of a ring: a name and a Schema. Setting checks and encodes the
 * value, getting decodes and checks it, so that what crosses the application's edge has its type. On
 * the ring a value is JSON text under the key `name/key`; several dictionaries share one ring and do
 * not get into each other's way.
 *
 * ```ts
 * import { Console, Effect, Schema } from "effect"
 * import { Dictionary } from "effect-p2p"
 *
 * const flags = Dictionary.make("flags", Schema.Struct({ isOn: Schema.Boolean, percent: Schema.Int }))
 *
 * const program = Effect.gen(function*() {
 *   yield* flags.set("dark-mode", { isOn: true, percent: 20 })
 *   yield* Console.log(yield* flags.get("dark-mode"))
 * })
 * ```
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { refusing } from "../Protocol/internal/Decoding.ts"
import { jsonText } from "../Protocol/internal/JsonText.ts"
import { Chord } from "./Chord.ts"
import type { QuorumError } from "./ChordError.ts"
import type { Entry, ReadOptions, WriteError, WriteOptions } from "./ChordOperation.ts"
import type { Version } from "./Version.ts"

/**
 * A value that the schema of its dictionary refuses: one that was to be set, or (`get`) one that lies
 * there, from an older program or from one that is not meant to write there. What lies there stays.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidValue extends Schema.TaggedError<InvalidValue>()("InvalidValue", {
  dictionary: Schema.String,
  key: Schema.String,
  operation: Schema.Literals(["get", "set"]),
  /** What is wrong with it, without the value itself. */
  detail: Schema.String
}) {
  override get message(): string {
    const what = this.operation === "set" ? "the value for" : "the value found under"
    return `${what} "${this.key}" is none of the dictionary "${this.dictionary}": ${this.detail}`
  }
}

/**
 * A value with what is known of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface DictionaryEntry<A> extends Omit<Entry, "value"> {
  readonly value: A
}

/**
 * A dictionary whose values are `A`. Its methods are those of `Chord`, which they need; they fail as
 * those do, and with `InvalidValue`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dictionary<in out A> {
  /** What its keys begin with on the ring: programs with the same name and a schema that fits share it. */
  readonly name: string
  /** Values to JSON text and back. */
  readonly codec: Schema.Codec<A, string>

  /** The value of a key; none when it was never set, deleted, or has expired. */
  readonly get: (
    key: string,
    options?: ReadOptions
  ) => Effect.Effect<Option.Option<A>, QuorumError | InvalidValue, Chord>
  /** The value with its version, and whether copies are missing. */
  readonly read: (
    key: string,
    options?: ReadOptions
  ) => Effect.Effect<Option.Option<DictionaryEntry<A>>, QuorumError | InvalidValue, Chord>
  /** Whether there is a value, be it one that the schema refuses. */
  readonly has: (key: string, options?: ReadOptions) => Effect.Effect<boolean, QuorumError, Chord>
  /** Sets a key, and gives the version of the value. */
  readonly set: (
    key: string,
    value: A,
    options?: WriteOptions
  ) => Effect.Effect<Version, WriteError | InvalidValue, Chord>
  /** Deletes a key, whether it is there or not. */
  readonly delete: (key: string, options?: Omit<WriteOptions, "ttl">) => Effect.Effect<Version, WriteError, Chord>
  /**
   * Sets many keys, each to its last value, eight at a time. Nothing is set when a value is refused; otherwise, when it
   * fails, some may be.
   */
  readonly update: (
    entries: Readonly<Record<string, A>> | Iterable<readonly [string, A]>,
    options?: WriteOptions
  ) => Effect.Effect<void, WriteError | InvalidValue, Chord>
}

/**
 * A dictionary from its name and the schema of its values, whose JSON nests 256 lists and maps deep at most. Throws a
 * `RangeError` when the name is empty or holds a slash, so that no two names share a key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, I>(name: string, schema: Schema.Codec<A, I>): Dictionary<A> => {
  if (name === "" || name.includes("/")) {
    throw new RangeError(`a dictionary needs a name without a slash, not ${JSON.stringify(name)}`)
  }
  const codec = jsonText(schema)
  const encodeText = Schema.encodeEffect(codec)
  const decodeText = Schema.decodeUnknownEffect(codec)
  const keyOf = (key: string): string => `${name}/${key}`

  const refused = (operation: "get" | "set", key: string) => (error: Schema.SchemaError): InvalidValue =>
    new InvalidValue({ dictionary: name, key, operation, detail: error.message })
  const encode = (key: string, value: A): Effect.Effect<string, InvalidValue> =>
    Effect.mapError(encodeText(value), refused("set", key))

  const read: Dictionary<A>["read"] = Effect.fnUntraced(function*(key, options) {
    const chord = yield* Chord
    const entry = yield* chord.read(keyOf(key), options)
    if (Option.isNone(entry)) return Option.none()
    const value = yield* Effect.mapError(refusing(() => decodeText(entry.value.value)), refused("get", key))
    return Option.some({ ...entry.value, value })
  })

  return {
    name,
    codec,
    get: (key, options) => Effect.map(read(key, options), Option.map(({ value }) => value)),
    read,
    has: (key, options) => Chord.use((chord) => chord.has(keyOf(key), options)),
    set: Effect.fnUntraced(function*(key, value, options) {
      const chord = yield* Chord
      return yield* chord.set(keyOf(key), yield* encode(key, value), options)
    }),
    delete: (key, options) => Chord.use((chord) => chord.delete(keyOf(key), options)),
    update: Effect.fnUntraced(function*(entries, options) {
      const chord = yield* Chord
      const pairs = isIterable(entries) ? entries : Object.entries(entries)
      const texts = yield* Effect.forEach(
        pairs,
        ([key, value]) => Effect.map(encode(key, value), (text) => [keyOf(key), text] as const)
      )
      yield* chord.update(texts, options)
    })
  }
}

const isIterable = <A>(
  entries: Readonly<Record<string, A>> | Iterable<readonly [string, A]>
): entries is Iterable<readonly [string, A]> => Symbol.iterator in entries
