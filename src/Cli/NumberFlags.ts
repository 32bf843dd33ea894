/** Flags that are numbers and times within bounds; anything else is wrong usage. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

/** A number within bounds. */
export const number = (name: string, minimum: number, maximum: number, what: string): Flag.Flag<number> =>
  Flag.Finite(name).pipe(Flag.filter((value) => value >= minimum && value <= maximum, () => what))

/** A whole number from 1 on. */
export const count = (name: string, maximum: number): Flag.Flag<number> =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.filter((value) => value >= 1 && value <= maximum, () => `a number from 1 to ${maximum}`)
  )

/** A time with its unit, in milliseconds; `least` says of one under `minMillis` what is expected. */
export const duration = (name: string, maxMillis: number, minMillis = 0, least = ""): Flag.Flag<number> =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.filterMap(
      (text) => {
        const millis = toMillis(text)
        return millis !== undefined && millis >= minMillis && millis <= maxMillis
          ? Option.some(millis)
          : Option.none()
      },
      (text) =>
        (toMillis(text) ?? minMillis) < minMillis
          ? least
          : `a time such as 50ms, 10s or 5m, of ${toText(maxMillis)} at most`
    )
  )

/**
 * Arguments with a value that begins with a minus joined to its flag: `--duration -5s` is a time that is refused, not
 * flags named 5 and s.
 */
export const joinNegatives = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const joined: Array<string> = []
  let isOver = false
  for (const arg of args) {
    const flag = joined.at(-1)
    isOver ||= arg === "--"
    if (!isOver && flag !== undefined && /^--[a-z-]+$/.test(flag) && /^-\d/.test(arg)) {
      joined[joined.length - 1] = `${flag}=${arg}`
    } else joined.push(arg)
  }
  return joined
}

/** A time above zero, for what takes place within it. */
export const span = (name: string, maxMillis: number): Flag.Flag<number> =>
  duration(name, maxMillis, Number.MIN_VALUE, "a time above zero, such as 500ms or 10s")

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const toMillis = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  return match === null ? undefined : Number(match[1]) * units[match[2]!]!
}

/** In the largest unit of which it is a whole number. */
const toText = (millis: number): string => {
  const [unit, size] = Object.entries(units).findLast(([, size]) => millis % size === 0) ?? ["ms", 1]
  return `${millis / size}${unit}`
}
