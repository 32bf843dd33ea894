/** What the colors and shapes of a drawn mesh mean, with the number of nodes that have them. */
import { group, mark } from "./PictureMark.ts"
import { coordinate, number, text, textWidth } from "./PictureMarkup.ts"

/**
 * Nodes of one kind, or links of one class; see `PictureStyle.sheet`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly kind: string
  readonly label: string
}

/**
 * How many nodes have so many hops.
 *
 * @category models
 * @since 0.1.0
 */
export interface HopsEntry extends Entry {
  readonly count: number
}

/**
 * Pixels that a legend takes.
 *
 * @category options
 * @since 0.1.0
 */
export const height = 104

/**
 * Draws a legend, so wide, below and to the right of the origin: a table of hops, then the other
 * nodes, then links.
 *
 * @category encoding
 * @since 0.1.0
 */
export const draw = (
  hops: ReadonlyArray<HopsEntry>,
  nodes: ReadonlyArray<Entry>,
  links: ReadonlyArray<Entry>,
  width: number
): string =>
  [
    hopsTable(hops, width),
    flow(nodes, 72, (entry, x, y) => symbol(entry.kind, x + 9, y - 5)),
    flow(links, 96, (entry, x, y) => `<path class="${entry.kind}" stroke-width="2" d="M${coordinate(x)} ${y - 5}h18"/>`)
  ].join("\n")

const fontSize = 15

const symbol = (kind: string, x: number, y: number): string => {
  const radius = kind === "author" ? 5 : 6.5
  return group(kind, radius, mark(kind, x, y, radius))
}

const hopsTable = (hops: ReadonlyArray<HopsEntry>, width: number): string => {
  if (hops.length === 0) return ""
  const head = 62
  const columnWidth = Math.min(96, (width - head) / hops.length)
  const heads = text(0, 16, "hops", { kind: "muted", fontSize }) + text(0, 39, "nodes", { kind: "muted", fontSize })
  return heads + hops.map(({ count, kind, label }, index) => {
    const x = head + index * columnWidth
    return symbol(kind, x + 8, 11) +
      text(x + 21, 16, label, { fontSize }) +
      text(x + 1, 39, count < 10_000 ? number(count) : `${number(count / 1000, 1)}k`, { fontSize })
  }).join("")
}

/** Entries in a row, each as wide as its label needs. */
const flow = (entries: ReadonlyArray<Entry>, y: number, symbol: (entry: Entry, x: number, y: number) => string) => {
  let x = 0
  return entries.map((entry) => {
    const elements = symbol(entry, x, y) + text(x + 26, y, entry.label, { fontSize })
    x += 26 + textWidth(entry.label, fontSize) + 10
    return elements
  }).join("")
}
