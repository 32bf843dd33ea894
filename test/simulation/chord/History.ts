/**
 * What clients asked of a dictionary and what they were told, to be checked against its contract
 * (`Chord/Record.ts`) by `HistoryCheck`. Times are those of one clock outside of the nodes, which may
 * have clocks of their own.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Version } from "../../../src/Chord/Version.ts"

/**
 * What a client asks: to read a key, to write a value (`set`; `update` for one of several that are
 * written at once), or to delete it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  /** Clients do one thing after the other; what a node does at once belongs to different clients. */
  readonly client: string
  readonly kind: "get" | "set" | "delete" | "update"
  readonly key: string
  /** What is to be written. */
  readonly value?: string | undefined
  /** When what is written ends, in milliseconds of the outer clock. */
  readonly expiresAtMillis?: number | undefined
}

/**
 * What a client is told when it is told that it went well.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  /** What was read; `undefined`: nothing. */
  readonly value?: string | undefined
  /** The version that was written, or read (of the tombstone, where nothing was read), if it is told. */
  readonly version?: Version | undefined
}

/**
 * One operation, with what became of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operation extends Call {
  /** What was written or read; `undefined` for a delete and where nothing was found. */
  readonly value: string | undefined
  /** `undefined` when it was not told. Checks of order need the versions of acknowledged writes. */
  readonly version: Version | undefined
  readonly invokedMillis: number
  /** `undefined` while there is no answer. */
  readonly completedMillis: number | undefined
  /** `failed` and `unknown` say the same of a write: it may have taken effect, or still may. */
  readonly outcome: "acknowledged" | "failed" | "unknown"
}

/**
 * Collects operations, in the order in which they began.
 *
 * @category models
 * @since 0.1.0
 */
export class History {
  readonly #operations: Array<Operation> = []

  /** What was collected so far. */
  get operations(): ReadonlyArray<Operation> {
    return this.#operations
  }

  /**
   * Notes that a call begins; gives a function that notes its end: `answer` when it went well,
   * `undefined` when it failed. A call that never ends stays `unknown`.
   */
  begin(call: Call, nowMillis: number): (answer: Answer | undefined, nowMillis: number) => void {
    const index = this.#operations.length
    const begun: Operation = {
      ...call,
      value: call.value,
      version: undefined,
      invokedMillis: nowMillis,
      completedMillis: undefined,
      outcome: "unknown"
    }
    this.#operations.push(begun)
    return (answer, completedMillis) => {
      this.#operations[index] = answer === undefined
        ? { ...begun, completedMillis, outcome: "failed" }
        : {
          ...begun,
          value: call.kind === "get" ? answer.value : call.value,
          version: answer.version,
          completedMillis,
          outcome: "acknowledged"
        }
    }
  }

  /**
   * Runs what carries out a call and notes how it went; `read` says what its result tells the client.
   * When it is interrupted or dies, nobody was told anything.
   */
  track<A, E, R>(call: Call, run: Effect.Effect<A, E, R>, read: (result: A) => Answer): Effect.Effect<A, E, R> {
    return Effect.flatMap(Clock.currentTimeMillis, (invokedMillis) => {
      const end = this.begin(call, invokedMillis)
      return Effect.onExit(run, (exit) =>
        Effect.map(Clock.currentTimeMillis, (nowMillis) => {
          if (Exit.isSuccess(exit)) end(read(exit.value), nowMillis)
          else if (Exit.hasFails(exit)) end(undefined, nowMillis)
        }))
    })
  }
}
