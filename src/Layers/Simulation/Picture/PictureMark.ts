/** What stands for a node in a picture and its legend: its kind has a shape as well as a color. */
import { coordinate } from "./PictureMarkup.ts"

/**
 * The mark of a node, with its middle at (x, y): a star for "author", a square for "lost", a circle
 * for all other kinds. Color and stroke come from the group that it is in. `content` is markup.
 *
 * @category encoding
 * @since 0.1.0
 */
export const mark = (kind: string, x: number, y: number, radius: number, content = ""): string => {
  if (kind === "author") return element(`polygon points="${star(x, y, Math.max(8, 1.9 * radius))}"`, content)
  if (kind !== "lost") {
    return element(`circle cx="${coordinate(x)}" cy="${coordinate(y)}" r="${coordinate(radius)}"`, content)
  }
  const side = coordinate(1.8 * radius)
  const corner = `x="${coordinate(x - 0.9 * radius)}" y="${coordinate(y - 0.9 * radius)}"`
  return element(`rect ${corner} width="${side}" height="${side}"`, content)
}

/**
 * The classes of the group that marks of this kind are in.
 *
 * @category encoding
 * @since 0.1.0
 */
export const group = (kind: string, radius: number, marks: string): string => {
  const strokeWidth = Math.min(1.5, Math.max(0.5, radius / 5))
  return `<g class="node ${kind}" stroke-width="${coordinate(strokeWidth)}">${marks}</g>`
}

const element = (start: string, content: string): string =>
  content === "" ? `<${start}/>` : `<${start}>${content}</${start.slice(0, start.indexOf(" "))}>`

/** The corners of a star with five points. */
const star = (x: number, y: number, radius: number): string =>
  Array.from({ length: 10 }, (_, corner) => {
    const distance = corner % 2 === 0 ? radius : 0.5 * radius
    const angle = Math.PI * (corner / 5 - 0.5)
    return `${coordinate(x + distance * Math.cos(angle))},${coordinate(y + distance * Math.sin(angle))}`
  }).join(" ")
