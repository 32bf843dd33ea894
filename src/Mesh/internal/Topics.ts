/**
 * Typed topics over broadcast: `topic, name, JSON, mark`. A value is decoded once for each subscriber,
 * by that subscriber's schema. The mark is another one each time: an id covers no more than payload and second, so that
 * equal values of two nodes would be one message.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Packet } from "../../Protocol/Packet.ts"
import type { Readers } from "../../Transport/Readers.ts"
import type { MessageTooLarge, SubFlagTaken } from "../MeshError.ts"
import { type MeshMessage, toWire } from "../MeshMessage.ts"
import type { Topic, TopicMessage } from "../Topic.ts"
import { claim } from "./Handlers.ts"
import type { MeshNode } from "./MeshNode.ts"
import { valueRefused } from "./Refusals.ts"
import { broadcast, broadcastAll, idOf } from "./Sender.ts"

const topicSubFlag = "topic"

/** So much of the node's id, which is random, goes into the marks of its values. */
const markLength = 8

/** The topics that one node's application reads. */
export class Topics {
  readonly #node: MeshNode
  readonly #topics = new Map<string, { readonly readers: Readers<MeshMessage>; count: number }>()
  #publishedCount = 0
  #isOver = false

  constructor(node: MeshNode) {
    this.#node = node
  }

  /** Takes the sub-flag until the scope closes. */
  readonly listen: Effect.Effect<void, SubFlagTaken, Scope.Scope> = Effect.suspend(() =>
    claim(this.#node, topicSubFlag, (message) => {
      const readers = this.#topics.get(message.text)?.readers
      if (readers === undefined) this.#node.counters.ignored++
      else readers.publish(message)
    })
  )

  /** Ends the streams of all subscribers, and of those to come. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.#isOver = true
    return Effect.forEach([...this.#topics.values()], ({ readers }) => readers.end, { discard: true })
  })

  publish<A>(topic: Topic<A>, value: A): Effect.Effect<string, MessageTooLarge | Schema.SchemaError> {
    return Effect.flatMap(
      // Anew each time the effect runs: whoever repeats it may have changed the value.
      Effect.suspend(() => Schema.encodeEffect(topic.codec)(value)),
      (text) => broadcast(this.#node, this.#payload(topic, text), idOf)
    )
  }

  publishAll<A>(
    topic: Topic<A>,
    values: Iterable<A>
  ): Effect.Effect<void, MessageTooLarge | Schema.SchemaError> {
    const encode = Schema.encodeEffect(topic.codec)
    return Effect.flatMap(
      Effect.suspend(() => Effect.forEach(values, (value) => encode(value))),
      (texts) => broadcastAll(this.#node, texts, (text) => this.#payload(topic, text))
    )
  }

  #payload<A>(topic: Topic<A>, text: string): ReadonlyArray<Packet> {
    return toWire([topicSubFlag, topic.name, text, this.#nextMark()])
  }

  #nextMark(): string {
    return `${this.#node.id.slice(-markLength)}${(this.#publishedCount++).toString(36)}`
  }

  subscribe<A>(topic: Topic<A>): Stream.Stream<TopicMessage<A>> {
    const decode = Schema.decodeUnknownEffect(topic.codec)
    return Stream.unwrap(Effect.map(this.#subscription(topic.name), (messages) =>
      messages.pipe(
        Stream.mapArray((batch) => inSteps(Arr.map(batch, (message) => this.#read(topic, message, decode)))),
        Stream.flattenEffect(),
        Stream.flattenArray,
        Stream.filter((message) => message !== undefined)
      )))
  }

  /** The messages of a topic, which is forgotten when nobody reads it any more. */
  #subscription(name: string): Effect.Effect<Stream.Stream<MeshMessage>, never, Scope.Scope> {
    const topic = Effect.acquireRelease(
      Effect.sync(() => {
        const known = this.#topics.get(name) ?? { readers: this.#node.readers(`subscribe ${name}`), count: 0 }
        known.count++
        this.#topics.set(name, known)
        return known
      }),
      (known) =>
        Effect.sync(() => {
          if (--known.count > 0) return
          this.#topics.delete(name)
          this.#node.refusedCounts.delete(name)
        })
    )
    return Effect.flatMap(
      topic,
      ({ readers }) => Effect.andThen(this.#isOver ? readers.end : Effect.void, readers.subscribe)
    )
  }

  /**
   * Whatever strangers send: what a schema does not take, or breaks at, must not end the stream. As a rule nothing is
   * waited for, and the result is there at once.
   */
  #read<A>(
    topic: Topic<A>,
    message: MeshMessage,
    decode: (input: unknown) => Effect.Effect<A, Schema.SchemaError>
  ): Effect.Effect<TopicMessage<A> | undefined> {
    const settle = (exit: Exit.Exit<A, Schema.SchemaError>): TopicMessage<A> | undefined => {
      const { id, proof, sender, time } = message
      if (Exit.isSuccess(exit)) return { value: exit.value, sender, proof, id, time }
      return valueRefused(this.#node, topic.name, sender, Cause.squash(exit.cause))
    }
    const decoded = attempt(() => decode(message.textAt(1)))
    return isExit(decoded) ? Exit.succeed(settle(decoded)) : Effect.map(Effect.exit(decoded), settle)
  }
}

/** A batch in one step where nothing is waited for, or else one by one: no value waits for those behind it. */
const inSteps = <A>(
  batch: Arr.NonEmptyReadonlyArray<Effect.Effect<A>>
): Arr.NonEmptyReadonlyArray<Effect.Effect<Arr.NonEmptyReadonlyArray<A>>> =>
  batch.every(Exit.isExit) ? [Effect.all(batch)] : Arr.map(batch, Effect.map(Arr.of))

/** What a schema throws, as a defect. */
const attempt = <A, E>(make: () => Effect.Effect<A, E>): Effect.Effect<A, E> => {
  try {
    return make()
  } catch (defect) {
    return Exit.die(defect)
  }
}

const isExit = <A, E>(effect: Effect.Effect<A, E>): effect is Exit.Exit<A, E> => Exit.isExit(effect)
