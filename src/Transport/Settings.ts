/** Settings of a node as users give them: what is left out has its default, and what makes no sense is refused. */
import * as Duration from "effect/Duration"

/** Of those settings the ones that are given: what is undefined is not. */
export type Given<Options> = { readonly [Name in keyof Options]?: Options[Name] | undefined }

/** The defaults with those settings changed that are given: one that is undefined is not. @internal */
export const withDefaults = <Options extends object>(defaults: Options, given: Given<Options>): Options => {
  const settings = { ...defaults, ...given } as Options
  for (const name in defaults) settings[name] ??= defaults[name]
  return settings
}

/** What is done again after a time, or forgotten one by one: with none a node would do nothing else. Of the last two none would let nothing in. */
const mustBePositive = /nterval$|^reconnect|^(maxSeenIds|inboxCapacity|maxMessagesPerSecond)$/

/**
 * The same, and throws a `RangeError` that says what to write for a number or a time that makes no sense. Pages
 * do without it: what they load is counted. @internal
 */
export const checked = <Options extends object>(defaults: Options, given: Given<Options>): Options => {
  const settings = withDefaults(defaults, given)
  for (const name in defaults) {
    const [value, usual]: ReadonlyArray<unknown> = [settings[name], defaults[name]]
    const isTime = Duration.isDuration(usual)
    if (!isTime && typeof usual !== "number") continue
    const amount = isTime ? millisOf(value) : value
    const isPositive = mustBePositive.test(name)
    if (typeof amount === "number" && (amount > 0 || (amount === 0 && !isPositive))) continue
    const write = `a ${isTime ? "time" : "number"} ${isPositive ? "above 0" : "of 0 or more"}`
    throw new RangeError(`the setting ${name} is ${String(value)}: write ${write}`)
  }
  return settings
}

const millisOf = (time: unknown): number | undefined => {
  try {
    return Duration.toMillis(time as Duration.Input)
  } catch {
    return undefined
  }
}
