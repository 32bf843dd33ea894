/**
 * Typed questions over whisper: `ask, number, name, question` one way, `answer, number, ok or
 * refused, answer` the other. An answer counts only from the node that was asked.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { refusing } from "../../Protocol/internal/Decoding.ts"
import type { Sized } from "../../Transport/Readers.ts"
import {
  AskRefused,
  AskTimeout,
  type MessageTooLarge,
  type PeerNotFound,
  type PeerUnavailable,
  SubFlagTaken,
  TooManyRequests
} from "../MeshError.ts"
import { type MeshMessage, toWire } from "../MeshMessage.ts"
import type { Query } from "../Query.ts"
import { claim, consume } from "./Handlers.ts"
import type { MeshNode } from "./MeshNode.ts"
import { valueRefused } from "./Refusals.ts"
import { maxRequestIdLength, newRequestId } from "./RequestId.ts"
import { nodeEnds } from "./Search.ts"
import { offer, whisper } from "./Sender.ts"

const askSubFlag = "ask"
const answerSubFlag = "answer"

/** So much is repeated of the name of a question that nobody answers. */
const maxNameLength = 256

/** A question that came in. */
interface Asked extends Sized<Asked> {
  readonly from: string
  readonly number: string
  readonly text: string
}

/** A question that waits for its answer, or for what is said instead. */
interface Waiting {
  readonly id: string
  readonly answer: Deferred.Deferred<string, string>
}

/** The questions of one node: those it can answer, and those it waits for. */
export class Questions {
  readonly #node: MeshNode
  readonly #responders = new Map<string, (asked: Asked) => void>()
  readonly #waiting = new Map<string, Waiting>()

  constructor(node: MeshNode) {
    this.#node = node
  }

  /** Takes the two sub-flags until the scope closes. */
  readonly listen: Effect.Effect<void, SubFlagTaken, Scope.Scope> = Effect.suspend(() =>
    Effect.andThen(
      claim(this.#node, askSubFlag, (message) => this.#asked(message)),
      claim(this.#node, answerSubFlag, (message) => this.#answered(message))
    )
  )

  /** The node is shutting down: nobody's answer comes any more. */
  readonly end: Effect.Effect<void> = Effect.sync(() => {
    for (const { answer } of this.#waiting.values()) {
      Deferred.doneUnsafe(answer, Effect.fail(nodeEnds))
    }
  })

  respond<Q, A, E, R>(
    query: Query<Q, A>,
    handler: (question: Q, from: string) => Effect.Effect<A, E, R>
  ): Effect.Effect<void, SubFlagTaken, Scope.Scope | R> {
    const decode = Schema.decodeEffect(query.question)
    const encode = Schema.encodeEffect(query.answer)
    const answer = (asked: Asked) =>
      Effect.matchEffect(refusing(() => decode(asked.text)), {
        onFailure: (error) => {
          valueRefused(this.#node, query.name, asked.from, error)
          return Effect.sync(() => this.#reply(asked, "refused", `that is no question for "${query.name}"`))
        },
        onSuccess: (question) =>
          Effect.flatMap(
            Effect.flatMap(handler(question, asked.from), encode),
            (text) => {
              const error = this.#reply(asked, "ok", text)
              return error === undefined ? Effect.void : Effect.fail(error)
            }
          )
      }).pipe(
        Effect.onError(() =>
          Effect.sync(() => this.#reply(asked, "refused", `the responder to "${query.name}" failed`))
        )
      )
    return Effect.gen({ self: this }, function*() {
      if (this.#responders.has(query.name)) return yield* new SubFlagTaken({ subFlag: query.name })
      const publish = yield* consume(this.#node, `respond ${query.name}`, answer)
      yield* Effect.acquireRelease(
        Effect.sync(() => this.#responders.set(query.name, publish)),
        () =>
          Effect.sync(() => {
            this.#responders.delete(query.name)
            this.#node.refusedCounts.delete(query.name)
          })
      )
    })
  }

  ask<Q, A>(
    query: Query<Q, A>,
    id: string,
    question: Q,
    timeout: Duration.Input
  ): Effect.Effect<
    A,
    | AskRefused
    | AskTimeout
    | MessageTooLarge
    | PeerNotFound
    | PeerUnavailable
    | Schema.SchemaError
    | TooManyRequests
  > {
    const limit = this.#node.options.maxPendingRequests
    return Effect.gen({ self: this }, function*() {
      const text = yield* Schema.encodeEffect(query.question)(question)
      // Who is told that the node ends may ask again at once, while it has links still.
      if (this.#node.ended.isOpen()) return yield* new AskRefused({ query: query.name, id, detail: nodeEnds })
      if (this.#waiting.size >= limit) return yield* new TooManyRequests({ limit })
      const number = newRequestId(this.#node)
      const answer = yield* Deferred.make<string, string>()
      const answered = yield* Effect.acquireUseRelease(
        Effect.sync(() => this.#waiting.set(number, { id, answer })),
        () =>
          Effect.andThen(
            whisper(this.#node, id, toWire([askSubFlag, number, query.name, text])),
            Effect.mapError(Deferred.await(answer), (detail) => new AskRefused({ query: query.name, id, detail }))
          ).pipe(Effect.timeoutOrElse({
            duration: timeout,
            orElse: () =>
              Effect.fail(new AskTimeout({ query: query.name, id, afterMillis: Duration.toMillis(timeout) }))
          })),
        () => Effect.sync(() => this.#waiting.delete(number))
      )
      return yield* refusing(() => Schema.decodeEffect(query.answer)(answered))
    })
  }

  #asked(message: MeshMessage): void {
    const [number, name, text] = message.texts
    const isQuestion = message.kind === "whisper" && number !== undefined && name !== undefined && text !== undefined
    if (!isQuestion || number.length > maxRequestIdLength) {
      this.#node.counters.ignored++
      return
    }
    const { from, heldBytes } = message
    // Texts keep nothing of what was received.
    const asked: Asked = { from, number, text, heldBytes, sharedMemory: undefined, copy: () => asked }
    const responder = this.#responders.get(name)
    if (responder !== undefined) responder(asked)
    else this.#refuse(asked, `nobody responds to "${name.slice(0, maxNameLength)}" there`)
  }

  /** At once, without a fiber or a signature, and not where it would fill the queue: anybody can ask for anything. */
  #refuse(asked: Asked, detail: string): void {
    const link = this.#node.table.get(asked.from)?.link
    if (link?.outbox.hasRoom !== true) this.#node.counters.ignored++
    else link.say(link.make("whisper", toWire([answerSubFlag, asked.number, "refused", detail])))
  }

  #answered(message: MeshMessage): void {
    const [number, verdict, text] = message.texts
    const waiting = this.#waiting.get(number ?? "")
    if (message.kind !== "whisper" || waiting === undefined || waiting.id !== message.from || text === undefined) {
      this.#node.counters.ignored++
      return
    }
    Deferred.doneUnsafe(waiting.answer, verdict === "ok" ? Effect.succeed(text) : Effect.fail(text))
  }

  /**
   * To a neighbor alone: whoever asks and leaves is not looked for. At once: an asker that reads nothing must not keep
   * others waiting for the places of its handler. Gives the error when it is too large.
   */
  #reply(asked: Asked, verdict: "ok" | "refused", text: string): MessageTooLarge | undefined {
    const peer = this.#node.table.get(asked.from)
    return peer && offer(this.#node, peer, toWire([answerSubFlag, asked.number, verdict, text]))
  }
}
