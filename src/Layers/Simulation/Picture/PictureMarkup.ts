/** Text in a picture: escaped, measured so that nothing overlaps, and numbers as people read them. */

/**
 * Text for the content or an attribute of an element. What XML has no place for becomes U+FFFD.
 *
 * @category encoding
 * @since 0.1.0
 */
export const escape = (text: string): string =>
  text.toWellFormed().replace(
    /[<>&"']|[^\t\n\r\x20-\ufffd\u{10000}-\u{10ffff}]/gu,
    (character) => entities[character] ?? "\ufffd"
  )

const entities: Record<string, string> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", "\"": "&quot;", "'": "&#39;" }

/**
 * A width in pixels that the text does not exceed in common sans-serif fonts, of which DejaVu is a wide one.
 *
 * @category math
 * @since 0.1.0
 */
export const textWidth = (text: string, fontSize: number): number => {
  let ems = 0
  for (const character of text) ems += emsOf(character)
  return ems * fontSize
}

const emsOf = (character: string): number => {
  if (/[iljtfrI.,:;'|!()[\] /]/.test(character)) return 0.42
  if (/[mwMWG@%&—…]/.test(character)) return 1
  if (/[A-Z+<>=]/.test(character)) return 0.84
  return /[!-~·–]/.test(character) ? 0.65 : 1.4
}

/**
 * The text, or as much of its beginning as is not wider, and an ellipsis.
 *
 * @category encoding
 * @since 0.1.0
 */
export const fit = (text: string, maxWidth: number, fontSize: number): string => {
  if (textWidth(text, fontSize) <= maxWidth) return text
  let fitting = ""
  let width = textWidth("…", fontSize)
  for (const character of text) {
    width += textWidth(character, fontSize)
    if (width > maxWidth) break
    fitting += character
  }
  return `${fitting}…`
}

/**
 * How a text is set: `kind` is a class of the style sheet, the default font size is 16.
 *
 * @category options
 * @since 0.1.0
 */
export interface TextOptions {
  readonly kind?: string
  readonly anchor?: "start" | "middle" | "end"
  readonly fontSize?: number
  readonly maxWidth?: number
}

/**
 * A text element; (x, y) is on its baseline.
 *
 * @category encoding
 * @since 0.1.0
 */
export const text = (x: number, y: number, content: string, options: TextOptions = {}): string => {
  const { anchor = "start", fontSize = 16, kind, maxWidth = Infinity } = options
  const attributes = (kind === undefined ? "" : ` class="${kind}"`) +
    (anchor === "start" ? "" : ` text-anchor="${anchor}"`) +
    ` font-size="${coordinate(fontSize)}"`
  return `<text x="${coordinate(x)}" y="${coordinate(y)}"${attributes}>${
    escape(fit(content, maxWidth, fontSize))
  }</text>`
}

/**
 * A coordinate to a tenth of a pixel.
 *
 * @category encoding
 * @since 0.1.0
 */
export const coordinate = (value: number): string => `${Math.round(value * 10) / 10 + 0}`

/**
 * A number with commas between thousands, and at most so many decimals.
 *
 * @category encoding
 * @since 0.1.0
 */
export const number = (value: number, maxDecimals = 0): string => {
  const factor = 10 ** maxDecimals
  const [whole = "", decimals] = `${Math.round(value * factor) / factor}`.split(".")
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",")
  return decimals === undefined ? grouped : `${grouped}.${decimals}`
}

/**
 * A number with three digits that count, or all of those before the point.
 *
 * @category encoding
 * @since 0.1.0
 */
export const brief = (value: number): string => number(value, value < 10 ? 2 : value < 100 ? 1 : 0)

/**
 * A time in milliseconds or seconds, whichever is shorter.
 *
 * @category encoding
 * @since 0.1.0
 */
export const duration = (millis: number): string => millis < 1000 ? `${brief(millis)} ms` : `${brief(millis / 1000)} s`

/**
 * "1 node", "2 nodes".
 *
 * @category encoding
 * @since 0.1.0
 */
export const counted = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? "" : "s"}`
