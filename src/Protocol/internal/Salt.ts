/** What makes the id of a node another one than that of whoever had its address before. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** Four numbers that nobody else knows. */
export type Secret = readonly [number, number, number, number]

export const drawSecret: Effect.Effect<Secret> = Effect.map(
  Random.Random,
  (random): Secret => [random.nextIntUnsafe(), random.nextIntUnsafe(), random.nextIntUnsafe(), random.nextIntUnsafe()]
)

/** The text of it that goes into an id. */
export const toSalt = (secret: Secret): string => secret.map((number) => number.toString(36)).join(".")

/** Whether a text may be a salt: one that was kept may have been changed by others. */
export const isSalt = (text: string): boolean => /^[\x21-\x7e]{1,128}$/.test(text)
