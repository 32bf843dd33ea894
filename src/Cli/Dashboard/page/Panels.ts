/** The panels beside the picture: figures, a chart, a table, what happens. */
import { byId, fit, html, set, svg } from "./Dom.ts"
import type { Line } from "./Words.ts"

export interface Tile {
  readonly name: string
  readonly value: string
  readonly isAlarm?: boolean
}

export const showTiles = (tiles: ReadonlyArray<Tile>): void =>
  byId("tiles").replaceChildren(
    ...tiles.map(({ isAlarm = false, name, value }) =>
      html("dl", { class: isAlarm ? "tile alarm" : "tile" }, html("dt", {}, name), html("dd", {}, value))
    )
  )

/** Lines that are shown. */
const maxLines = 120

/** Adds lines on top, the last one first. */
export const addLines = (lines: ReadonlyArray<Line & { readonly when: string }>): void => {
  const list = byId("events")
  for (const { color, icon, text, when } of lines) {
    list.prepend(
      html(
        "li",
        { class: `c-${color}` },
        html("time", {}, when),
        html("span", { class: "icon", "aria-hidden": "true" }, icon),
        html("span", { class: "text" }, text)
      )
    )
  }
  while (list.childElementCount > maxLines) list.lastElementChild?.remove()
}

export const clearLines = (): void => byId("events").replaceChildren()

export interface Column {
  readonly name: string
  readonly kind?: "number" | "wide" | "mono"
}

type Cell = string | { readonly text: string; readonly color: string }

/** A table in place of what is there; a sentence when it has no rows. */
export const showTable = (
  title: string,
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  empty: string
): void => {
  byId("list-title").textContent = title
  const list = byId("list")
  if (rows.length === 0) return list.replaceChildren(html("p", { class: "empty" }, empty))
  const classOf = (index: number) => columns[index]?.kind ?? ""
  const head = columns.map(({ name }, index) => html("th", { class: classOf(index) }, name))
  const body = rows.map((row) =>
    html(
      "tr",
      {},
      ...row.map((cell, index) =>
        html(
          "td",
          { class: classOf(index) },
          typeof cell === "string" ? cell : html("span", { class: `badge c-${cell.color}` }, cell.text)
        )
      )
    )
  )
  const { scrollTop } = list
  list.replaceChildren(html("table", {}, html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...body)))
  list.scrollTop = scrollTop
}

/** Values over time that a chart shows. */
const maxValues = 90

/** Curves over the last values, `maxValues` of each, one scale for all. */
export class Chart {
  readonly #element: SVGSVGElement
  readonly #colors: ReadonlyArray<string>
  #values: Array<ReadonlyArray<number>> = []
  #width = 0
  #height = 0

  constructor(element: SVGSVGElement, colors: ReadonlyArray<string>) {
    this.#element = element
    this.#colors = colors
    fit(element, (width, height) => {
      this.#width = width
      this.#height = height
      this.#draw()
    })
  }

  add(values: ReadonlyArray<number>): void {
    this.#values.push(values)
    if (this.#values.length > maxValues) this.#values = this.#values.slice(-maxValues)
    this.#draw()
  }

  #draw(): void {
    const [width, height] = [this.#width, this.#height]
    const top = Math.max(1, ...this.#values.flat())
    const x = (index: number) => width - (this.#values.length - 1 - index) * (width / (maxValues - 1))
    const y = (value: number) => height - 3 - (value / top) * (height - 18)
    const children: Array<SVGElement> = [
      svg("line", { class: "axis", x1: 0, x2: width, y1: height - 3, y2: height - 3 }),
      svg("text", { x: 0, y: 10 }, `${top < 10 ? top.toFixed(1) : Math.round(top).toLocaleString("en")}`)
    ]
    set(children[1]!, { "text-anchor": "start", class: "scale" })
    for (const [series, color] of this.#colors.entries()) {
      const points = this.#values.map((values, index) => `${x(index).toFixed(1)},${y(values[series] ?? 0).toFixed(1)}`)
      if (points.length < 2) continue
      children.push(
        svg("polygon", {
          class: `area c-${color}`,
          points: `${x(0).toFixed(1)},${height - 3} ${points.join(" ")} ${width},${height - 3}`
        }),
        svg("polyline", { class: `curve c-${color}`, points: points.join(" ") })
      )
    }
    this.#element.replaceChildren(...children)
  }
}
