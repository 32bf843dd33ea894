/** Texts from strangers, made harmless for whoever prints them: on a terminal, in a log, in JSON. */

/** Control characters, line separators, and what turns the direction of writing. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/**
 * A text in one line that cannot move the cursor, change colors or hide anything: such characters
 * are shown as escapes.
 */
export const harmless = (text: string): string =>
  text.replace(unsafe, (character) => {
    const code = character.codePointAt(0)!
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`
  })

/**
 * JSON that means the same and is as harmless. Of its own accord JSON escapes control characters below a space
 * alone, and there are others that begin an escape sequence.
 */
export const harmlessJson = (value: unknown): string =>
  JSON.stringify(value).replace(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
