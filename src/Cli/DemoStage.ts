/** How `p2p demo` tells its story: line by line, each with its time, and only what has come true. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Style from "./Style.ts"

/**
 * A step of the demo did not come true.
 *
 * @category errors
 * @since 0.1.0
 */
export class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", { expectation: Schema.String }) {
  override get message(): string {
    return `the demo failed: ${this.expectation}`
  }
}

/** How long a step may take. */
const stepTimeout = "8 seconds"

/** How long to wait until a condition is asked for again. */
const askAgainAfter = "20 millis"

/**
 * Tells the story, and waits for what it tells.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stage {
  /** One line, with the time since the beginning. */
  readonly tell: (text: string) => Effect.Effect<void>
  /** Waits until a condition holds; gives the milliseconds it took. */
  readonly until: (expectation: string, condition: () => boolean) => Effect.Effect<number, DemoFailed>
  /** The same for a condition that has to be asked for, every 20 ms. */
  readonly untilTrue: <E>(
    expectation: string,
    condition: Effect.Effect<boolean, E>
  ) => Effect.Effect<number, DemoFailed | E>
  /** To be called when anything happened. */
  readonly onNews: () => void
}

/**
 * A stage whose clock begins now; `json` makes each line an object.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeStage = Effect.fnUntraced(function*(json: boolean) {
  const startMillis = yield* Clock.currentTimeMillis
  const style = Style.make(!json && Style.hasColors(process.stdout))
  const news = yield* Latch.make(false)
  const stage: Stage = {
    tell: (text) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const millis = now - startMillis
        if (json) return Console.log(JSON.stringify({ event: "step", millis, text }))
        return Console.log(`${style.dim(`${(millis / 1000).toFixed(2).padStart(6)} s`)}  ${text}`)
      }),
    until: (expectation, condition) =>
      within(
        expectation,
        Effect.gen(function*() {
          while (!condition()) {
            yield* news.close
            yield* news.await
          }
        })
      ),
    untilTrue: (expectation, condition) =>
      within(
        expectation,
        Effect.gen(function*() {
          while (!(yield* condition)) yield* Effect.sleep(askAgainAfter)
        })
      ),
    onNews: () => news.openUnsafe()
  }
  return stage
})

/** Gives the milliseconds that something took; fails when they are too many. */
const within = <E>(expectation: string, effect: Effect.Effect<void, E>): Effect.Effect<number, DemoFailed | E> =>
  Effect.gen(function*() {
    const from = yield* Clock.currentTimeMillis
    yield* effect
    return (yield* Clock.currentTimeMillis) - from
  }).pipe(
    Effect.timeoutOrElse({
      duration: stepTimeout,
      orElse: () => Effect.fail(new DemoFailed({ expectation: `${expectation} within ${stepTimeout}` }))
    })
  )

/** A time as people read it. */
export const ms = (millis: number): string => millis < 1 ? "less than 1 ms" : `${millis} ms`
