/** Colors for people, and texts from strangers made harmless for a terminal. */
import { harmless } from "../Protocol/internal/Harmless.ts"

export { harmless, harmlessJson } from "../Protocol/internal/Harmless.ts"

/**
 * Whether a stream shows colors: it is a terminal, and the user did not ask for none (`NO_COLOR`).
 *
 * @category predicates
 * @since 0.1.0
 */
export const hasColors = (stream: { readonly isTTY?: boolean | undefined }): boolean =>
  stream.isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb"

/**
 * Ways to set off parts of a line.
 *
 * @category models
 * @since 0.1.0
 */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
}

const plain = (text: string): string => text
const ansi = (code: number) => (text: string): string => `\u001b[${code}m${text}\u001b[0m`

/**
 * A style with colors, or one that changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (isColored: boolean): Style =>
  isColored ? { bold: ansi(1), dim: ansi(2), red: ansi(31) } : { bold: plain, dim: plain, red: plain }

/** Letters of an id that tell it from others. */
const shortLetters = 8

/**
 * An id as people see it: its first letters.
 *
 * @category encoding
 * @since 0.1.0
 */
export const short = (id: string): string => harmless(id.slice(0, shortLetters))
