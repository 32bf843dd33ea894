/** What makes the id of a node another one than that of whoever had its address before. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** Four numbers that nobody else knows. */
export type Secret = readonly [number, number, number, number]

/**
 * Not from Effect's own source: whoever sees a few of its numbers, as in the ids of searches, can reckon what came
 * before. A source that was put in its place, as in simulations, is taken.
 */
export const drawSecret: Effect.Effect<Secret> = Effect.map(Random.Random, (random): Secret => {
  const draw = random === Context.get(Context.empty(), Random.Random) ? drawUnguessable : () => random.nextIntUnsafe()
  return [draw(), draw(), draw(), draw()]
})

/** 53 bits of the system's. */
const drawUnguessable = (): number => {
  const [high, low] = globalThis.crypto.getRandomValues(new Uint32Array(2))
  return (high! >>> 11) * 2 ** 32 + low!
}

/** The text of it that goes into an id. */
export const toSalt = (secret: Secret): string => secret.map((number) => number.toString(36)).join(".")

/** Whether a text may be a salt: one that was kept may have been changed by others. */
export const isSalt = (text: string): boolean => /^[\x21-\x7e]{1,128}$/.test(text)
