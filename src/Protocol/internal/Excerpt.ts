/** The beginning of a text from a stranger, for whoever keeps it. */

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * So many characters of a text at most, in memory of their own: what is cut from a text otherwise keeps all of it, be it
 * two million.
 */
export const excerpt = (text: string, maxLength: number): string =>
  text.length <= maxLength ? text : decoder.decode(encoder.encode(text.slice(0, maxLength)))
